"""Counts of broken rules, and when they stop a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import pytest

from boathouse.errors import DataQualityError, OptionError
from boathouse.tables.quality import (
    DATA_QUALITY,
    QualityCounts,
    QualityOptions,
    check_quality,
    count_rows,
    find_missing_periods,
    judge_rows,
)
from tests.tables.test_judging import BOATS, FIRST, GOOD, deliver

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FINE = QualityCounts(table="clean.boats", rows=200, quarantined=2, broken={"kind_allowed": 2}, empty_columns=())


def count(spark: SparkSession, rows: list[tuple[Any, ...]]) -> QualityCounts:
    return count_rows(judge_rows(deliver(spark, (FIRST, rows)), BOATS), table="clean.boats")


def test_rows_and_rules_are_counted(spark: SparkSession) -> None:
    rows = [GOOD, GOOD, ("2", "2005-05-01", "3", "-1"), ("3", "2005-05-01", "3", "x"), ("4", "2005-05-01", "1", None)]
    counts = count(spark, rows)
    assert (counts.rows, counts.quarantined) == (4, 2)
    assert {rule: number for rule, number in counts.broken.items() if number} == {
        "kind_allowed": 2,
        "price_in_range": 1,
        "price_type": 1,
    }
    assert counts.broken["keys_unique"] == 0
    assert counts.empty_columns == counts.missing_periods == ()


def test_no_rows_are_counted_as_none(spark: SparkSession) -> None:
    counts = count(spark, [])
    assert (counts.rows, counts.quarantined) == (0, 0)
    with pytest.raises(DataQualityError, match=r"clean\.boats.*no rows"):
        check_quality(counts, QualityOptions(1.0))


def test_a_table_may_be_empty_where_the_options_say_so_and_no_other(spark: SparkSession) -> None:
    counts = count(spark, [])
    check_quality(counts, QualityOptions(0.0, may_be_empty=("clean.boats",)))
    check_quality(counts, QualityOptions(0.0, undelivered_ok=True))
    assert {row[3:] for row in counts.to_rows()} == {(0, 0.0)}
    with pytest.raises(DataQualityError, match=r"clean\.boats.*no rows"):
        check_quality(counts, QualityOptions(0.0, may_be_empty=("clean.ships",)))


def test_a_column_without_values_is_found_nullable_or_not(spark: SparkSession) -> None:
    counts = count(spark, [("1", "2005-04-01", "1", None), ("2", "2005-04-01", "1", None)])
    assert counts.empty_columns == ("price",)


def test_a_month_without_valid_rows_is_found(spark: SparkSession) -> None:
    rows = [GOOD, ("1", "2005-05-01", "9", "1"), ("1", "2005-06-01", "1", "1"), ("1", "2005-08-01", "1", "1")]
    assert count(spark, rows).missing_periods == ("2005-05", "2005-07")


def test_a_table_without_a_grain_of_time_may_skip_months(spark: SparkSession) -> None:
    rows = deliver(spark, (FIRST, [GOOD, ("1", "2005-08-01", "1", "1")]))
    counts = count_rows(judge_rows(rows, replace(BOATS, time_grain=None)), table="clean.boats")
    assert counts.missing_periods == ()


@pytest.mark.parametrize(
    ("grain", "days", "missing"),
    [
        ("month", [], ()),
        ("month", [date(2005, 4, 1)], ()),
        ("month", [date(2005, 4, 1), date(2005, 5, 1)], ()),
        ("month", [date(2006, 2, 1), date(2005, 11, 1)], ("2005-12", "2006-01")),
        ("day", [], ()),
        ("day", [date(2005, 4, 30), date(2005, 5, 1)], ()),
        ("day", [date(2005, 3, 2), date(2005, 2, 27)], ("2005-02-28", "2005-03-01")),
    ],
)
def test_missing_periods(grain: Literal["day", "month"], days: list[date], missing: tuple[str, ...]) -> None:
    assert find_missing_periods(days, replace(BOATS, time_grain=grain)) == missing


def test_a_day_without_valid_rows_is_found_where_the_grain_is_a_day(spark: SparkSession) -> None:
    days = ("2005-04-01", "2005-05-01", "2005-06-01")
    rows = deliver(spark, (FIRST, [("1", day, "1", "1") for day in days]))
    missing = count_rows(judge_rows(rows, replace(BOATS, time_grain="day")), table="clean.boats").missing_periods
    assert (missing[0], missing[-1], len(missing)) == ("2005-04-02", "2005-05-31", 59)


def test_a_run_goes_on_exactly_up_to_the_limit() -> None:
    """One row in a hundred is quarantined."""
    refused = []
    for limit in (0.0, 0.009, 0.01, 0.5, 1.0):
        try:
            check_quality(FINE, QualityOptions(limit))
        except DataQualityError:
            refused.append(limit)
    assert refused == [0.0, 0.009]


def test_above_the_limit_the_error_names_table_rules_limit_and_parameter() -> None:
    with pytest.raises(DataQualityError) as caught:
        check_quality(FINE, QualityOptions(0.009))
    for part in ("clean.boats", "kind_allowed: 2", "0.90%", "200", "data_prep.quality.max_quarantined_share"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0, "quarantined": 0}, "no rows"),
        ({"empty_columns": ("kind", "price")}, "no row has a value in kind, price"),
        ({"missing_periods": ("2005-05",)}, "none for 2005-05"),
    ],
)
def test_a_broken_structure_stops_the_run_whatever_the_limit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataQualityError, match=message):
        check_quality(replace(FINE, **changes), QualityOptions(1.0))


def test_report_has_a_row_for_any_and_for_each_rule() -> None:
    assert FINE.to_rows() == [("clean.boats", "any", 200, 2, 0.01), ("clean.boats", "kind_allowed", 200, 2, 0.01)]
    assert len(DATA_QUALITY.columns) == len(FINE.to_rows()[0])


@pytest.mark.parametrize("share", [-0.1, 1.1, "much", True])
def test_limit_is_a_share(share: Any) -> None:
    with pytest.raises(OptionError, match="max_quarantined_share"):
        QualityOptions(share)
