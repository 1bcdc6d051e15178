"""Instants around a change of clocks, several views, ties and half of the rows on one key: as DuckDB's ASOF JOIN."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.features.feature_view import FeatureView, Source
from boathouse.features.point_in_time import join_point_in_time, missing_shares
from boathouse.scoring.feature_spec import Feature

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Clocks in Berlin went back at 01:00 UTC on this day: local times from two to three came twice.
CHANGE = datetime(2005, 10, 30, 1, tzinfo=UTC)
FORBIDDEN = ("collect", "toArrow", "toPandas", "toLocalIterator", "count", "first", "head", "take", "tail", "isEmpty")


def compute(rows: DataFrame) -> DataFrame:
    """Return the rows; views are only joined here."""
    return rows


def make_view(name: str, feature: str, max_age_days: int | None = None) -> FeatureView:
    """Return a view of one feature, keyed by boat and dated by an instant."""
    return FeatureView(
        name=name,
        keys=(("boat_id", "bigint"),),
        time_column="known_at",
        owner="risk",
        description=name,
        sources=(Source(table="clean.rows", columns=("boat_id",)),),
        features=(Feature(name=feature, description=feature, unit="n", reason=feature),),
        compute=compute,
        max_age_days=max_age_days,
    )


# Half of all rows have one key; minutes repeat, so that times are often equal.
keys = st.one_of(st.just(0), st.none() | st.integers(1, 3))
instants = st.none() | st.integers(-36, 36).map(lambda number: CHANGE + timedelta(minutes=30 * number))
Table = dict[tuple[int | None, datetime | None], float]
tables = st.dictionaries(st.tuples(keys, instants), st.floats(-5, 5), max_size=15)


def oracle(asked: list[tuple[int | None, datetime | None]], known: Table, *, strict: bool, hours: int | None) -> Any:
    """Return row number and value by ASOF JOIN; what is too old is taken away afterwards."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Europe/Berlin'")
    stamp = pa.timestamp("us", tz="UTC")
    asked_table = pa.table(
        {
            "row_id": pa.array(range(len(asked)), pa.int64()),
            "k": pa.array([key for key, _ in asked], pa.int64()),
            "at": pa.array([at for _, at in asked], stamp),
        }
    )
    known_table = pa.table(
        {
            "k": pa.array([key for key, _ in known], pa.int64()),
            "known_at": pa.array([at for _, at in known], stamp),
            "v": pa.array(list(known.values()), pa.float64()),
        }
    )
    connection.register("asked", asked_table)
    connection.register("known", known_table)
    old = "" if hours is None else f"CASE WHEN a.at - n.known_at <= INTERVAL {hours} HOUR THEN n.v END AS "
    sign = ">" if strict else ">="
    query = (
        f"SELECT row_id, {old or 'n.'}v FROM asked a ASOF LEFT JOIN "  # noqa: S608 - the test's own words
        f"(SELECT * FROM known WHERE known_at IS NOT NULL) n ON a.k = n.k AND a.at {sign} n.known_at ORDER BY row_id"
    )
    return connection.execute(query).fetchall()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(keys, instants), min_size=1, max_size=20),
    first=tables,
    second=tables,
    strict=st.booleans(),
    max_age=st.none() | st.integers(0, 1),
)
def test_instants_are_joined_as_by_asof_join(
    spark: SparkSession,
    asked: list[tuple[int | None, datetime | None]],
    first: Table,
    second: Table,
    strict: bool,
    max_age: int | None,
) -> None:
    spine = spark.createDataFrame(
        [(number, *row) for number, row in enumerate(asked)], "row_id bigint, boat_id bigint, at timestamp"
    )
    views = []
    for name, rows, age in (("first", first, max_age), ("second", second, None)):
        frame = spark.createDataFrame(
            [(*key, value) for key, value in rows.items()], f"boat_id bigint, known_at timestamp, of_{name} double"
        )
        views.append((make_view(name, f"of_{name}", age), frame))
    joined = join_point_in_time(spine, views, spine_time="at", strictly_before=strict)
    found = sorted(map(tuple, joined.select("row_id", "of_first", "of_second").collect()))
    hours = None if max_age is None else 24 * max_age
    expected_first = oracle(asked, first, strict=strict, hours=hours)
    expected_second = oracle(asked, second, strict=strict, hours=None)
    assert [row[:2] for row in found] == expected_first
    assert [(row[0], row[2]) for row in found] == expected_second


def two_views(spark: SparkSession) -> tuple[DataFrame, list[tuple[FeatureView, DataFrame]]]:
    """Return a spine of four rows, a view that knows two of them and an empty one."""
    at = datetime(2005, 6, 1, tzinfo=UTC)
    spine = spark.createDataFrame([(key, at) for key in (1, 2, 3, None)], "boat_id bigint, at timestamp")
    rows = [(1, at, 1.0), (2, at - timedelta(days=1), None), (3, at + timedelta(days=1), 3.0)]
    some = spark.createDataFrame(rows, "boat_id bigint, known_at timestamp, a double")
    none = spark.createDataFrame([], "boat_id bigint, known_at timestamp, b double")
    return spine, [(make_view("some", "a"), some), (make_view("none", "b"), none)]


def test_the_share_of_rows_without_an_entity_is_counted(spark: SparkSession) -> None:
    """A row that was found counts as found, though its value is null; one of the future does not."""
    spine, views = two_views(spark)
    joined = join_point_in_time(spine, views, spine_time="at", keep_times=True)
    only_views = [view for view, _ in views]
    assert missing_shares(joined, only_views) == {"some": 0.5, "none": 1.0}
    assert missing_shares(joined.limit(0), only_views) == {"some": 0.0, "none": 0.0}


def test_the_join_brings_nothing_to_the_driver(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """It only describes what the engine is to do: no action runs before the result is asked for."""
    spine, views = two_views(spark)

    def refuse(*_: object, **__: object) -> None:
        message = "an action while joining"
        raise AssertionError(message)

    with monkeypatch.context() as patch:
        for name in FORBIDDEN:
            patch.setattr(type(spine), name, refuse)
        with pytest.raises(AssertionError, match="an action"):
            spine.collect()
        joined = join_point_in_time(spine, views, spine_time="at", keep_times=True)
    assert joined.count() == 4


def test_a_source_in_another_zone_is_the_same_instant(spark: SparkSession) -> None:
    """The session's zone changes how instants are shown, not which row is found."""
    zone = spark.conf.get("spark.sql.session.timeZone")
    spine, views = two_views(spark)
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        joined = join_point_in_time(spine, views, spine_time="at").orderBy("boat_id")
        assert [row["a"] for row in joined.collect()] == [None, 1.0, None, None]
    finally:
        spark.conf.set("spark.sql.session.timeZone", str(zone))


def test_dates_are_joined_across_a_leap_day(spark: SparkSession) -> None:
    spine = spark.createDataFrame([(1, date(2004, 2, 29)), (1, date(2005, 2, 28))], "boat_id bigint, at date")
    table = spark.createDataFrame([(1, date(2004, 2, 29), 1.0)], "boat_id bigint, known_at date, a double")
    view = make_view("yearly", "a", max_age_days=365)
    joined = join_point_in_time(spine, [(view, table)], spine_time="at").orderBy("at").collect()
    # From 29 February 2004 to 28 February 2005 it is 365 days.
    assert [row["a"] for row in joined] == [1.0, 1.0]
