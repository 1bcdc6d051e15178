"""Splits are disjoint and exhaustive, never train on what is later, and use nothing before it is known."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boathouse.errors import ModelError, OptionError
from boathouse.modelling.splits import SPLITS, SplitOptions, assign_splits, split_labels

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = [date(2005, month, 28) for month in range(4, 10)]
ONE_EACH = SplitOptions(validation_cohorts=1, test_cohorts=1)
BY_DATE = SplitOptions(by="dates", validation_from="2005-07-28", test_from=date(2005, 8, 1))
BY_HASH = SplitOptions(by="hash", validation_share=0.2, test_share=0.3, seed=7)


def test_the_newest_cohorts_test_those_before_validate_the_rest_train() -> None:
    splits = assign_splits(DAYS[::-1], SplitOptions(validation_cohorts=2, test_cohorts=1), as_of=DAYS[-1])
    assert [splits[day] for day in DAYS] == ["train"] * 3 + ["validation"] * 2 + ["test"]


def test_a_part_begins_on_its_date() -> None:
    splits = assign_splits(DAYS[::-1], BY_DATE, as_of=DAYS[-1])
    assert [splits[day] for day in DAYS] == ["train"] * 3 + ["validation"] + ["test"] * 2


@given(
    cohorts=st.sets(st.dates(), min_size=3, max_size=30),
    validation=st.integers(1, 12),
    test=st.integers(1, 12),
)
def test_no_row_is_trained_on_that_is_later_than_one_validated_on(
    cohorts: set[date], validation: int, test: int
) -> None:
    options = SplitOptions(validation_cohorts=validation, test_cohorts=test)
    if len(cohorts) <= validation + test:
        with pytest.raises(ModelError):
            assign_splits(list(cohorts), options, as_of=max(cohorts))
        return
    splits = assign_splits(list(cohorts), options, as_of=max(cohorts))
    assert set(splits) == cohorts
    places = [SPLITS.index(splits[day]) for day in sorted(splits)]
    assert places == sorted(places)
    assert (places.count(1), places.count(2)) == (validation, test)


@given(
    cohorts=st.sets(st.dates(), min_size=1, max_size=30),
    first=st.dates(max_value=date(9000, 1, 1)),
    days=st.integers(1, 400_000),
)
def test_dates_split_all_cohorts_in_order(cohorts: set[date], first: date, days: int) -> None:
    options = SplitOptions(by="dates", validation_from=first, test_from=first + timedelta(days=days))
    parts = [
        {day for day in cohorts if day < first},
        {day for day in cohorts if first <= day < first + timedelta(days=days)},
        {day for day in cohorts if day >= first + timedelta(days=days)},
    ]
    if not all(parts):
        empty = ", ".join(name for name, part in zip(SPLITS, parts, strict=True) if not part)
        with pytest.raises(ModelError, match=f"left for {empty};"):
            assign_splits(list(cohorts), options, as_of=max(cohorts))
        return
    splits = assign_splits(list(cohorts), options, as_of=max(cohorts))
    assert [{day for day, name in splits.items() if name == each} for each in SPLITS] == parts


def test_too_few_cohorts_are_named() -> None:
    with pytest.raises(ModelError, match="3") as error:
        assign_splits(DAYS[:2], ONE_EACH, as_of=DAYS[1])
    assert "2005-04-28" in str(error.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"validation_cohorts": 0, "test_cohorts": 1}, "validation_cohorts"),
        ({"validation_cohorts": 1, "test_cohorts": 0}, "test_cohorts"),
        ({"validation_cohorts": 1_001, "test_cohorts": 1}, "validation_cohorts"),
        ({"validation_cohorts": 1}, "'test_cohorts' is None; allowed: needed with by: cohorts"),
        ({"validation_cohorts": 1, "test_cohorts": 1, "seed": 7}, "'seed' is 7; allowed: only with by: hash"),
        ({"by": "dates", "validation_from": "2005-07-28"}, "test_from"),
        ({"by": "dates", "validation_from": "2005-07-28", "test_from": "2005-07-28"}, "after validation_from"),
        ({"by": "dates", "validation_from": "July", "test_from": "2005-07-28"}, "YYYY-MM-DD"),
        ({"by": "hash", "validation_share": 0.2, "test_share": 0.2}, "seed"),
        ({"by": "hash", "validation_share": 0.5, "test_share": 0.5, "seed": 1}, "together"),
        ({"by": "hash", "validation_share": 0.0, "test_share": 0.5, "seed": 1}, "validation_share"),
        ({"by": "random"}, "cohorts, dates, hash"),
        ({"validation_months": 1, "test_cohorts": 1}, "'validation_months' was renamed to 'validation_cohorts'"),
        ({"validation_cohorts": 1, "test_months": 1}, "'test_months' was renamed to 'test_cohorts'"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        SplitOptions(**options)


@pytest.mark.parametrize("options", [ONE_EACH, BY_DATE, BY_HASH], ids=lambda each: each.by)
def test_a_label_known_later_than_as_of_is_not_used(spark: SparkSession, options: SplitOptions) -> None:
    """The last cohort's label is known a day after ``as_of``: its cohort is no cohort yet."""
    as_of = date(2005, 8, 31)
    known = [*DAYS[1:5], as_of, date(2005, 9, 1)]
    rows = [(1, day, on) for day, on in zip(DAYS, known, strict=True)]
    labels = spark.createDataFrame(rows, "owner_id bigint, observed_on date, known_on date")
    found = split_labels(labels, as_of, options, time="observed_on", known="known_on", entity=["owner_id"]).collect()
    splits = {row["observed_on"]: row["split"] for row in found}
    assert set(splits) == set(DAYS[:5])
    if options is ONE_EACH:
        assert [splits[day] for day in DAYS[:5]] == ["train"] * 3 + ["validation", "test"]


