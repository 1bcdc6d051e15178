"""Scoring a batch of events: the code that streams run on every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from boathouse.inference.batch import SplitRows, check_balance, hold_rows
from boathouse.inference.events import ARRIVED, COPY, RULES, Past, judge_events, late_limits, settle_copies, to_micros
from boathouse.problem.scored_tables import (
    DEAD_LETTERS,
    EVENT_ID,
    EVENT_TIME,
    KIND,
    KINDS,
    SOURCE_BATCH,
    STREAM_ID,
    STREAM_PREDICTIONS,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.inference.models import RunRecord
    from boathouse.inference.options import StreamOptions
    from boathouse.tables.contract import TableContract

_FIRST = "__first"
_TIMES = (to_micros(datetime(1, 1, 1, tzinfo=UTC)), to_micros(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)))
ScoreBatch = Callable[["DataFrame", Mapping[str, "DataFrame"], "RunRecord", datetime], SplitRows]


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """One stream: what it reads, looks up, computes and writes.

    Attributes:
        events: The columns and rules of an event; the source has exactly these columns.
        targets: Contracts of predictions and dead letters, by name.
        tables: Feature tables (``<schema>.<table>``) that scoring looks up, at their newest version for each batch.
        score: Gives predictions and unscorable rows of events, from those tables, their versions and the time; both
            keep ``request_id``, ``source_batch`` and ``copy``.
        model_version: Version of the model.
        options: When and how much is read, and how late an event may be.
        keys: Key columns of the entity.
    """

    events: TableContract
    targets: Mapping[str, TableContract]
    tables: tuple[str, ...]
    score: ScoreBatch
    model_version: str
    options: StreamOptions
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScoredEvents:
    """Outcome of the events of some batches.

    Attributes:
        predictions: Rows of ``inference.stream_predictions``, held on the driver.
        dead_letters: Rows of ``inference.dead_letters``, held on the driver.
        counts: For each source batch the events by outcome: ``scored`` or the kind of dead letter.
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
    """Return the outcome of ``events``: each is scored or becomes a dead letter, once.

    Args:
        plan: The stream.
        events: Columns of the plan's events, ``source_batch`` and ``arrived_at``.
        past: Events answered before.
        tables: The plan's tables.
        record: Run and versions of the tables read.
        stream_id: The stream that reads the source.
        now: Time of scoring, aware.

    Raises:
        DataQualityError: If an event got lost or doubled; nothing is published then.
    """
    options, names = plan.options, list(plan.targets[STREAM_PREDICTIONS].column_names)
    held = hold_rows(events)
    judged = hold_rows(
        judge_events(held, plan.events, past, delay_s=options.delay_s, skew_s=options.skew_s, keys=plan.keys)
    )
    split = plan.score(judged.where(F.col(KIND).isNull()).drop(KIND, RULES, ARRIVED), tables, record, now)
    first = F.min(COPY).over(Window.partitionBy(EVENT_ID))
    stamped = split.scorable.withColumn(STREAM_ID, F.lit(stream_id)).withColumn(_FIRST, first)
    scored = hold_rows(stamped.where(F.col(COPY) == F.col(_FIRST)).select(*names, COPY))
    predictions = scored.select(*names)
    dead = hold_rows(_list_dead(settle_copies(judged, scored, split.quarantined), plan, stream_id=stream_id, now=now))
    counts = _count(predictions, dead)
    check_balance(
        held.count(),
        scored=sum(batch["scored"] for batch in counts.values()),
        quarantined=sum(batch[kind] for batch in counts.values() for kind in KINDS),
    )
    return ScoredEvents(
        predictions=predictions,
        dead_letters=dead,
        counts=counts,
        watermarks=late_limits(judged, past.newest, delay_s=plan.options.delay_s),
    )


def _list_dead(dead: DataFrame, plan: StreamPlan, *, stream_id: str, now: datetime) -> DataFrame:
    """Return the rows of ``inference.dead_letters``."""
    # Times that Python cannot hold would stop every reader of the table; the broken rule records them.
    is_time = F.unix_micros(EVENT_TIME).between(*_TIMES)
    stamped = dead.withColumns(
        {
            EVENT_TIME: F.when(is_time, F.col(EVENT_TIME)),
            STREAM_ID: F.lit(stream_id),
            "dead_at": F.lit(now).cast("timestamp"),
        }
    )
    return stamped.select(*plan.targets[DEAD_LETTERS].column_names)


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
