"""A label says what the next statement says, and is dated by when that is known."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from boathouse.use_case.label import NAME, label_statements
from tests.fixtures.statements import make_statements

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LINES = [
    (1, 4, 0, 0.0, 0.0),
    (1, 5, 1, 0.0, 0.0),
    (1, 6, 2, 0.0, 0.0),
    (2, 4, 0, 0.0, 0.0),
    (2, 6, 0, 0.0, 0.0),
    (3, 5, 3, 0.0, 0.0),
]


@pytest.fixture
def labels(spark: SparkSession) -> dict[tuple[int, int], tuple[int, date]]:
    """Return label and date of knowledge by customer and month; the flag is known of customers 1 and 2."""
    defaults = spark.createDataFrame([(1, 0), (2, 1)], "customer_id bigint, default_next_month int")
    rows = label_statements(make_statements(spark, LINES), defaults).collect()
    assert all(row["label_event_date"] == row["label_known_on"] for row in rows)
    return {(row["customer_id"], row["observed_on"].month): (row[NAME], row["label_known_on"]) for row in rows}


def test_the_next_statement_decides(labels: dict[tuple[int, int], tuple[int, date]]) -> None:
    """On time in April, late in May: April's statement is labelled 1, known on the last of May."""
    assert labels[1, 4] == (1, date(2005, 5, 31))
    assert labels[1, 5] == (1, date(2005, 6, 30))


def test_the_newest_month_has_the_bank_s_flag(labels: dict[tuple[int, int], tuple[int, date]]) -> None:
    assert labels[1, 6] == (0, date(2005, 7, 31))
    assert labels[2, 6] == (1, date(2005, 7, 31))


def test_a_statement_whose_next_payment_is_unknown_has_no_label(
    labels: dict[tuple[int, int], tuple[int, date]],
) -> None:
    """Customer 2 has no statement of May, customer 3 none of June and no flag that is about June."""
    assert set(labels) == {(1, 4), (1, 5), (1, 6), (2, 6)}
