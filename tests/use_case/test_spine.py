"""Which rows are scored, and when their labels are known."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from boathouse.inference.rows import select_cohorts
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JULY, AUGUST, SEPTEMBER = date(2005, 7, 31), date(2005, 8, 31), date(2005, 9, 30)


@pytest.fixture(scope="module")
def statements(spark: SparkSession) -> DataFrame:
    rows = [(1, JULY), (2, JULY), (1, AUGUST), (2, AUGUST), (2, SEPTEMBER)]
    return spark.createDataFrame(rows, "customer_id bigint, statement_date date")


@pytest.mark.parametrize(
    ("as_of", "months", "expected"),
    [
        (SEPTEMBER, 1, {(2, SEPTEMBER)}),
        (SEPTEMBER, 2, {(2, SEPTEMBER), (1, AUGUST), (2, AUGUST)}),
        (date(2005, 9, 29), 1, {(1, AUGUST), (2, AUGUST)}),
        (AUGUST, 9, {(1, AUGUST), (2, AUGUST), (1, JULY), (2, JULY)}),
        (date(2005, 1, 1), 2, set()),
    ],
)
def test_newest_cohorts_up_to_as_of(statements: DataFrame, as_of: date, months: int, expected: set) -> None:
    spine = select_cohorts(statements, USE_CASE, as_of, newest=months)
    assert spine.columns == ["customer_id", "observed_on"]
    rows = [tuple(row) for row in spine.collect()]
    assert set(rows) == expected
    assert len(rows) == len(expected)


@pytest.mark.parametrize(
    ("cohort", "known"),
    [
        (SEPTEMBER, date(2005, 10, 31)),
        (date(2005, 12, 31), date(2006, 1, 31)),
        (date(2005, 11, 30), date(2005, 12, 31)),
        (date(2004, 1, 31), date(2004, 2, 29)),
    ],
)
def test_labels_are_known_at_the_end_of_the_next_month(cohort: date, known: date) -> None:
    assert USE_CASE.label.known_on(cohort) == known
