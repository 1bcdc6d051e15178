"""Events of a stream: which are broken, duplicate or late, with the reason; all others can be scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.errors import StreamError
from boathouse.errors.inference import NOTHING_ANSWERED
from boathouse.inference.batch import is_infinite
from boathouse.problem.scored_tables import (
    BROKEN,
    DUPLICATE,
    EVENT_ID,
    EVENT_TIME,
    KIND,
    LATE,
    NOT_FINITE,
    SOURCE_BATCH,
    STREAM_ID,
    UNSCORABLE,
)
from boathouse.tables.contract import diff_columns
from boathouse.tables.row_rules import broken_conditions, has_value, read_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column, DataFrame

    from boathouse.tables.contract import TableContract

RULES = "broken_rules"
# When an event came, and which of the well-formed rows with its id it is, in their order; 1 is the first.
ARRIVED, COPY = "arrived_at", "copy"
_SEEN = "__seen"


@dataclass(frozen=True, kw_only=True)
class Past:
    """What was answered before the events at hand.

    Attributes:
        seen: ``request_id`` of every event that was scored; None for none. What was refused can be sent again.
        newest: Greatest event time among the well-formed events, aware; None for none.
    """

    seen: DataFrame | None
    newest: datetime | None


def check_source_columns(columns: Mapping[str, str], events: TableContract, *, table: str, version: int) -> None:
    """Check that the source of a stream has the columns of the events; columns that begin with ``_`` are ignored.

    Args:
        columns: Column name to Spark type name, of the source.
        events: The columns that are read.
        table: The source, for the message.
        version: Version of the source that has these columns.

    Raises:
        StreamError: With the column diff.
    """
    expected = {column.name: column.dtype for column in events.columns}
    lines = diff_columns(expected, {name: dtype for name, dtype in columns.items() if not name.startswith("_")})
    if lines:
        diff = "\n".join(lines)
        raise StreamError(
            f"The columns of the stream's source '{table}' are not those it reads (version {version}). "
            f"{NOTHING_ANSWERED}\n{diff}\n"
            "Give the source its columns back, or change the contract of the events and the code in one commit; "
            "then start the stream again: it continues from its position."
        )


def judge_events(
    events: DataFrame,
    contract: TableContract,
    past: Past,
    *,
    delay_s: float,
    skew_s: float,
    keys: Sequence[str] = (),
) -> DataFrame:
    """Return ``events`` with ``kind`` (null for an event that can be scored), ``broken_rules`` and ``copy``.

    Broken is what breaks a rule of the contract or a bound of its time; a duplicate has the id of an event that was
    scored in an earlier reading; late is what happened more than ``delay_s`` before the newest event of all earlier
    batches of the source. Of rows of the same reading with the same id the first that can be scored is, by ``copy``:
    see :func:`settle_copies`. NaN is null, as in batch and at the endpoint.

    Args:
        events: Columns of the contract, ``source_batch`` and ``arrived_at``.
        contract: The rules of an event.
        past: Events answered before.
        delay_s: How late an event may be, in seconds.
        skew_s: How much later than it arrives an event may say it was made, in seconds: clocks differ.
        keys: Key columns of the entity: they are read as everywhere, and stay as they are where they are none.
    """
    read, faults = read_event_keys(_without_nan(events, contract), contract, keys)
    rules = faults | event_rules(contract, skew_s=skew_s)
    broken = [F.when(condition, F.lit(name)) for name, condition in rules.items()]
    judged = read.withColumn(RULES, F.array_compact(F.array(*broken)))
    marked = _mark_copies(judged, past.seen, list(contract.column_names))
    limits = late_limits(judged, past.newest, delay_s=delay_s)
    kind = F.when(F.size(RULES) > 0, BROKEN).when(F.col(_SEEN), DUPLICATE).when(_is_late(limits), LATE)
    return marked.withColumn(KIND, kind).drop(_SEEN)


def _without_nan(events: DataFrame, contract: TableContract) -> DataFrame:
    """Return the events with null for NaN: no value is given, as at the endpoint and in batch."""
    floats = [column.name for column in contract.columns if column.dtype in ("double", "float")]
    return events.withColumns({name: F.when(~F.isnan(name), F.col(name)) for name in floats}) if floats else events


def read_event_keys(
    events: DataFrame, contract: TableContract, keys: Sequence[str]
) -> tuple[DataFrame, dict[str, Column]]:
    """Return the events with each text key in its one spelling, and the conditions under which one is no key.

    Keys that are whole numbers have been typed by the source.
    """
    texts = [column for column in contract.columns if column.name in keys and column.dtype == "string"]
    keyed = {column.name: read_key(column, "string") for column in texts}
    spelled = {name: F.coalesce(key, F.nullif(F.trim(name), F.lit(""))) for name, key in keyed.items()}
    faults = {f"{name}_type": has_value(name, "string") & key.isNull() for name, key in keyed.items()}
    return (events.withColumns(spelled) if texts else events), faults


def event_rules(contract: TableContract, *, skew_s: float) -> dict[str, Column]:
    """Return every rule of an event by name, with the condition that breaks it.

    Beside the contract's: an event was not made later than it arrived, but for the skew, since one event of a far
    future would make all later ones late; a number is finite.
    """
    micros, arrived = F.unix_micros(F.col(EVENT_TIME)), F.unix_micros(F.col(ARRIVED))
    rules = {f"{EVENT_TIME}_in_future": micros > arrived + F.lit(int(skew_s * 1_000_000))}
    floats = [column.name for column in contract.columns if column.dtype in ("double", "float")]
    rules |= {f"{name}_{NOT_FINITE}": is_infinite(name) for name in floats}
    return broken_conditions(contract) | {
        name: F.coalesce(condition, F.lit(False))  # noqa: FBT003
        for name, condition in rules.items()
    }


def _mark_copies(judged: DataFrame, seen: DataFrame | None, columns: list[str]) -> DataFrame:
    """Add whether an id was seen before, and the number of the copy within these rows."""
    well_formed = F.size(RULES) == 0
    # Rows that differ in their payload only have the same order in every run.
    order = Window.partitionBy(EVENT_ID, well_formed).orderBy(SOURCE_BATCH, EVENT_TIME, F.xxhash64(*columns))
    copies = judged.withColumn(COPY, F.row_number().over(order))
    if seen is None:
        return copies.withColumn(_SEEN, F.lit(False))  # noqa: FBT003
    ids = seen.select(EVENT_ID).distinct().withColumn(_SEEN, F.lit(True))  # noqa: FBT003
    return copies.join(ids, EVENT_ID, "left").withColumn(_SEEN, F.coalesce(_SEEN, F.lit(False)))  # noqa: FBT003


def settle_copies(judged: DataFrame, scored: DataFrame, unscorable: DataFrame) -> DataFrame:
    """Return the events of a reading that were not scored, with their final ``kind`` and rules.

    A row after the one of its id that was scored is a duplicate, also if it is late: the result does not depend on how
    many batches are read at once. A row that came before was refused, and sent again.

    Args:
        judged: As :func:`judge_events` returns them.
        scored: ``request_id`` and ``copy`` of the rows that were scored, one for each id.
        unscorable: ``request_id``, ``copy`` and ``broken_rules`` of those that can be scored and were not.
    """
    first, reasons = "__first", "__reasons"
    known = judged.join(scored.select(EVENT_ID, F.col(COPY).alias(first)), EVENT_ID, "left").join(
        unscorable.select(EVENT_ID, COPY, F.col(RULES).alias(reasons)), [EVENT_ID, COPY], "left"
    )
    is_open, is_after = F.col(KIND).isNull(), F.coalesce(F.col(COPY) > F.col(first), F.lit(False))  # noqa: FBT003
    is_after = is_after & (F.size(RULES) == 0)
    # An event of which the scorer gave neither answer nor reason is missing here: the caller counts.
    dead = known.where(~is_open | is_after | F.col(reasons).isNotNull())
    kind = F.when(is_after, DUPLICATE).when(is_open, UNSCORABLE).otherwise(F.col(KIND))
    rules = F.when(is_after, F.array().cast("array<string>")).when(is_open, F.col(reasons)).otherwise(F.col(RULES))
    return dead.withColumns({KIND: kind, RULES: rules}).select(*judged.columns)


def late_limits(judged: DataFrame, newest: datetime | None, *, delay_s: float) -> dict[int, datetime]:
    """Return for each source batch the time before which its events are late; none where nothing came before."""
    rows = judged.where(F.size(RULES) == 0).groupBy(SOURCE_BATCH).agg(F.unix_micros(F.max(EVENT_TIME)).alias("newest"))
    newest_of = {int(row[SOURCE_BATCH]): int(row["newest"]) for row in rows.collect()}
    highest = None if newest is None else to_micros(newest)
    limits: dict[int, datetime] = {}
    for batch in sorted(newest_of):
        if highest is not None:
            limits[batch] = from_micros(highest) - timedelta(seconds=delay_s)
        highest = max(newest_of[batch], newest_of[batch] if highest is None else highest)
    return limits


def _is_late(limits: Mapping[int, datetime]) -> Column:
    condition = F.lit(False)  # noqa: FBT003
    for batch, limit in limits.items():
        of_batch = F.col(SOURCE_BATCH) == F.lit(batch)
        condition = condition | (of_batch & (F.unix_micros(EVENT_TIME) < F.lit(to_micros(limit))))
    return condition


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def to_micros(moment: datetime) -> int:
    """Return the microseconds from 1970 (UTC) to ``moment``, which is aware."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """Return the aware time ``value`` microseconds after 1970 (UTC)."""
    return _EPOCH + timedelta(microseconds=value)


def find_past(
    predictions: DataFrame | None, dead: DataFrame | None, *, stream_id: str, before: int, skew_s: float
) -> Past:
    """Return what was answered before source batch ``before`` of the stream, by it and by earlier streams.

    Args:
        predictions: ``inference.stream_predictions``; None if it does not exist.
        dead: ``inference.dead_letters``; None if it does not exist.
        stream_id: The stream that reads the source.
        before: First source batch that is not answered yet.
        skew_s: As for :func:`judge_events`: events that were answered before this bound existed and that break it do
            not make others late.
    """
    earlier = (F.col(STREAM_ID) != stream_id) | (F.col(SOURCE_BATCH) < before)
    seen, times = None, []
    if predictions is not None:
        seen = predictions.where(earlier).select(EVENT_ID)
        times.append(predictions.where(earlier).select(EVENT_TIME, F.col("scored_at").alias(ARRIVED)))
    if dead is not None:
        well_formed = dead.where(earlier & (F.col(KIND) != BROKEN))
        times.append(well_formed.select(EVENT_TIME, F.col("dead_at").alias(ARRIVED)))
    if not times:
        return Past(seen=None, newest=None)
    both = times[0] if len(times) == 1 else times[0].unionByName(times[1])
    possible = both.where(F.unix_micros(EVENT_TIME) <= F.unix_micros(ARRIVED) + F.lit(int(skew_s * 1_000_000)))
    newest = possible.agg(F.max(F.unix_micros(EVENT_TIME)).alias("newest")).collect()[0]["newest"]
    return Past(seen=seen, newest=None if newest is None else from_micros(int(newest)))
