"""A stream without a streaming engine: driven by the source's versions, its checkpoint in the targets' logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import StreamError
from boathouse.inference.models import RunRecord
from boathouse.inference.stream_plan import ScoredEvents, StreamPlan, find_past, score_events
from boathouse.problem.scored_tables import KINDS, PROGRESS, STREAM_ID, STREAM_PROGRESS
from boathouse.tables.commits import retry_on_conflict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.inference.marked_tables import MarkedTable
    from boathouse.inference.options import StreamOptions
    from boathouse.inference.source import AppendedRows, SourceBatch
    from boathouse.tables.location import TableLocation


LOG = logging.getLogger("boathouse.stream")


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How far a stream is behind after a batch; None where the engine does not tell.

    Attributes:
        batches: Versions of the source not read yet.
        events: Rows in them.
        source_version: Version of the source read so far.
        committed_at: When each source batch was committed.
    """

    batches: int | None = None
    events: int | None = None
    source_version: int | None = None
    committed_at: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StreamTargets:
    """Where a stream writes; in the order in which it does, the predictions last.

    Attributes:
        dead_letters: Events put aside.
        progress: One row a source batch.
        predictions: Events answered; their mark is where a restart goes on.
    """

    dead_letters: MarkedTable
    progress: MarkedTable
    predictions: MarkedTable


@dataclass(frozen=True, kw_only=True)
class BatchWriter:
    """Answers batches of events.

    Attributes:
        plan: What is done.
        source: Name of the source's table.
        place_of: Gives the place of a table ``<schema>.<table>``.
        targets: Where to.
        stream_id: Which reading of the source this is.
        run_id: MLflow run; empty without.
    """

    plan: StreamPlan
    source: str
    place_of: Callable[[str], TableLocation]
    targets: StreamTargets
    stream_id: str
    run_id: str

    def answer(self, events: DataFrame, *, first: int, last: int, backlog: Backlog) -> ScoredEvents:
        """Score ``events`` of the source batches ``first`` to ``last`` and write what became of them.

        Each target takes what it does not have yet and remembers ``last`` in the same commit: killed between two of
        them, a restart reads the events again and completes the rest.
        """
        past = find_past(
            self.targets.predictions.read(), self.targets.dead_letters.read(), stream_id=self.stream_id, before=first
        )
        now = datetime.now(UTC)
        tables, record = self._read_tables(backlog.source_version)
        done = score_events(self.plan, events, past, tables=tables, record=record, stream_id=self.stream_id, now=now)
        self.targets.dead_letters.append(done.dead_letters, upto=last)
        self.targets.progress.append(self._report(done, last, now, backlog), upto=last)
        self.targets.predictions.append(done.predictions, upto=last)
        self._log(done, last, backlog)
        return done

    def _read_tables(self, source_version: int | None) -> tuple[dict[str, DataFrame], RunRecord]:
        """Return the newest version of each table that scoring looks up, and which version that is."""
        frames: dict[str, DataFrame] = {}
        versions = {} if source_version is None else {self.source: source_version}
        for name in self.plan.tables:
            place = self.place_of(name)
            versions[place.table] = place.require_version("feature_engineering")
            frames[name] = place.read(versions[place.table])
        return frames, RunRecord(run_id=self.run_id, table_versions=versions)

    def _report(self, done: ScoredEvents, last: int, now: datetime, backlog: Backlog) -> DataFrame:
        """Return the rows of ``monitoring.stream_progress``: one for each source batch, empty ones included."""
        rows = [self._describe(batch, done, now, backlog) for batch in sorted({*done.counts, last})]
        return self.place_of(PROGRESS).session().createDataFrame(rows, STREAM_PROGRESS.ddl)

    def _describe(self, batch: int, done: ScoredEvents, now: datetime, backlog: Backlog) -> tuple[Any, ...]:
        counts = done.counts.get(batch, dict.fromkeys(("scored", *KINDS), 0))
        committed = backlog.committed_at.get(batch)
        return (
            self.source,
            self.stream_id,
            batch,
            self.plan.model_version,
            sum(counts.values()),
            counts["scored"],
            *(counts[kind] for kind in KINDS),
            done.watermarks.get(batch),
            backlog.batches,
            backlog.events,
            None if committed is None else (now - committed).total_seconds(),
            now,
        )

    def _log(self, done: ScoredEvents, last: int, backlog: Backlog) -> None:
        """Say in one line what was done; numbers alone, no value of a row."""
        totals = {name: sum(each[name] for each in done.counts.values()) for name in ("scored", *KINDS)}
        told = ", ".join(f"{count:,} {name}" for name, count in totals.items() if count or name == "scored")
        behind = "" if backlog.batches is None else f"; backlog {backlog.batches} batch(es)"
        events = "" if backlog.events is None else f", {backlog.events:,} request(s)"
        LOG.info("%s, batch %d: %s%s%s", self.source, last, told, behind, events)


# The same stream started twice: whoever loses looks again.
_RETRIES = 10


class VersionStream:
    """Answers the rows that are added to a table, version by version."""

    def __init__(self, source: AppendedRows, writer: BatchWriter, options: StreamOptions) -> None:
        """Remember what is read, what answers, and how."""
        self._source, self._writer, self._options = source, writer, options

    def run(self) -> int:
        """Answer what is there, or go on, as the options say; return the number of batches answered.

        Raises:
            StreamError: If the source lost rows, columns, files or log entries, or is another table.
        """
        self._check_same_table()
        done, idle_since = 0, time.monotonic()
        while True:
            if self._step():
                done, idle_since = done + 1, time.monotonic()
                continue
            limit = self._options.stop_when_idle_s
            if self._options.trigger == "available_now" or 0 < limit <= time.monotonic() - idle_since:
                return done
            time.sleep(self._options.interval_s)

    def _step(self) -> bool:
        """Answer the next batch; return whether there was one."""
        found: list[SourceBatch | None] = []

        def attempt() -> None:
            mark = self._writer.targets.predictions.mark()
            found[:] = [self._source.read_after(mark, most=self._options.most_versions)]
            if found[0] is not None:
                self._answer(found[0])

        retry_on_conflict(attempt, table=self._writer.source, retries=_RETRIES)
        return found[0] is not None

    def _answer(self, batch: SourceBatch) -> None:
        versions, rows = self._source.measure_backlog(batch.last)
        backlog = Backlog(batches=versions, events=rows, source_version=batch.last, committed_at=batch.committed_at)
        self._writer.answer(batch.rows, first=batch.first, last=batch.last, backlog=backlog)

    def _check_same_table(self) -> None:
        """Refuse to go on from the marks of a table that is no longer there."""
        progress = self._writer.targets.progress.read()
        if progress is None:
            return
        name = self._writer.stream_id.rsplit("/", 1)[0]
        known = {row[STREAM_ID] for row in progress.select(STREAM_ID).distinct().collect()}
        own = {each for each in known if each.rsplit("/", 1)[0] == name}
        if own and self._writer.stream_id not in own:
            raise StreamError.replaced(self._writer.source)
