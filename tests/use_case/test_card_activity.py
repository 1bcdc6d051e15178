"""Windows by days, by hand: gaps, borders of months and of the year, the leap day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from boathouse.use_case.card_activity import CARD_ACTIVITY, WINDOW_DAYS, compute_card_activity
from tests.fixtures.statements import Line, Use, make_statements, make_transactions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Values = dict[str, float]

STATEMENTS: list[Line] = [(1, 4, 0, 0.0, 0.0), (1, 5, 0, 0.0, 0.0), (2, 4, 0, 0.0, 0.0), (3, 4, 0, 0.0, 0.0)]
USES: list[Use] = [
    (1, date(2005, 4, 10), 100.0, 2),
    (1, date(2005, 4, 16), 30.5, 1),
    (1, date(2005, 4, 17), 0.25, 1),
    (1, date(2005, 5, 1), 8.0, 3),
    # Customer 2's first use is after the statement of April.
    (2, date(2005, 5, 2), 5.0, 1),
    # The leap day is a day like any other: from 23 February to 1 March 2004 it is seven days.
    (4, date(2004, 2, 23), 1.0, 1),
    (4, date(2004, 2, 29), 10.0, 1),
    (4, date(2004, 3, 1), 100.0, 1),
    (5, date(2004, 12, 19), 1.0, 1),
    (5, date(2005, 1, 1), 2.0, 1),
    # Clocks changed in Europe on this night; a day has no hours.
    (6, date(2005, 3, 20), 1.0, 1),
    (6, date(2005, 3, 27), 2.0, 1),
]


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[tuple[int, date], Values]:
    frame = compute_card_activity(make_transactions(spark, USES), make_statements(spark, STATEMENTS))
    assert tuple(frame.columns) == CARD_ACTIVITY.columns
    rows = [row.asDict() for row in frame.collect()]
    return {(row.pop("customer_id"), row.pop("observed_on")): row for row in rows}


@pytest.mark.parametrize(
    ("row", "uses", "days_used", "spent", "since"),
    [
        ((1, date(2005, 4, 10)), (2, 2, 2), (1, 1, 1), (100, 100, 100), 0),
        # Seven days up to the 16th begin on the 10th.
        ((1, date(2005, 4, 16)), (3, 3, 3), (2, 2, 2), (130.5, 130.5, 130.5), 0),
        ((1, date(2005, 4, 17)), (2, 4, 4), (2, 3, 3), (30.75, 130.75, 130.75), 0),
        # A statement without a use that day: the 17th is within 14 days, the 10th within 21 days.
        ((1, date(2005, 4, 30)), (0, 1, 4), (0, 1, 3), (0, 0.25, 130.75), 13),
        ((1, date(2005, 5, 1)), (3, 3, 5), (1, 1, 3), (8, 8, 38.75), 0),
        ((1, date(2005, 5, 31)), (0, 0, 0), (0, 0, 0), (0, 0, 0), 30),
        ((2, date(2005, 5, 2)), (1, 1, 1), (1, 1, 1), (5, 5, 5), 0),
        ((4, date(2004, 2, 29)), (2, 2, 2), (2, 2, 2), (11, 11, 11), 0),
        ((4, date(2004, 3, 1)), (2, 3, 3), (2, 3, 3), (110, 111, 111), 0),
        ((5, date(2005, 1, 1)), (1, 2, 2), (1, 2, 2), (2, 3, 3), 0),
        ((6, date(2005, 3, 27)), (1, 2, 2), (1, 2, 2), (2, 3, 3), 0),
    ],
)
def test_a_window_is_its_days_by_calendar(
    found: dict[tuple[int, date], Values],
    row: tuple[int, date],
    uses: tuple[float, ...],
    days_used: tuple[float, ...],
    spent: tuple[float, ...],
    since: float,
) -> None:
    expected = {"days_since_use": float(since)}
    for place, days in enumerate(WINDOW_DAYS):
        expected |= {
            f"uses_{days}d": uses[place],
            f"days_used_{days}d": days_used[place],
            f"spent_{days}d": spent[place],
        }
    assert found[row] == expected


def test_nothing_is_said_before_the_first_use(found: dict[tuple[int, date], Values]) -> None:
    """Customer 2 had a statement before the first use, customer 3 has used nothing: neither is zero, but unknown."""
    assert sorted(day for customer, day in found if customer == 2) == [date(2005, 5, 2)]
    assert not [day for customer, day in found if customer == 3]


def test_without_daily_data_the_view_is_empty(spark: SparkSession) -> None:
    frame = compute_card_activity(make_transactions(spark, []), make_statements(spark, STATEMENTS))
    assert frame.collect() == []


def test_amounts_that_binary_fractions_cannot_hold_add_up(spark: SparkSession) -> None:
    uses = [(1, date(2005, 4, day), 0.1, 1) for day in range(1, 11)]
    frame = compute_card_activity(make_transactions(spark, uses), make_statements(spark, []))
    newest = max(frame.collect(), key=lambda row: row["observed_on"])
    assert (newest["spent_7d"], newest["spent_14d"]) == (0.7, 1.0)
