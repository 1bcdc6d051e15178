"""A sample of entities: the same ones in every table, of about the wanted size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import OptionError
from boathouse.tables.scope import SampleOptions, sample_entities

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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
