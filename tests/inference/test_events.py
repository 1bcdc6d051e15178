"""Judging events, against a loop over them that a reader can follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.inference.events import Past, from_micros, judge_events, to_micros
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = datetime(2005, 9, 30, tzinfo=UTC)
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
SCHEMA = "request_id string, requested_at timestamp, amount double, source_batch bigint, number int"
Event = tuple[str | None, int, float | None, int]

# Minutes are unique within an id's copies, so that which copy comes first is determined by time.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", None]),
        st.integers(0, 300),
        st.sampled_from([None, 1.0, -1.0, float("nan")]),
        st.integers(5, 8),
    ),
    unique_by=lambda event: event[1],
    max_size=12,
)


def judge_one_by_one(events: list[Event], seen: set[str], newest: int | None, delay: int) -> dict[int, str | None]:
    """Return the kind of each event by its index; batches in order, and within one by time."""
    kinds: dict[int, str | None] = {}
    seen = set(seen)
    for batch in range(5, 9):
        limit = None if newest is None else newest - delay
        own = sorted((event[1], index) for index, event in enumerate(events) if event[3] == batch)
        for minute, index in own:
            name, _, amount, _ = events[index]
            if name is None or (amount is not None and not amount >= 0):
                kinds[index] = "broken"
                continue
            kinds[index] = "duplicate" if name in seen else "late" if limit is not None and minute < limit else None
            seen.add(name)
            newest = minute if newest is None else max(newest, minute)
    return kinds


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, seen=st.sets(st.sampled_from("abz")), newest=st.none() | st.integers(0, 300))
def test_an_event_is_what_the_loop_says(
    spark: SparkSession, events: list[Event], seen: set[str], newest: int | None
) -> None:
    rows = [
        (name, START + timedelta(minutes=minute), amount, batch, index)
        for index, (name, minute, amount, batch) in enumerate(events)
    ]
    past = Past(
        seen=spark.createDataFrame([(name,) for name in seen], "request_id string") if seen else None,
        newest=None if newest is None else START + timedelta(minutes=newest),
    )
    judged = judge_events(spark.createDataFrame(rows, SCHEMA), CONTRACT, past, delay_s=3600)
    found: dict[int, Any] = {row["number"]: row["kind"] for row in judged.collect()}
    assert found == judge_one_by_one(events, seen, newest, 60)


def test_rules_are_named(spark: SparkSession) -> None:
    rows = [(None, START, float("nan"), 1, 0), ("a", None, -1.0, 1, 1)]
    judged = judge_events(spark.createDataFrame(rows, SCHEMA), CONTRACT, Past(seen=None, newest=None), delay_s=0)
    assert {row["number"]: row["broken_rules"] for row in judged.collect()} == {
        0: ["request_id_not_null", "amount_not_nan"],
        1: ["requested_at_not_null", "amount_in_range"],
    }


@given(st.integers(-(10**15), 10**16))
def test_microseconds_count_from_1970(value: int) -> None:
    assert to_micros(from_micros(value)) == value
    assert to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000
