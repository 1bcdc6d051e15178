"""Contributions of features over a sample of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.options import require_whole
from boathouse.scoring.scorer import Scorer


@dataclass(frozen=True)
class ExplanationOptions:
    """How much is explained.

    Attributes:
        max_rows: Rows of the sample, 1 to 1,000,000.
        seed: Seed of the sample.
    """

    max_rows: int
    seed: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_whole("max_rows", self.max_rows, 1, 1_000_000)
        require_whole("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True)
class Explanation:
    """SHAP values of a sample (Lundberg & Lee 2017), in log-odds.

    Attributes:
        features: Names of the columns.
        values: Feature values, rows by features; NaN for missing.
        contributions: Share of each in the log-odds, same shape.
    """

    features: tuple[str, ...]
    values: np.ndarray
    contributions: np.ndarray

    @property
    def importance(self) -> dict[str, float]:
        """Mean absolute contribution of each feature in log-odds, largest first."""
        means = np.abs(self.contributions).mean(axis=0).tolist()
        return dict(sorted(zip(self.features, means, strict=True), key=lambda each: -each[1]))


def explain(scorer: Scorer, matrix: np.ndarray, options: ExplanationOptions) -> Explanation:
    """Return the contributions on a seeded sample of the rows, in the rows' order."""
    rows = np.arange(len(matrix))
    if len(rows) > options.max_rows:
        rows = np.sort(np.random.default_rng(options.seed).choice(rows, options.max_rows, replace=False))
    return Explanation(scorer.spec.features, matrix[rows], scorer.contributions(matrix[rows]))
