"""How well scored cohorts were predicted, once their labels are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from numpy.typing import NDArray

    from boathouse.core.monitoring.options import PerformanceOptions

    Floats = NDArray[np.float64]
    Metric = Callable[[Floats, Floats], float | None]

# As scikit-learn: the smallest distance of a probability from 0 and 1 that a logarithm sees.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)

Status = Literal["measured", "pending", "too_few"]


@dataclass(frozen=True, kw_only=True)
class ScoredCohort:
    """Predictions of one model version on one cohort, with labels where known.

    Attributes:
        cohort: Date on which the rows were observed.
        model_version: Registered version that scored them.
        probability: Predicted probability of label 1, one a row, 0 to 1.
        decision: Decision taken, 0 or 1.
        label: Label known by ``as_of``, 0 or 1; NaN where unknown.
        labels_known_on: Date on which all labels of the cohort are known, or None if not foreseen.
    """

    cohort: date
    model_version: str
    probability: NDArray[np.float64]
    decision: NDArray[np.float64]
    label: NDArray[np.float64]
    labels_known_on: date | None


@dataclass(frozen=True, kw_only=True)
class CohortPerformance:
    """One row of ``monitoring.performance``; its contract explains each figure."""

    cohort: date
    model_version: str
    status: Status
    labels_known_on: date | None
    rows: int
    labelled: int
    mean_probability: float
    decision_rate: float
    observed_rate: float | None = None
    roc_auc: float | None = None
    roc_auc_low: float | None = None
    roc_auc_high: float | None = None
    brier: float | None = None
    brier_low: float | None = None
    brier_high: float | None = None
    log_loss: float | None = None
    precision: float | None = None
    recall: float | None = None

    @property
    def gap(self) -> float | None:
        """Observed rate minus mean probability, -1 to 1; None until measured."""
        return None if self.observed_rate is None else self.observed_rate - self.mean_probability


def area_under_roc(label: Floats, probability: Floats) -> float | None:
    """Return the probability that a random 1 is ranked above a random 0, ties half; None for one class."""
    from scipy.stats import rankdata

    ones = float(label.sum())
    zeros = len(label) - ones
    if not ones or not zeros:
        return None
    return float((rankdata(probability)[label == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def brier_score(label: Floats, probability: Floats) -> float | None:
    """Return the mean squared error of the probability, 0 (perfect) to 1."""
    return float(np.mean((probability - label) ** 2))


def measure_cohort(scored: ScoredCohort, options: PerformanceOptions) -> CohortPerformance:
    """Return the cohort's figures; without labels its status is ``pending`` and only counts are there."""
    known = ~np.isnan(scored.label)
    labelled = int(known.sum())
    status: Status = "pending" if not labelled else "measured" if labelled >= options.minimum_rows else "too_few"
    figures = _measure(scored, known, options) if status == "measured" else {}
    return CohortPerformance(
        cohort=scored.cohort,
        model_version=scored.model_version,
        status=status,
        labels_known_on=scored.labels_known_on,
        rows=len(known),
        labelled=labelled,
        mean_probability=float(scored.probability.mean()),
        decision_rate=float(scored.decision.mean()),
        **figures,
    )


def _measure(scored: ScoredCohort, known: NDArray[np.bool_], options: PerformanceOptions) -> dict[str, float | None]:
    label, probability, decision = (side[known] for side in (scored.label, scored.probability, scored.decision))
    clipped = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    caught = float((label * decision).sum())
    return {
        "observed_rate": float(label.mean()),
        **_with_interval("roc_auc", area_under_roc, label, probability, options),
        **_with_interval("brier", brier_score, label, probability, options),
        "log_loss": float(-np.mean(label * np.log(clipped) + (1 - label) * np.log(1 - clipped))),
        "precision": _ratio(caught, float(decision.sum())),
        "recall": _ratio(caught, float(label.sum())),
    }


def _with_interval(
    name: str, metric: Metric, label: Floats, probability: Floats, options: PerformanceOptions
) -> dict[str, float | None]:
    value = metric(label, probability)
    if value is None or not options.bootstraps:
        return {name: value}
    generator = np.random.default_rng(options.seed)
    draws = (generator.integers(0, len(label), len(label)) for _ in range(options.bootstraps))
    found = [metric(label[draw], probability[draw]) for draw in draws]
    tail = (1 - options.confidence) / 2
    low, high = np.quantile([each for each in found if each is not None], [tail, 1 - tail])
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
