"""The rows that a run may see: cutoffs by date, and a sample of entities that is the same in every table."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import DataQualityError, OptionError
from boathouse.tables.scope import SampleOptions, resolve_as_of, resolve_train_until, sample_entities

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


def numbers(spark: SparkSession, count: int = 10_000) -> DataFrame:
    return spark.range(count).withColumnRenamed("id", "boat_id")


def kept(frame: DataFrame, options: SampleOptions) -> set[int]:
    return {int(row["boat_id"]) for row in sample_entities(frame, ("boat_id",), options).collect()}


def test_the_whole_is_the_whole(spark: SparkSession) -> None:
    frame = numbers(spark, 10)
    assert sample_entities(frame, ("boat_id",), SampleOptions(1, "a")) is frame


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5])
def test_about_the_fraction_is_kept(spark: SparkSession, fraction: float) -> None:
    # Four standard deviations of a binomial count.
    deviation = 4 * (10_000 * fraction * (1 - fraction)) ** 0.5
    assert len(kept(numbers(spark), SampleOptions(fraction, "a"))) == pytest.approx(10_000 * fraction, abs=deviation)


def test_text_and_number_of_a_key_share_their_fate(spark: SparkSession) -> None:
    options = SampleOptions(0.2, "a")
    text = numbers(spark).selectExpr("cast(boat_id as string) as boat_id", "1 as other")
    assert kept(text, options) == kept(numbers(spark), options)


def test_all_rows_of_an_entity_are_kept(spark: SparkSession) -> None:
    options = SampleOptions(0.2, "a")
    twice = numbers(spark, 500).unionByName(numbers(spark, 500))
    assert sample_entities(twice, ("boat_id",), options).count() == 2 * len(kept(numbers(spark, 500), options))


def test_a_greater_fraction_contains_the_smaller(spark: SparkSession) -> None:
    small, great = (kept(numbers(spark), SampleOptions(fraction, "a")) for fraction in (0.1, 0.3))
    assert small < great


def test_another_salt_is_another_sample(spark: SparkSession) -> None:
    assert kept(numbers(spark), SampleOptions(0.1, "a")) != kept(numbers(spark), SampleOptions(0.1, "b"))


def test_the_sample_is_the_same_on_every_engine(spark: SparkSession) -> None:
    # Taken from classic Spark 4.2; Sail has to agree.
    assert sorted(kept(numbers(spark, 100), SampleOptions(0.1, "boathouse"))) == EXPECTED


EXPECTED = [44, 53, 59, 93]


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1, 1e-6, "all", None])
def test_fraction_is_a_share_above_zero(fraction: Any) -> None:
    with pytest.raises(OptionError, match="fraction"):
        SampleOptions(fraction, "a")