def test_all_rows_of_an_entity_are_in_one_part_of_the_size_asked_for(spark: SparkSession) -> None:
    """4,000 entities of two keys with two rows each; the standard deviation of a share is below 0.008."""
    rows = [(number % 40, f"shop {number // 40}", day, day) for number in range(4_000) for day in DAYS[:2]]
    labels = spark.createDataFrame(rows, "region int, shop string, observed_on date, known_on date")

    def parts(options: SplitOptions) -> dict[tuple[int, str], str]:
        split = split_labels(labels, DAYS[-1], options, known="known_on", entity=["region", "shop"]).collect()
        assert len(split) == len(rows)
        found = {(row["region"], row["shop"]): row["split"] for row in split}
        assert len({(row["region"], row["shop"], row["split"]) for row in split}) == len(found) == 4_000
        return found

    first, again = parts(BY_HASH), parts(BY_HASH)
    other = parts(SplitOptions(by="hash", validation_share=0.2, test_share=0.3, seed=8))
    shares = {name: count / 4_000 for name, count in Counter(first.values()).items()}
    assert shares == {
        "train": pytest.approx(0.5, abs=0.04),
        "validation": pytest.approx(0.2, abs=0.04),
        "test": pytest.approx(0.3, abs=0.04),
    }
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("options", "version", "seed"),
    [
        (ONE_EACH, "by=cohorts,validation_cohorts=1,test_cohorts=1,as_of=2005-09-30", None),
        (
            SplitOptions(by="dates", validation_from="2005-06-01", test_from=date(2005, 7, 1)),
            "by=dates,validation_from=2005-06-01,test_from=2005-07-01,as_of=2005-09-30",
            None,
        ),
        (
            SplitOptions(by="hash", validation_share=0.2, test_share=0.3, seed=8),
            "by=hash,validation_share=0.2,test_share=0.3,as_of=2005-09-30",
            8,
        ),
    ],
)
def test_each_row_carries_version_and_seed_of_its_split(
    spark: SparkSession, options: SplitOptions, version: str, seed: int | None
) -> None:
    rows = [(number, day, day) for number in range(20) for day in DAYS]
    labels = spark.createDataFrame(rows, "owner_id bigint, observed_on date, known_on date")
    found = split_labels(labels, date(2005, 9, 30), options, time="observed_on", known="known_on", entity=["owner_id"])
    assert {tuple(row) for row in found.select("split_version", "split_seed").collect()} == {(version, seed)}
    assert dict(found.dtypes)["split_seed"] == "bigint"


def test_other_options_or_other_labels_are_another_version() -> None:
    made = {
        SplitOptions(by="cohorts", validation_cohorts=validation, test_cohorts=1).describe(date(2005, month, 30))
        for validation in (1, 2)
        for month in (8, 9)
    }
    assert len(made) == 4


@pytest.mark.parametrize("options", [ONE_EACH, BY_HASH], ids=lambda each: each.by)
def test_a_column_that_the_split_needs_has_to_be_given(spark: SparkSession, options: SplitOptions) -> None:
    labels = spark.createDataFrame([(1, DAYS[0])], "owner_id bigint, known_on date")
    with pytest.raises(OptionError, match="'by'"):
        split_labels(labels, DAYS[0], options, known="known_on")


def test_only_a_split_by_entity_names_what_it_holds_out() -> None:
    assert (ONE_EACH.held_out, BY_DATE.held_out) == ("", "")
    assert BY_HASH.held_out == "hash of the entity, seed 7, test 0.3"
