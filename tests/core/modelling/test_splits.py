"""Splits go by time, and nothing is used before it is known."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boathouse.core.errors import ModelError, OptionError
from boathouse.core.modelling.splits import SplitOptions, assign_splits, split_labels

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = [date(2005, month, 28) for month in range(4, 10)]
ONE_EACH = SplitOptions(validation_months=1, test_months=1)


def test_the_newest_cohorts_test_those_before_validate_the_rest_train() -> None:
    splits = assign_splits(DAYS[::-1], SplitOptions(validation_months=2, test_months=1), as_of=DAYS[-1])
    assert [splits[day] for day in DAYS] == ["train"] * 3 + ["validation"] * 2 + ["test"]


@given(
    cohorts=st.sets(st.dates(), min_size=3, max_size=30),
    validation=st.integers(1, 12),
    test=st.integers(1, 12),
)
def test_no_row_is_trained_on_that_is_later_than_one_validated_on(
    cohorts: set[date], validation: int, test: int
) -> None:
    options = SplitOptions(validation_months=validation, test_months=test)
    if len(cohorts) <= validation + test:
        with pytest.raises(ModelError):
            assign_splits(list(cohorts), options, as_of=max(cohorts))
        return
    splits = assign_splits(list(cohorts), options, as_of=max(cohorts))
    order = ["train", "validation", "test"]
    places = [order.index(splits[day]) for day in sorted(splits)]
    assert places == sorted(places)
    assert (places.count(1), places.count(2)) == (validation, test)


def test_too_few_cohorts_are_named() -> None:
    with pytest.raises(ModelError, match="3") as error:
        assign_splits(DAYS[:2], ONE_EACH, as_of=DAYS[1])
    assert "2005-04-28" in str(error.value)


@pytest.mark.parametrize(("validation", "test"), [(0, 1), (1, 0), (13, 1)])
def test_no_part_may_be_empty(validation: int, test: int) -> None:
    with pytest.raises(OptionError):
        SplitOptions(validation_months=validation, test_months=test)


def test_a_label_known_later_than_as_of_is_not_used(spark: SparkSession) -> None:
    """The last cohort's label is known a day after ``as_of``: its cohort is no cohort yet."""
    as_of = date(2005, 8, 31)
    known = [*DAYS[1:5], date(2005, 9, 1)]
    rows = [(1, day, on) for day, on in zip(DAYS, known, strict=False)]
    labels = spark.createDataFrame(rows, "customer_id bigint, observed_on date, known_on date")
    found = split_labels(labels, as_of, ONE_EACH, time="observed_on", known="known_on").collect()
    assert {row["observed_on"]: row["split"] for row in found} == {
        DAYS[0]: "train",
        DAYS[1]: "train",
        DAYS[2]: "validation",
        DAYS[3]: "test",
    }
