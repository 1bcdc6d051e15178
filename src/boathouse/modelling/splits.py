"""Splits of the labelled rows: by time, so that no row of a later cohort stands before an earlier one, or by entity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from boathouse.errors import ModelError, OptionError
from boathouse.options import parse_date, require_between, require_choice, require_whole

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
# The options that each way to split needs; it takes no others.
_NEEDS = {
    "cohorts": ("validation_cohorts", "test_cohorts"),
    "dates": ("validation_from", "test_from"),
    "hash": ("validation_share", "test_share", "seed"),
}
_RENAMED = {"validation_months": "validation_cohorts", "test_months": "test_cohorts"}
_MOST_COHORTS = 1_000
# Shares are kept to a millionth.
_BUCKETS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """What is kept from training, for validation (selection, calibration, threshold) and for test (evaluation alone).

    A cohort is all rows of one date, whatever lies between two dates.

    Attributes:
        by: ``cohorts``: the newest cohorts, by number; ``dates``: cohorts from a date on; ``hash``: a share of the
            entities, all rows of one entity in one part, for data in which time does not matter.
        validation_cohorts: Cohorts before the test cohorts, 1 to 1,000; for ``cohorts``.
        test_cohorts: Newest labelled cohorts, 1 to 1,000; for ``cohorts``.
        validation_from: First date of validation, inclusive, YYYY-MM-DD; for ``dates``.
        test_from: First date of test, inclusive, after ``validation_from``; for ``dates``.
        validation_share: Share of the entities, above 0; for ``hash``.
        test_share: Share of the entities, above 0, with ``validation_share`` at most 0.9; for ``hash``.
        seed: Seed of the hash, 0 to 2**31 - 1; for ``hash``.
        validation_months: Former name of ``validation_cohorts``; refused.
        test_months: Former name of ``test_cohorts``; refused.
    """

    by: str = "cohorts"
    validation_cohorts: int | None = None
    test_cohorts: int | None = None
    validation_from: str | date | None = None
    test_from: str | date | None = None
    validation_share: float | None = None
    test_share: float | None = None
    seed: int | None = None
    validation_months: int | None = None
    test_months: int | None = None

    def __post_init__(self) -> None:
        """Check that the way to split has what it needs, in range, and nothing of another way."""
        for old, new in _RENAMED.items():
            if getattr(self, old) is not None:
                message = f"'{old}' was renamed to '{new}'. Rename it, with the same number."
                raise OptionError(message)
        require_choice("by", self.by, _NEEDS)
        for way, names in _NEEDS.items():
            for name in names:
                if (getattr(self, name) is not None) != (way == self.by):
                    allowed = "needed" if way == self.by else "only"
                    raise OptionError.out_of_range(name, getattr(self, name), f"{allowed} with by: {way}")
        _CHECKS[self.by](self)

    @property
    def held_out(self) -> str:
        """Name the entities kept from training; empty for a split by time, where dates say it."""
        if self.by != "hash":
            return ""
        return f"hash of the entity, seed {self.seed}, test {self.test_share:g}"

    def describe(self, as_of: date) -> str:
        """Return the version of the split: equal texts over equal labels are equal parts.

        Every option of the way to split, without the seed, which is a column of its own, and the cutoff of the labels.
        """
        names = [name for name in _NEEDS[self.by] if name != "seed"]
        parts = [f"{name}={getattr(self, name)}" for name in names]
        return ",".join([f"by={self.by}", *parts, f"as_of={as_of.isoformat()}"])


def _check_cohorts(options: SplitOptions) -> None:
    for name in _NEEDS["cohorts"]:
        require_whole(name, getattr(options, name), 1, _MOST_COHORTS)


def _check_dates(options: SplitOptions) -> None:
    first, second = (parse_date(name, getattr(options, name)) for name in _NEEDS["dates"])
    if first >= second:
        raise OptionError.out_of_range("test_from", second.isoformat(), f"after validation_from ({first})")


def _check_hash(options: SplitOptions) -> None:
    for name in ("validation_share", "test_share"):
        require_between(name, getattr(options, name), 1 / _BUCKETS, 0.9)
    together = (options.validation_share or 0) + (options.test_share or 0)
    require_between("validation_share and test_share together", together, 0, 0.9)
    require_whole("seed", options.seed if options.seed is not None else -1, 0, 2**31 - 1)


_CHECKS = {"cohorts": _check_cohorts, "dates": _check_dates, "hash": _check_hash}


def assign_splits(cohorts: Sequence[date], options: SplitOptions, *, as_of: date) -> dict[date, str]:
    """Return the split of each cohort: the newest test, those before validation, the rest train.

    Args:
        cohorts: Dates with labels.
        options: Where the parts begin: by number of cohorts or by date.
        as_of: Cutoff of the labels, for the error.

    Raises:
        ModelError: If a part would have no cohort.
    """
    days = sorted(cohorts)
    if options.by == "dates":
        ends = [parse_date(name, getattr(options, name)) for name in _NEEDS["dates"]]
        splits = {day: SPLITS[sum(day >= end for end in ends)] for day in days}
        empty = [name for name in SPLITS if name not in splits.values()]
        if empty:
            raise ModelError.empty_split(empty, days, as_of)
        return splits
    validation, test = options.validation_cohorts or 0, options.test_cohorts or 0
    if len(days) <= validation + test:
        raise ModelError.too_few_cohorts(days, validation + test + 1, as_of)
    names = [TRAIN] * (len(days) - validation - test) + [VALIDATION] * validation + [TEST] * test
    return dict(zip(days, names, strict=True))


def split_labels(
    labels: DataFrame,
    as_of: date,
    options: SplitOptions,
    *,
    known: str,
    time: str | None = None,
    entity: Sequence[str] = (),
) -> DataFrame:
    """Return the labels known by ``as_of`` (inclusive) with ``split`` added, and what made it.

    ``split_version`` is :meth:`SplitOptions.describe`, ``split_seed`` the seed of a split by hash, else null.

    Args:
        labels: One row per entity and cohort.
        as_of: Cutoff: the newest date whose labels may be used.
        options: Which rows go where.
        known: Column that says from when the label is known.
        time: Column that dates the cohort; needed unless rows are split by hash.
        entity: Columns that name the entity; needed to split by hash.

    Raises:
        ModelError: If a part would have no cohort.
        OptionError: If the way to split needs a column that is not given.
    """
    from pyspark.sql import functions as F

    usable = (
        labels.where(F.col(known) <= F.lit(as_of))
        .withColumn("split_version", F.lit(options.describe(as_of)))
        .withColumn("split_seed", F.lit(options.seed).cast("bigint"))
    )
    if options.by == "hash":
        if not entity:
            raise OptionError.out_of_range("by", options.by, "hash only with the columns of the entity")
        return usable.withColumn("split", _split_by_hash(entity, options))
    if time is None:
        raise OptionError.out_of_range("by", options.by, "hash, since the rows have no date")
    cohorts = [row[0] for row in usable.select(time).distinct().collect()]
    chosen = F.lit(None).cast("string")
    for day, name in assign_splits(cohorts, options, as_of=as_of).items():
        chosen = F.when(F.col(time) == F.lit(day), name).otherwise(chosen)
    return usable.withColumn("split", chosen)


def _split_by_hash(entity: Sequence[str], options: SplitOptions) -> Column:
    """Return the part of each entity, the same on every engine and in every run."""
    from pyspark.sql import functions as F

    bucket = F.pmod(F.xxhash64(F.lit(options.seed), *entity), F.lit(_BUCKETS))
    test = round((options.test_share or 0) * _BUCKETS)
    validation = test + round((options.validation_share or 0) * _BUCKETS)
    return F.when(bucket < test, TEST).when(bucket < validation, VALIDATION).otherwise(TRAIN)
