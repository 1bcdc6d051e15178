"""Events of a stream: which are broken, duplicate or late, with the reason; all others can be scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.errors import StreamError
from boathouse.errors.inference import NOTHING_ANSWERED
from boathouse.problem.scored_tables import (
    BROKEN,
    DUPLICATE,
    EVENT_ID,
    EVENT_TIME,
    KIND,
    LATE,
    SOURCE_BATCH,
    STREAM_ID,
)
from boathouse.tables.contract import diff_columns
from boathouse.tables.row_rules import broken_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame

    from boathouse.tables.contract import TableContract

RULES = "broken_rules"
_SEEN, _COPY = "__seen", "__copy"


@dataclass(frozen=True, kw_only=True)
class Past:
    """What was answered before the events at hand.

    Attributes:
        seen: ``request_id`` of every well-formed event so far; None for none.
        newest: Greatest event time among them, aware; None for none.
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


def judge_events(events: DataFrame, contract: TableContract, past: Past, *, delay_s: float) -> DataFrame:
    """Return ``events`` with ``kind`` (null for an event that can be scored) and ``broken_rules``.

    Broken is what breaks a rule of the contract; a duplicate has the id of an event that came before, in an earlier
    batch or further up in its own; late is what happened more than ``delay_s`` before the newest event of all
    earlier batches of the source. The result does not depend on how many batches are read at once.

    Args:
        events: Columns of the contract and ``source_batch``.
        contract: The rules of an event.
        past: Events answered before.
        delay_s: How late an event may be, in seconds.
    """
    broken = [F.when(condition, F.lit(name)) for name, condition in event_rules(contract).items()]
    judged = events.withColumn(RULES, F.array_compact(F.array(*broken)))
    marked = _mark_copies(judged, past.seen, list(contract.column_names))
    limits = late_limits(judged, past.newest, delay_s=delay_s)
    is_broken, is_late = F.size(RULES) > 0, _is_late(limits)
    kind = F.when(is_broken, BROKEN).when(F.col(_SEEN) | (F.col(_COPY) > 1), DUPLICATE).when(is_late, LATE)
    return marked.withColumn(KIND, kind).drop(_SEEN, _COPY)


def event_rules(contract: TableContract) -> dict[str, Column]:
    """Return every rule of an event by name, with the condition that breaks it; NaN breaks one too."""
    floats = [column.name for column in contract.columns if column.dtype in ("double", "float")]
    nan = {f"{name}_not_nan": F.coalesce(F.isnan(name), F.lit(False)) for name in floats}  # noqa: FBT003
    return broken_conditions(contract) | nan


def _mark_copies(judged: DataFrame, seen: DataFrame | None, columns: list[str]) -> DataFrame:
    """Add whether an id was seen before, and the number of the copy within these rows."""
    well_formed = F.size(RULES) == 0
    # Rows that differ in their payload only have the same order in every run.
    order = Window.partitionBy(EVENT_ID, well_formed).orderBy(SOURCE_BATCH, EVENT_TIME, F.xxhash64(*columns))
    copies = judged.withColumn(_COPY, F.when(well_formed, F.row_number().over(order)).otherwise(1))
    if seen is None:
        return copies.withColumn(_SEEN, F.lit(False))  # noqa: FBT003
    ids = seen.select(EVENT_ID).distinct().withColumn(_SEEN, F.lit(True))  # noqa: FBT003
    return copies.join(ids, EVENT_ID, "left").withColumn(_SEEN, F.coalesce(_SEEN, F.lit(False)))  # noqa: FBT003


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


def find_past(predictions: DataFrame | None, dead: DataFrame | None, *, stream_id: str, before: int) -> Past:
    """Return what was answered before source batch ``before`` of the stream, by it and by earlier streams.

    Args:
        predictions: ``inference.stream_predictions``; None if it does not exist.
        dead: ``inference.dead_letters``; None if it does not exist.
        stream_id: The stream that reads the source.
        before: First source batch that is not answered yet.
    """
    earlier = (F.col(STREAM_ID) != stream_id) | (F.col(SOURCE_BATCH) < before)
    frames = []
    if predictions is not None:
        frames.append(predictions.where(earlier).select(EVENT_ID, EVENT_TIME))
    if dead is not None:
        frames.append(dead.where(earlier & (F.col(KIND) != BROKEN)).select(EVENT_ID, EVENT_TIME))
    if not frames:
        return Past(seen=None, newest=None)
    seen = frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])
    newest = seen.agg(F.unix_micros(F.max(EVENT_TIME)).alias("newest")).collect()[0]["newest"]
    return Past(seen=seen, newest=None if newest is None else from_micros(int(newest)))
