"""Judging events: broken, sent twice, or too late, each with its reason; the others can be scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.problem.scored_tables import BROKEN, DUPLICATE, EVENT_ID, EVENT_TIME, KIND, LATE, SOURCE_BATCH
from boathouse.tables.row_rules import broken_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame

    from boathouse.tables.contract import TableContract

RULES = "broken_rules"
_SEEN, _COPY = "__seen", "__copy"


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a stream has answered before the events at hand.

    Attributes:
        seen: ``request_id`` of every well-formed event so far; None for none.
        newest: Greatest event time among them, aware; None for none.
    """

    seen: DataFrame | None
    newest: datetime | None


def judge_events(events: DataFrame, contract: TableContract, past: Past, *, delay_s: float) -> DataFrame:
    """Return ``events`` with ``kind`` (null for an event that can be scored) and ``broken_rules``.

    Broken is what breaks a rule of the contract; a duplicate has the id of an event that came before, in an earlier
    batch or further up in its own; late is what happened more than ``delay_s`` before the newest event of all
    earlier batches of the source. What an event is does not depend on how many batches are read at once.

    Args:
        events: Columns of the contract and ``source_batch``.
        contract: The rules of an event.
        past: What was answered before.
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
    """Return every rule of an event by name, with the condition under which it is broken; NaN is no number."""
    floats = [column.name for column in contract.columns if column.dtype in ("double", "float")]
    nan = {f"{name}_not_nan": F.coalesce(F.isnan(name), F.lit(False)) for name in floats}  # noqa: FBT003
    return broken_conditions(contract) | nan


def _mark_copies(judged: DataFrame, seen: DataFrame | None, columns: list[str]) -> DataFrame:
    """Return the rows with whether their id was seen before, and which copy within these rows they are."""
    well_formed = F.size(RULES) == 0
    # Of rows alike in all but their payload, the same is first in every run.
    order = Window.partitionBy(EVENT_ID, well_formed).orderBy(SOURCE_BATCH, EVENT_TIME, F.xxhash64(*columns))
    copies = judged.withColumn(_COPY, F.when(well_formed, F.row_number().over(order)).otherwise(1))
    if seen is None:
        return copies.withColumn(_SEEN, F.lit(False))  # noqa: FBT003
    ids = seen.select(EVENT_ID).distinct().withColumn(_SEEN, F.lit(True))  # noqa: FBT003
    return copies.join(ids, EVENT_ID, "left").withColumn(_SEEN, F.coalesce(_SEEN, F.lit(False)))  # noqa: FBT003


def late_limits(judged: DataFrame, newest: datetime | None, *, delay_s: float) -> dict[int, datetime]:
    """Return for each source batch the time before which its events are late; none where nothing came before."""
    rows = judged.where(F.size(RULES) == 0).groupBy(SOURCE_BATCH).agg(F.unix_micros(F.max(EVENT_TIME)).alias("newest"))
    found = {int(row[SOURCE_BATCH]): int(row["newest"]) for row in rows.collect()}
    highest = None if newest is None else to_micros(newest)
    limits: dict[int, datetime] = {}
    for batch in sorted(found):
        if highest is not None:
            limits[batch] = from_micros(highest) - timedelta(seconds=delay_s)
        highest = max(found[batch], found[batch] if highest is None else highest)
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
    """Return the aware time that :func:`to_micros` counts."""
    return _EPOCH + timedelta(microseconds=value)
