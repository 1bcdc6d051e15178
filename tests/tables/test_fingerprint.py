"""Fingerprints: equal for equal rows, different for every small difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from boathouse.tables.frames import Fingerprint, compute_fingerprint

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "a bigint, b bigint, x double, tags array<string>"
BASE = [(1, None, 0.5, ["p", None]), (2, 3, None, None)]


@pytest.mark.parametrize(
    "rows",
    [
        [(None, 1, 0.5, ["p", None]), (2, 3, None, None)],
        [(1, None, 0.5, [None, "p"]), (2, 3, None, None)],
        [(1, None, 0.5, ["p"]), (2, 3, None, None)],
        [(1, None, 0.5, ["p", None]), (2, 3, None, [])],
        [(1, None, 0.5, ["p", None]), (2, 3, 0.0, None)],
        [(1, 3, 0.5, ["p", None]), (2, None, None, None)],
        BASE[:1],
        [*BASE, BASE[0]],
        [],
    ],
    ids=["null elsewhere", "order in array", "null in array", "empty array", "zero", "swapped", "less", "more", "none"],
)
def test_a_difference_shows(spark: SparkSession, rows: list[tuple[object, ...]]) -> None:
    """Nulls count by where they stand."""
    base = compute_fingerprint(spark.createDataFrame(BASE, SCHEMA))
    assert compute_fingerprint(spark.createDataFrame(rows, SCHEMA)) != base


def test_order_of_rows_and_columns_is_free(spark: SparkSession) -> None:
    """Tables have no order."""
    base = spark.createDataFrame(BASE, SCHEMA)
    other = spark.createDataFrame(BASE[::-1], SCHEMA).select("tags", "x", "b", "a")
    assert compute_fingerprint(other) == compute_fingerprint(base)


def test_zeros_and_nans_have_one_form_each(spark: SparkSession) -> None:
    """-0.0 equals 0.0 and NaN equals NaN."""
    plain = spark.createDataFrame([(0.0,), (float("nan"),)], "x double")
    negative = spark.createDataFrame([(-0.0,), (-float("nan"),)], "x double")
    assert compute_fingerprint(plain) == compute_fingerprint(negative)


def test_ignored_columns_do_not_count(spark: SparkSession) -> None:
    """The rest does."""
    one, two = spark.createDataFrame([(1, 5)], "a int, t int"), spark.createDataFrame([(1, 6)], "a int, t int")
    assert compute_fingerprint(one, ignore=["t"]) == compute_fingerprint(two, ignore=["t"])
    assert compute_fingerprint(one) != compute_fingerprint(two)


def test_an_empty_frame_has_a_fingerprint(spark: SparkSession) -> None:
    """Zero rows, digest zero."""
    assert compute_fingerprint(spark.createDataFrame([], SCHEMA)) == Fingerprint(0, 0)


def test_sums_beyond_64_bits_do_not_overflow(spark: SparkSession) -> None:
    """A hundred thousand hashes add up beyond a bigint; the sum is checked in Python."""
    from pyspark.sql import functions as F

    frame = spark.range(100_000).select(F.lit(7).cast("bigint").alias("a"))
    one = compute_fingerprint(frame.limit(1)).digest
    assert compute_fingerprint(frame) == Fingerprint(100_000, one * 100_000)
    assert abs(one * 100_000) > 2**63
