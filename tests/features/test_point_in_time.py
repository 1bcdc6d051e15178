"""The point-in-time join against DuckDB's ASOF JOIN and against hostile rows."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from boathouse.errors import FeatureError
from boathouse.features.feature_view import FeatureView, Source
from boathouse.features.point_in_time import count_repeated, join_point_in_time
from boathouse.scoring.feature_spec import Feature

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

START = date(2005, 1, 1)
SPINE = "row_id int, boat_id bigint, asked_on date"
TABLE = "boat_id bigint, known_on date, a double, b double"


def compute(rows: DataFrame) -> DataFrame:
    return rows


def make_view(**changes: Any) -> FeatureView:
    features = tuple(Feature(name=name, description=name, unit="n", reason=name) for name in ("a", "b"))
    view = FeatureView(
        name="history",
        keys=(("boat_id", "bigint"),),
        time_column="known_on",
        owner="risk",
        description="A history.",
        sources=(Source(table="clean.rows", columns=("boat_id", "region")),),
        features=features,
        compute=compute,
    )
    return replace(view, **changes)


def day(number: int | None) -> date | None:
    return None if number is None else START + timedelta(days=number)


Rows = list[tuple[Any, ...]]


def join(spark: SparkSession, asked: Rows, known: Rows, **changes: Any) -> list[tuple[Any, ...]]:
    """Return row_id, boat_id, asked_on, a, b, sorted."""
    spine, table = spark.createDataFrame(asked, SPINE), spark.createDataFrame(known, TABLE)
    found = join_point_in_time(spine, [(make_view(**changes), table)], spine_time="asked_on")
    assert found.columns == ["row_id", "boat_id", "asked_on", "a", "b"]
    return sorted(map(tuple, found.collect()), key=repr)


def expect(asked: Rows, known: Rows, max_age: int | None = None) -> list[tuple[Any, ...]]:
    """Return the same, looked up row by row in plain Python."""
    found = []
    for row_id, boat, on in asked:
        usable = [
            row
            for row in known
            if boat is not None and on is not None and row[0] == boat and row[1] is not None and row[1] <= on
        ]
        newest = max(usable, key=lambda row: row[1], default=None)
        if newest is not None and max_age is not None and (on - newest[1]).days > max_age:
            newest = None
        found.append((row_id, boat, on, *(newest[2:] if newest else (None, None))))
    return sorted(found, key=repr)


def test_equal_days_are_known_later_ones_are_not(spark: SparkSession) -> None:
    asked = [(1, 7, day(5)), (2, 7, day(4)), (3, 7, day(1)), (4, 8, day(9))]
    known = [(7, day(5), 5.0, None), (7, day(2), 2.0, 20.0), (7, day(30), 30.0, 300.0)]
    assert join(spark, asked, known) == [
        (1, 7, day(5), 5.0, None),
        (2, 7, day(4), 2.0, 20.0),
        (3, 7, day(1), None, None),
        (4, 8, day(9), None, None),
    ]


def test_every_spine_row_is_kept_as_often_as_it_is_there(spark: SparkSession) -> None:
    asked = [(1, 7, day(5))] * 3
    assert join(spark, asked, [(7, day(5), 5.0, 1.0)]) == [(1, 7, day(5), 5.0, 1.0)] * 3


def test_rows_older_than_the_maximum_age_are_unknown_and_none_older_takes_their_place(spark: SparkSession) -> None:
    asked = [(1, 7, day(10)), (2, 7, day(11))]
    assert join(spark, asked, [(7, day(5), 5.0, 1.0)], max_age_days=5) == [
        (1, 7, day(10), 5.0, 1.0),
        (2, 7, day(11), None, None),
    ]


def test_with_an_empty_table_everything_is_unknown(spark: SparkSession) -> None:
    assert join(spark, [(1, 7, day(5))], []) == [(1, 7, day(5), None, None)]


def test_nulls_find_nothing_and_are_found_by_nothing(spark: SparkSession) -> None:
    asked = [(1, None, day(5)), (2, 7, None), (3, 7, day(5))]
    known = [(None, day(1), 1.0, 1.0), (7, None, 2.0, 2.0)]
    assert [row[3:] for row in join(spark, asked, known)] == [(None, None)] * 3


def test_a_tie_is_broken_the_same_way_whatever_the_order_of_the_rows(spark: SparkSession) -> None:
    tied = [(7, day(5), float(number), None) for number in range(6)]
    for rows in (tied, tied[::-1], tied[3:] + tied[:3]):
        assert join(spark, [(1, 7, day(5)), (2, 7, day(6))], rows) == [
            (1, 7, day(5), 5.0, None),
            (2, 7, day(6), 5.0, None),
        ]
    table = spark.createDataFrame([*tied, (8, day(5), 0.0, 0.0)], TABLE)
    assert count_repeated(make_view(), table) == 1


@pytest.mark.parametrize("value", [float("-inf"), float("inf"), -sys.float_info.max, -0.0, 5e-324])
def test_a_value_arrives_to_the_bit(spark: SparkSession, value: float) -> None:
    found = join(spark, [(1, 7, day(5))], [(7, day(5), value, float("nan"))])[0]
    assert found[3].hex() == value.hex()
    assert math.isnan(found[4])


def test_strictly_before_leaves_out_a_row_of_the_same_time(spark: SparkSession) -> None:
    spine = spark.createDataFrame([(1, 7, day(5)), (2, 7, day(6))], SPINE)
    table = spark.createDataFrame([(7, day(5), 5.0, 0.0), (7, day(4), 4.0, 0.0)], TABLE)
    found = join_point_in_time(spine, [(make_view(), table)], spine_time="asked_on", strictly_before=True)
    assert sorted(map(tuple, found.select("row_id", "a").collect())) == [(1, 4.0), (2, 5.0)]


def test_the_time_of_the_row_that_was_taken_is_kept_on_request(spark: SparkSession) -> None:
    spine = spark.createDataFrame([(1, 7, day(5)), (2, 8, day(5))], SPINE)
    table = spark.createDataFrame([(7, day(3), 5.0, 0.0)], TABLE)
    found = join_point_in_time(spine, [(make_view(), table)], spine_time="asked_on", keep_times=True)
    assert found.columns == [*spine.columns, "a", "b", "history_known_on"]
    assert sorted(map(tuple, found.select("row_id", "history_known_on").collect())) == [(1, day(3)), (2, None)]


# Clocks in Berlin were put back on 30 October 2005 at 03:00 summer time: 02:30 came twice.
@pytest.mark.parametrize(
    ("known", "asked", "is_known"),
    [
        ("2005-10-30 02:30:00+02:00", "2005-10-30 02:30:00+01:00", True),
        ("2005-10-30 02:30:00+01:00", "2005-10-30 02:30:00+02:00", False),
        ("2005-10-30 00:30:00+00:00", "2005-10-30 02:30:00+02:00", True),
        ("2005-10-29 20:30:00-04:00", "2005-10-30 00:29:59+00:00", False),
    ],
)
def test_timestamps_are_instants_whatever_zone_they_are_written_in(
    spark: SparkSession, known: str, asked: str, *, is_known: bool
) -> None:
    spine = spark.createDataFrame([(7,)], "boat_id bigint").withColumn("at", F.lit(asked).cast("timestamp"))
    table = spark.createDataFrame([(7, 1.0, 2.0)], "boat_id bigint, a double, b double")
    table = table.withColumn("known_on", F.lit(known).cast("timestamp"))
    found = join_point_in_time(spine, [(make_view(), table)], spine_time="at").first()
    assert found is not None
    assert (found["a"] is not None) == is_known


def test_a_maximum_age_of_a_day_is_24_hours_also_when_clocks_change(spark: SparkSession) -> None:
    instants = ["2005-10-30 23:30:00+01:00", "2005-10-31 00:30:00.000001+01:00"]
    spine = spark.createDataFrame([(7, each) for each in instants], "boat_id bigint, at string")
    spine = spine.withColumn("at", F.col("at").cast("timestamp"))
    table = spark.createDataFrame([(7, 1.0, 2.0)], "boat_id bigint, a double, b double")
    table = table.withColumn("known_on", F.lit("2005-10-30 00:30:00+02:00").cast("timestamp"))
    views = [(make_view(max_age_days=1), table)]
    found = join_point_in_time(spine, views, spine_time="at").orderBy("at").collect()
    # 24 hours after half past midnight in summer time it is half past eleven at night in winter time.
    assert [row["a"] for row in found] == [1.0, None]


@pytest.mark.parametrize(
    ("found", "asked"), [("timestamp", "date"), ("date", "timestamp"), ("string", "date"), ("timestamp_ntz",) * 2]
)
def test_times_that_cannot_be_compared_are_named(spark: SparkSession, found: str, asked: str) -> None:
    spine = spark.createDataFrame([], f"boat_id bigint, asked_on {asked}")
    table = spark.createDataFrame([], TABLE.replace("known_on date", f"known_on {found}"))
    with pytest.raises(FeatureError, match=f"history.known_on is {found}, the spine's asked_on is {asked}"):
        join_point_in_time(spine, [(make_view(), table)], spine_time="asked_on")


def test_a_table_without_a_feature_is_named(spark: SparkSession) -> None:
    table = spark.createDataFrame([], "boat_id bigint, known_on date, a double")
    with pytest.raises(FeatureError, match="'history' lacks b"):
        join_point_in_time(spark.createDataFrame([], SPINE), [(make_view(), table)], spine_time="asked_on")


def test_several_views_with_keys_and_times_of_their_own(spark: SparkSession) -> None:
    spine = spark.createDataFrame(
        [(1, 7, "north", day(5)), (2, 8, "south", day(5))],
        "row_id int, boat_id bigint, region string, asked_on date",
    )
    people = spark.createDataFrame([(7, day(5), 1.0, 2.0)], TABLE)
    places = spark.createDataFrame(
        [("south", day(3), 9.0), ("north", day(6), 8.0)], "region string, since date, rate double"
    )
    region = replace(
        make_view(),
        name="regions",
        keys=(("region", "string"),),
        time_column="since",
        features=(Feature(name="rate", description="rate", unit="n", reason="rate"),),
    )
    found = join_point_in_time(spine, [(make_view(), people), (region, places)], spine_time="asked_on")
    assert sorted(map(tuple, found.select("row_id", "a", "b", "rate").collect())) == [
        (1, 1.0, 2.0, None),
        (2, None, None, 9.0),
    ]


few_days = st.none() | st.integers(0, 6).map(day)
few_keys = st.none() | st.integers(1, 3)
numbers = st.none() | st.sampled_from([0.0, -1.5, 1e300])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(few_keys, few_days), min_size=1, max_size=25),
    known=st.dictionaries(st.tuples(few_keys, few_days), st.tuples(numbers, numbers), max_size=12),
    max_age=st.none() | st.integers(0, 4),
)
def test_any_rows_are_joined_as_by_hand(
    spark: SparkSession, asked: Rows, known: dict[tuple[Any, ...], tuple[Any, ...]], max_age: int | None
) -> None:
    spine = [(number, *row) for number, row in enumerate(asked)]
    table = [(*key, *values) for key, values in known.items()]
    assert join(spark, spine, table, max_age_days=max_age) == expect(spine, table, max_age)


def make_book(rows: int, boats: int, *, skewed: bool) -> pd.DataFrame:
    """Return unique keys and days; with ``skewed`` one boat has half of the rows."""
    import numpy as np

    generator = np.random.default_rng(4)
    keys = generator.integers(1, boats, rows)
    if skewed:
        keys[: rows // 2] = 0
    days = pd.Timestamp(START) + pd.to_timedelta(generator.integers(0, 3000, rows), unit="D")
    book = pd.DataFrame({"boat_id": keys, "known_on": days, "a": generator.normal(size=rows), "b": 1.0})
    return book.drop_duplicates(["boat_id", "known_on"])


@pytest.mark.parametrize("skewed", [False, True])
def test_many_rows_are_joined_as_by_duckdb(spark: SparkSession, *, skewed: bool) -> None:
    known = make_book(20_000, 300, skewed=skewed)
    asked = make_book(5_000, 310, skewed=skewed)[["boat_id", "known_on"]].rename(columns={"known_on": "asked_on"})
    asked.insert(0, "row_id", range(len(asked)))
    connection = duckdb.connect()
    connection.register("asked", asked)
    connection.register("known", known)
    query = (
        "SELECT row_id, a FROM asked ASOF LEFT JOIN known "
        "ON asked.boat_id = known.boat_id AND asked.asked_on >= known.known_on ORDER BY row_id"
    )
    oracle = connection.execute(query).df()
    spine = spark.createDataFrame(asked).selectExpr(
        "cast(row_id as int) row_id", "boat_id", "cast(asked_on as date) asked_on"
    )
    table = spark.createDataFrame(known).selectExpr("boat_id", "cast(known_on as date) known_on", "a", "b")
    found = join_point_in_time(spine, [(make_view(), table)], spine_time="asked_on").toPandas().sort_values("row_id")
    assert found["row_id"].tolist() == asked["row_id"].tolist()
    pd.testing.assert_series_equal(found["a"].reset_index(drop=True), oracle["a"], check_exact=True)


@pytest.mark.parametrize(
    ("spine", "named"),
    [("row_id int, asked_on date", "boat_id"), ("boat_id bigint", "asked_on"), (f"{SPINE}, a double", "'?a'?")],
)
def test_a_spine_that_cannot_be_joined_is_named(spark: SparkSession, spine: str, named: str) -> None:
    table = spark.createDataFrame([], TABLE)
    with pytest.raises(FeatureError, match=named):
        join_point_in_time(spark.createDataFrame([], spine), [(make_view(), table)], spine_time="asked_on")


def test_views_that_share_a_feature_s_name_are_refused(spark: SparkSession) -> None:
    table = spark.createDataFrame([], TABLE)
    views = [(make_view(name=name), table) for name in ("one", "two")]
    with pytest.raises(FeatureError, match="one.*two"):
        join_point_in_time(spark.createDataFrame([], SPINE), views, spine_time="asked_on")
