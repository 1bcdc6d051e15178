"""How well scored cohorts were predicted, once their labels are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np
from pyspark.sql import functions as F

from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions, bounds_of
from boathouse.modelling.task import BINARY, ScoredRows, Task
from boathouse.monitoring.columns import compare_categorical
from boathouse.monitoring.drift import LABEL_BUDGET, ColumnDrift, grade_drift
from boathouse.monitoring.effects import Certainty

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from boathouse.monitoring.options import DriftOptions, PerformanceOptions


Status = Literal["measured", "pending", "too_few"]


@dataclass(frozen=True, kw_only=True)
class ScoredCohort:
    """Predictions of one model version on one cohort, with labels where known.

    Attributes:
        cohort: Date on which the rows were observed.
        model_version: Registered version that scored them.
        answer: What the model answered, one number a row, by name of the column, the one that is watched first; for a
            binary task ``probability`` (of label 1) and ``decision``.
        label: Label known by ``as_of``; NaN where unknown, and what is infinite counts as unknown.
        labels_known_on: Date on which all labels of the cohort are known, or None if not foreseen.
        entity: A hash of the entity of each row; None where each row is one of its own.
    """

    cohort: date
    model_version: str
    answer: Mapping[str, NDArray[np.float64]]
    label: NDArray[np.float64]
    labels_known_on: date | None
    entity: NDArray[np.int64] | None = None

    @property
    def watched(self) -> tuple[str, NDArray[np.float64]]:
        """Name and values of the column of the answer that is watched."""
        return next(iter(self.answer.items()))


@dataclass(frozen=True, kw_only=True)
class CohortPerformance:
    """One row of ``monitoring.performance``; its contract explains each column.

    Attributes:
        cohort: Date on which the rows were observed.
        model_version: Registered version that scored them.
        status: Whether the cohort is measured, and if not why.
        labels_known_on: Date on which all labels of the cohort are known, or None if not foreseen.
        rows: Rows scored.
        labelled: Rows whose label is known.
        figures: The task's summaries, and its figures once measured, by name of the column.
    """

    cohort: date
    model_version: str
    status: Status
    labels_known_on: date | None
    rows: int
    labelled: int
    figures: Mapping[str, float | None]

    def read(self, name: str) -> object:
        """Return the value of one column of the table; None where it is not known."""
        value = getattr(self, name, None) if name in _OWN else self.figures.get(name)
        return None if isinstance(value, float) and np.isnan(value) else value

    def gap(self, task: Task) -> float | None:
        """Return what was observed less what was predicted, in the label's unit; None until measured."""
        observed, predicted = (self.figures.get(name) for name in (task.observed, task.predicted))
        return None if observed is None or predicted is None else observed - predicted


_OWN = {each.name for each in fields(CohortPerformance)} - {"figures"}


def measure_cohort(
    scored: ScoredCohort, options: PerformanceOptions, *, task: Task = BINARY, adverse: int = 1
) -> CohortPerformance:
    """Return the cohort's figures; without labels its status is ``pending`` and only counts are there."""
    # An infinite label says as little as none, and would be the mean of all others.
    known = np.isfinite(scored.label)
    labelled = int(known.sum())
    status: Status = "pending" if not labelled else "measured" if labelled >= options.minimum_rows else "too_few"
    figures: dict[str, float | None] = {**task.summarise(scored.answer, adverse)}
    if status == "measured":
        answer = {name: values[known] for name, values in scored.answer.items()}
        figures |= _measure(task.pair(scored.label[known], answer, adverse), options, task)
    return CohortPerformance(
        cohort=scored.cohort,
        model_version=scored.model_version,
        status=status,
        labels_known_on=scored.labels_known_on,
        rows=len(known),
        labelled=labelled,
        figures=figures,
    )


def _measure(rows: ScoredRows, options: PerformanceOptions, task: Task) -> dict[str, float | None]:
    measured = task.measure_cohort(rows)
    figures = {each.name: measured[each.source] for each in task.figures} | _intervals(rows, options, task)
    return {name: None if np.isnan(value) else value for name, value in figures.items()}


def _intervals(rows: ScoredRows, options: PerformanceOptions, task: Task) -> dict[str, float]:
    sampling = BootstrapOptions(samples=options.bootstraps, confidence=options.confidence, seed=options.seed)
    # The costs of decisions play no part in what is kept here.
    resampled = task.resample(rows, sampling, CostOptions(missed=0.0, false_alarm=0.0))
    ends: dict[str, float] = {}
    for figure in task.figures:
        if figure.interval:
            low, high = bounds_of(resampled[figure.source], options.confidence)
            ends |= {f"{figure.name}_low": low, f"{figure.name}_high": high}
    return ends


@dataclass(frozen=True)
class LabelRate:
    """Labels of one cohort: how many are known, and their mean (for a binary task the share of label 1)."""

    cohort: date
    rows: int
    rate: float


def count_labels(labels: DataFrame, as_of: date, *, time: str, label: str) -> list[LabelRate]:
    """Return the label rate of each cohort with labels known by ``as_of`` (inclusive), oldest first."""
    rates = (
        labels.where((F.col("label_known_on") <= F.lit(as_of)) & F.col(label).isNotNull())
        .groupBy(time)
        .agg(F.count(label).alias("rows"), F.avg(label).alias("rate"))
        .collect()
    )
    return sorted((LabelRate(row[time], int(row["rows"]), float(row["rate"])) for row in rates), key=_cohort)


def compare_labels(
    rates: list[LabelRate], *, label: str, options: DriftOptions, task: Task = BINARY
) -> list[ColumnDrift]:
    """Return the drift of the newest labelled cohort against the one before.

    Empty for fewer than two, and for a task whose label is not 0 or 1: a mean alone cannot be tested. An entity has one
    label a cohort; that the same entities stand in both makes the bounds wider than they need to be.
    """
    if len(rates) < 2 or not task.has_categories:
        return []
    certainty = Certainty(options.split_error(1, budget=LABEL_BUDGET))
    comparison = compare_categorical(*(_counts(rate) for rate in rates[-2:]), certainty=certainty)
    return [
        ColumnDrift(
            column=label,
            comparison=comparison,
            p_adjusted=comparison.test.p_value,
            severity=grade_drift(comparison, options),
        )
    ]


def _counts(rate: LabelRate) -> dict[str | None, int]:
    ones = round(rate.rows * rate.rate)
    return {"0": rate.rows - ones, "1": ones}


def _cohort(rate: LabelRate) -> date:
    return rate.cohort
