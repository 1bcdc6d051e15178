"""Splits by time: never a row of a later cohort in front of an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.core.errors import ModelError
from boathouse.core.options import require_whole


@dataclass(frozen=True)
class SplitOptions:
    """How many of the newest labelled cohorts are kept from training.

    Attributes:
        validation_months: Cohorts for selection, calibration and threshold, 1 to 12.
        test_months: Newest cohorts, for evaluation alone, 1 to 12.
    """

    validation_months: int
    test_months: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        require_whole("validation_months", self.validation_months, 1, 12)
        require_whole("test_months", self.test_months, 1, 12)


def assign_splits(cohorts: list[date], options: SplitOptions, *, as_of: date) -> dict[date, str]:
    """Return the split of each cohort: the newest test, those before validation, the rest train.

    Raises:
        ModelError: If no cohort would be left to train on.
    """
    kept = options.validation_months + options.test_months
    days = sorted(cohorts)
    if len(days) <= kept:
        raise ModelError.too_few_cohorts(days, kept + 1, as_of)
    names = ["train"] * (len(days) - kept) + ["validation"] * options.validation_months + ["test"] * options.test_months
    return dict(zip(days, names, strict=True))


def split_labels(labels: DataFrame, as_of: date, options: SplitOptions, *, time: str, known: str) -> DataFrame:
    """Return the labels known by ``as_of`` (inclusive) with ``split`` added.

    Args:
        labels: One row per entity and cohort.
        as_of: Labels known later are left out; inclusive.
        options: How many cohorts go where.
        time: Column that dates the cohort.
        known: Column that says from when the label is known.
    """
    usable = labels.where(F.col(known) <= F.lit(as_of))
    cohorts = [row[0] for row in usable.select(time).distinct().collect()]
    splits = assign_splits(cohorts, options, as_of=as_of)
    chosen = F.lit(None).cast("string")
    for day, name in splits.items():
        chosen = F.when(F.col(time) == F.lit(day), name).otherwise(chosen)
    return usable.withColumn("split", chosen)
