"""What a stream does with a batch of events: the body that every engine's stream runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.inference.batch import SplitRows, check_balance, hold_rows
from boathouse.inference.events import RULES, Past, from_micros, judge_events, late_limits
from boathouse.problem.scored_tables import (
    BROKEN,
    DEAD_LETTERS,
    EVENT_ID,
    EVENT_TIME,
    KIND,
    KINDS,
    SOURCE_BATCH,
    STREAM_ID,
    STREAM_PREDICTIONS,
    UNSCORABLE,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.inference.models import RunRecord
    from boathouse.inference.options import StreamOptions
    from boathouse.tables.contract import TableContract

ScoreBatch = Callable[["DataFrame", Mapping[str, "DataFrame"], "RunRecord", datetime], SplitRows]


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """What one stream does.

    Attributes:
        events: The columns and rules of an event; the source has exactly these columns.
        targets: Contracts of predictions and dead letters, by name.
        tables: Tables (``<schema>.<table>``) that scoring looks features up in; read anew for each batch.
        score: From events that can be scored, those tables, what was read and the time to predictions and rest.
        model_version: Who scores.
        options: When and how much is read, and how late an event may be.
    """

    events: TableContract
    targets: Mapping[str, TableContract]
    tables: tuple[str, ...]
    score: ScoreBatch
    model_version: str
    options: StreamOptions


@dataclass(frozen=True, kw_only=True)
class ScoredEvents:
    """What became of the events of some batches.

    Attributes:
        predictions: Rows of ``inference.stream_predictions``, held on the driver.
        dead_letters: Rows of ``inference.dead_letters``, held on the driver.
        counts: For each source batch the events by outcome: ``scored`` and the kinds of dead letters.
        watermarks: For each source batch the time before which its events were late.
    """

    predictions: DataFrame
    dead_letters: DataFrame
    counts: Mapping[int, Mapping[str, int]]
    watermarks: Mapping[int, datetime]


def score_events(  # noqa: PLR0913 - what a batch is scored from
    plan: StreamPlan,
    events: DataFrame,
    past: Past,
    *,
    tables: Mapping[str, DataFrame],
    record: RunRecord,
    stream_id: str,
    now: datetime,
) -> ScoredEvents:
    """Return what becomes of ``events``: each is scored or put aside, once.

    Args:
        plan: The stream.
        events: Columns of the plan's events and ``source_batch``.
        past: What was answered before.
        tables: The plan's tables.
        record: What was read.
        stream_id: Which reading of the source this is.
        now: Time of scoring, aware.

    Raises:
        DataQualityError: If an event got lost or doubled; nothing is published then.
    """
    held = _hold(events)
    judged = _hold(judge_events(held, plan.events, past, delay_s=plan.options.delay_s))
    split = plan.score(judged.where(F.col(KIND).isNull()).drop(KIND, RULES), tables, record, now)
    stream = F.lit(stream_id).alias(STREAM_ID)
    predictions = _hold(split.scorable.select("*", stream).select(*plan.targets[STREAM_PREDICTIONS].column_names))
    dead = _hold(_put_aside(judged, split.quarantined, plan, stream_id=stream_id, now=now))
    counts = _count(predictions, dead)
    check_balance(
        held.count(),
        scored=sum(each["scored"] for each in counts.values()),
        quarantined=sum(each[kind] for each in counts.values() for kind in KINDS),
    )
    return ScoredEvents(
        predictions=predictions,
        dead_letters=dead,
        counts=counts,
        watermarks=late_limits(judged, past.newest, delay_s=plan.options.delay_s),
    )


def _put_aside(
    judged: DataFrame, quarantined: DataFrame, plan: StreamPlan, *, stream_id: str, now: datetime
) -> DataFrame:
    """Return the rows of ``inference.dead_letters``."""
    names = list(plan.targets[DEAD_LETTERS].column_names)
    faulty = judged.where(F.col(KIND).isNotNull())
    reasons = quarantined.select(EVENT_ID, F.col(RULES).alias("__rules"))
    unscorable = (
        judged.where(F.col(KIND).isNull())
        .join(reasons, EVENT_ID)
        .withColumn(RULES, F.col("__rules"))
        .withColumn(KIND, F.lit(UNSCORABLE))
    )
    both = faulty.select(*judged.columns).unionByName(unscorable.select(*judged.columns))
    # No table holds NaN; the broken rule tells that it was one.
    floats = [name for name, dtype in both.dtypes if dtype in ("double", "float")]
    cleaned = {name: F.when(~F.isnan(name), F.col(name)) for name in floats}
    both = both.withColumns(cleaned) if cleaned else both
    stamped = both.withColumn(STREAM_ID, F.lit(stream_id)).withColumn("dead_at", F.lit(now).cast("timestamp"))
    return stamped.select(*names)


def _count(predictions: DataFrame, dead: DataFrame) -> dict[int, dict[str, int]]:
    """Return the events of each source batch by outcome."""
    outcomes = predictions.select(SOURCE_BATCH, F.lit("scored").alias(KIND)).unionByName(
        dead.select(SOURCE_BATCH, KIND)
    )
    counts: dict[int, dict[str, int]] = {}
    for row in outcomes.groupBy(SOURCE_BATCH, KIND).count().collect():
        of_batch = counts.setdefault(int(row[SOURCE_BATCH]), dict.fromkeys(("scored", *KINDS), 0))
        of_batch[row[KIND]] = int(row["count"])
    return counts


def _hold(frame: DataFrame) -> DataFrame:
    """Return ``frame`` computed once and held on the driver: the model runs once for checks and writes."""
    return hold_rows(frame, rows=0, limit=0)


def find_past(predictions: DataFrame | None, dead: DataFrame | None, *, stream_id: str, before: int) -> Past:
    """Return what was answered before source batch ``before`` of the stream, by it and by earlier ones.

    Args:
        predictions: ``inference.stream_predictions``; None if there is none yet.
        dead: ``inference.dead_letters``; None if there is none yet.
        stream_id: Which reading of the source asks.
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
