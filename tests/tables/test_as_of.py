"""The cutoffs of a run: of what it sees, and of what it trains on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import DataQualityError, OptionError
from boathouse.tables.scope import resolve_as_of, resolve_train_until

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def rows(spark: SparkSession, *days: date | None) -> DataFrame:
    return spark.createDataFrame([(day,) for day in days], "known_on date")


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        (None, date(2005, 9, 30)),
        ("", date(2005, 9, 30)),  # what an empty job parameter becomes
        ("2005-08-31", date(2005, 8, 31)),
        (date(2005, 8, 31), date(2005, 8, 31)),
        ("2010-01-01", date(2010, 1, 1)),
    ],
)
def test_the_date_asked_for_or_the_newest_known(spark: SparkSession, requested: Any, expected: date) -> None:
    frame = rows(spark, date(2005, 9, 30), None, date(2005, 4, 30))
    assert resolve_as_of(requested, frame, known_column="known_on") == expected


@pytest.mark.parametrize("requested", ["yesterday", "2005-13-01", "31.08.2005", 20050831])
def test_what_is_no_date_is_refused(spark: SparkSession, requested: Any) -> None:
    with pytest.raises(OptionError, match="as_of.*YYYY-MM-DD"):
        resolve_as_of(requested, rows(spark), known_column="known_on")


@pytest.mark.parametrize("days", [(), (None,)])
def test_without_rows_there_is_no_newest(spark: SparkSession, days: tuple[None, ...]) -> None:
    with pytest.raises(DataQualityError, match="'known_on'.*as_of=YYYY"):
        resolve_as_of(None, rows(spark, *days), known_column="known_on")


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        (None, date(2005, 9, 30)),
        ("", date(2005, 9, 30)),
        ("2005-07-31", date(2005, 7, 31)),
        (date(2005, 9, 30), date(2005, 9, 30)),
    ],
)
def test_training_ends_with_the_run_unless_it_is_told_to_end_before(requested: Any, expected: date) -> None:
    assert resolve_train_until(requested, date(2005, 9, 30)) == expected


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ("2005-10-01", "'train_until' is '2005-10-01'; allowed: a date up to as_of, which is 2005-09-30"),
        ("soon", "'train_until' is 'soon'; allowed: a date written YYYY-MM-DD"),
    ],
)
def test_training_never_ends_after_what_the_run_sees(requested: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        resolve_train_until(requested, date(2005, 9, 30))
