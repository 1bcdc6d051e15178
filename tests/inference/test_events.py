"""Judging events, against a loop over them that a reader can follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.inference.batch import hold_rows
from boathouse.inference.events import Past, find_past, from_micros, judge_events, settle_copies, to_micros
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = datetime(2005, 9, 30, tzinfo=UTC)
NOW = datetime(2005, 9, 30, 12, tzinfo=UTC)
CONTRACT = TableContract(
    name="inference.request",
    description="A request.",
    grain="one row per request",
    columns=(
        Column(name="request_id", dtype="string", description="Its name."),
        Column(name="requested_at", dtype="timestamp", description="When."),
        Column(name="amount", dtype="double", description="How much.", unit="EUR", nullable=True, minimum=0),
    ),
)
SCHEMA = (
    "request_id string, requested_at timestamp, amount double, source_batch bigint, number int, arrived_at timestamp"
)
Event = tuple[str | None, int, float | None, int]

# Minutes are unique within an id's copies, so that which copy comes first is determined by time.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.integers(0, 300),
        st.sampled_from([None, 1.0, 2.0, -1.0, float("nan")]),
        st.integers(5, 8),
    ),
    unique_by=lambda event: event[1],
    max_size=12,
)


def judge_one_by_one(events: list[Event], seen: set[str], newest: int | None, delay: int) -> dict[int, str | None]:
    """Return the kind of each event by its index, None for one that is scored; batches in order, within one by time."""
    kinds: dict[int, str | None] = {}
    seen = set(seen)
    for batch in range(5, 9):
        limit = None if newest is None else newest - delay
        own = sorted((event[1], index) for index, event in enumerate(events) if event[3] == batch)
        for minute, index in own:
            name, _, amount, _ = events[index]
            if name is None or minute > LAST or (amount is not None and amount < 0):
                kinds[index] = "broken"
                continue
            kinds[index] = "duplicate" if name in seen else "late" if limit is not None and minute < limit else None
            if kinds[index] is None and amount == 2:
                kinds[index] = "unscorable"
            if kinds[index] is None:
                seen.add(name)
            newest = minute if newest is None else max(newest, minute)
    return kinds


# Minutes up to which an event can have been made: all arrive at the 250th, and ten minutes of skew are allowed.
ARRIVED, SKEW, LAST = 250, 10, 260


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, seen=st.sets(st.sampled_from("abz")), newest=st.none() | st.integers(0, 260))
def test_an_event_is_what_the_loop_says(
    spark: SparkSession, events: list[Event], seen: set[str], newest: int | None
) -> None:
    """Events with the amount 2 cannot be scored."""
    arrived = START + timedelta(minutes=ARRIVED)
    rows = [
        (name, START + timedelta(minutes=minute), amount, batch, index, arrived)
        for index, (name, minute, amount, batch) in enumerate(events)
    ]
    past = Past(
        seen=spark.createDataFrame([(name,) for name in seen], "request_id string") if seen else None,
        newest=None if newest is None else START + timedelta(minutes=newest),
    )
    judged = hold_rows(judge_events(spark.createDataFrame(rows, SCHEMA), CONTRACT, past, delay_s=3600, skew_s=600))
    found: dict[int, Any] = {row["number"]: None for row in judged.collect()}
    can = judged.where("kind IS NULL")
    is_unscorable = F.coalesce(F.col("amount") == 2, F.lit(False))
    first = F.min("copy").over(Window.partitionBy("request_id"))
    scored = can.where(~is_unscorable).withColumn("first", first).where("copy = first").select("request_id", "copy")
    unscorable = can.where(is_unscorable).select("request_id", "copy", F.array(F.lit("none")).alias("broken_rules"))
    for row in settle_copies(judged, scored, unscorable).collect():
        assert bool(row["broken_rules"]) == (row["kind"] in {"broken", "unscorable"})
        found[row["number"]] = row["kind"]
    assert found == judge_one_by_one(events, seen, newest, 60)


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"request_id": None}, ["request_id_not_null"]),
        ({"requested_at": None}, ["requested_at_not_null"]),
        ({"amount": -1.0}, ["amount_in_range"]),
        ({"amount": float("nan")}, []),
        ({"amount": float("inf")}, ["amount_not_finite"]),
        ({"requested_at": NOW + timedelta(minutes=5)}, []),
        ({"requested_at": NOW + timedelta(minutes=5, seconds=1)}, ["requested_at_in_future"]),
        ({"requested_at": datetime(2099, 1, 1, tzinfo=UTC)}, ["requested_at_in_future"]),
    ],
)
def test_rules_are_named(spark: SparkSession, changes: dict[str, Any], rules: list[str]) -> None:
    """NaN is no value, as null."""
    event = {"request_id": "a", "requested_at": NOW, "amount": 1.0} | changes
    frame = spark.createDataFrame([(*event.values(), 1, 0, NOW)], SCHEMA)
    judged = judge_events(frame, CONTRACT, Past(seen=None, newest=None), delay_s=0, skew_s=300)
    (row,) = judged.collect()
    assert row["broken_rules"] == rules
    assert row["amount"] is None or row["amount"] == event["amount"]


def test_a_time_out_of_bounds_that_was_answered_before_makes_nothing_late(spark: SparkSession) -> None:
    """Streams that answered such an event before the bound existed go on."""
    schema = "request_id string, requested_at timestamp, source_batch bigint, stream_id string"
    far = datetime(2099, 1, 1, tzinfo=UTC)
    predictions = spark.createDataFrame(
        [("a", START, 1, "s", NOW), ("b", far, 1, "s", NOW)], f"{schema}, scored_at timestamp"
    )
    dead = spark.createDataFrame(
        [("c", NOW, 1, "s", "late", NOW), ("d", far, 1, "s", "unscorable", NOW)],
        f"{schema}, kind string, dead_at timestamp",
    )
    past = find_past(predictions, dead, stream_id="s", before=2, skew_s=300)
    assert past.newest == NOW
    assert past.seen is not None
    assert sorted(row["request_id"] for row in past.seen.collect()) == ["a", "b"]


@given(st.integers(-(10**15), 10**16))
def test_microseconds_count_from_1970(value: int) -> None:
    assert to_micros(from_micros(value)) == value
    assert to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000
