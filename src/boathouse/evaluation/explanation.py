"""Contributions of features over a sample of rows, and the figures of an evaluation, which any backend can save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.modelling.task import Words
from boathouse.options import require_whole
from boathouse.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from boathouse.modelling.metrics import CalibrationBin

_BLUE, _GREY = "#2b6cb0", "#718096"
# Features shown; more would not be read.
_TOP = 12


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
    """SHAP values of a sample (Lundberg & Lee 2017), in the unit of the estimator's number.

    Attributes:
        features: Names of the columns.
        values: Feature values, rows by features; NaN for missing.
        contributions: Share of each in that number, same shape.
    """

    features: tuple[str, ...]
    values: np.ndarray
    contributions: np.ndarray

    @property
    def importance(self) -> dict[str, float]:
        """Mean absolute contribution of each feature, largest first."""
        means = np.abs(self.contributions).mean(axis=0).tolist()
        return dict(sorted(zip(self.features, means, strict=True), key=lambda each: -each[1]))


def explain(scorer: Scorer, matrix: np.ndarray, options: ExplanationOptions) -> Explanation:
    """Return the contributions on a seeded sample of the rows, in the rows' order."""
    rows = np.arange(len(matrix))
    if len(rows) > options.max_rows:
        rows = np.sort(np.random.default_rng(options.seed).choice(rows, options.max_rows, replace=False))
    return Explanation(scorer.spec.features, matrix[rows], scorer.contributions(matrix[rows]))


def plot_calibration(bins: Sequence[CalibrationBin], *, title: str, words: Words) -> Figure:
    """Return predicted against observed, one point a bin of equally many rows; the diagonal is perfect."""
    figure = _new_figure(5.5, 5)
    axes = figure.add_subplot()
    top = max(max(each.predicted, each.observed) for each in bins) * 1.1
    axes.plot([0, top], [0, top], color=_GREY, linestyle="--", linewidth=1, label="perfect")
    axes.plot([each.predicted for each in bins], [each.observed for each in bins], "o-", color=_BLUE, label="model")
    axes.set(xlim=(0, top), ylim=(0, top), title=title)
    axes.set(xlabel=f"predicted {words.answer} (mean of bin)", ylabel=f"{words.observed} (of the same rows)")
    axes.legend(frameon=False)
    return figure


def plot_contributions(explanation: Explanation, *, title: str, words: Words) -> Figure:
    """Return a SHAP summary: one point a row and feature; right raises the score, red is a high value."""
    names = list(explanation.importance)[:_TOP][::-1]
    figure = _new_figure(8, 0.42 * len(names) + 1.4)
    axes = figure.add_subplot()
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(explanation.values))
    for height, name in enumerate(names):
        column = explanation.features.index(name)
        shares, colours = explanation.contributions[:, column], _rank(explanation.values[:, column])
        points = axes.scatter(shares, height + jitter, c=colours, cmap="coolwarm", s=3, vmin=0, vmax=1, linewidths=0)
    axes.axvline(0, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=f"contribution, {words.contribution}", title=title)
    bar = figure.colorbar(points, ax=axes, ticks=[0, 1])
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("feature value")
    return figure


def _rank(values: np.ndarray) -> np.ndarray:
    """Return each value's rank among the values, 0 to 1; missing ones in the middle."""
    known = ~np.isnan(values)
    ranks = np.full(len(values), 0.5)
    distinct = np.unique(values[known])
    if len(distinct) > 1:
        ranks[known] = np.searchsorted(distinct, values[known]) / (len(distinct) - 1)
    return ranks


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")
