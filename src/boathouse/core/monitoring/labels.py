"""Whether the label itself changed from cohort to cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.core.modelling.task import BINARY, Task
from boathouse.core.monitoring.categorical import compare_categorical
from boathouse.core.monitoring.drift import ColumnDrift, grade_drift

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame

    from boathouse.core.monitoring.options import DriftOptions


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

    Empty for fewer than two, and for a task whose label is not 0 or 1: a mean alone cannot be tested.
    """
    if len(rates) < 2 or not task.has_categories:
        return []
    comparison = compare_categorical(*(_counts(rate) for rate in rates[-2:]))
    p_value = comparison.test.p_value
    return [
        ColumnDrift(
            column=label,
            comparison=comparison,
            p_adjusted=p_value,
            severity=grade_drift(comparison, p_value, options),
        )
    ]


def _counts(rate: LabelRate) -> dict[str | None, int]:
    ones = round(rate.rows * rate.rate)
    return {"0": rate.rows - ones, "1": ones}


def _cohort(rate: LabelRate) -> date:
    return rate.cohort
