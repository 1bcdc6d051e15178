"""How well scored cohorts were predicted, once their labels are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.core.evaluation import metrics
from boathouse.core.evaluation.intervals import BootstrapOptions, Scored, bounds_of, resample_metrics

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from boathouse.core.monitoring.options import PerformanceOptions

# Figures that get an interval, by the name that evaluation uses.
INTERVALS = {"roc_auc": "roc_auc", "brier": "brier_score"}

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
    rows = Scored(*(side[known] for side in (scored.label, scored.probability, scored.decision)))
    counts = metrics.count_decisions(rows.label, rows.decision)
    figures = {
        "observed_rate": float(rows.label.mean()),
        "roc_auc": metrics.roc_auc(rows.label, rows.probability),
        "brier": metrics.brier_score(rows.label, rows.probability),
        "log_loss": metrics.log_loss(rows.label, rows.probability),
        "precision": counts.precision,
        "recall": counts.recall,
        **_intervals(rows, options),
    }
    return {name: None if np.isnan(value) else value for name, value in figures.items()}


def _intervals(rows: Scored, options: PerformanceOptions) -> dict[str, float]:
    sampling = BootstrapOptions(samples=options.bootstraps, confidence=options.confidence, seed=options.seed)
    # The costs of decisions play no part in what is kept here.
    resampled = resample_metrics(rows, sampling, missed=0.0, false_alarm=0.0)
    low, high = zip(*(bounds_of(resampled[name], options.confidence) for name in INTERVALS.values()), strict=True)
    ends = {"low": low, "high": high}
    return {
        f"{name}_{end}": value for end, values in ends.items() for name, value in zip(INTERVALS, values, strict=True)
    }
