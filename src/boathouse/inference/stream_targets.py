"""Where a stream writes: tables whose log records the last source batch, in the same commit as its rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pyspark.sql import functions as F

from boathouse.inference.events import find_past
from boathouse.inference.models import RunRecord
from boathouse.inference.stream import ScoredEvents, StreamPlan, score_events
from boathouse.problem.scored_tables import KINDS, PROGRESS, SOURCE_BATCH, STREAM_PROGRESS
from boathouse.tables.commits import append_once, last_transaction
from boathouse.tables.delta_log import open_log
from boathouse.tables.row_rules import check_rows, nan_counts, violation_counts

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation

LOG = logging.getLogger("boathouse.stream")


class MarkedTable(Protocol):
    """One target of a stream."""

    def read(self) -> DataFrame | None:
        """Return the rows so far; None if there is no table."""

    def mark(self) -> int | None:
        """Return the last source batch written; None if there is none, or the engine does not expose it."""

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add ``rows`` and the mark ``upto`` in one commit; rows up to the current mark are already there."""


class PathMarkedTable:
    """A table in a folder, written through ``deltalake``: Sail ignores the marks of a commit."""

    def __init__(self, location: TableLocation, contract: TableContract, *, application: str) -> None:
        """Remember table and stream; read nothing.

        Args:
            location: The table, which may not exist yet.
            contract: Its columns and rules.
            application: Identifies the stream in the table's log.
        """
        self._location, self._contract, self._application = location, contract, application

    def read(self) -> DataFrame | None:
        """Return the rows so far, lazily."""
        return self._location.read_newest()

    def mark(self) -> int | None:
        """Return the last source batch written."""
        return last_transaction(self._open(), self._application) if open_log(self._location).exists() else None

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add those of ``rows`` that are after the mark.

        Raises:
            DataQualityError: If rows break the contract.
            CommitConflictError: If another process of the same stream has committed since.
        """
        table = self._open_or_create()
        mark = last_transaction(table, self._application)
        if mark is not None and mark >= upto:
            return
        new = rows if mark is None else rows.where(F.col(SOURCE_BATCH) > mark)
        _check(new, self._contract, self._location.table)
        data = new.select(*self._contract.column_names).toArrow().cast(self._contract.arrow_schema)
        append_once(table, data, name=self._location.table, application=self._application, number=upto)

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(str(self._location.path))

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        self._location.check_writable()
        with self._location.creation_lock():
            return DeltaTable.create(str(self._location.path), self._contract.arrow_schema, mode="ignore")


class EngineMarkedTable:
    """A table written by Spark, which checks the marks when it commits."""

    def __init__(self, location: TableLocation, contract: TableContract, *, application: str) -> None:
        """Remember table and stream; read nothing."""
        self._location, self._contract, self._application = location, contract, application

    def read(self) -> DataFrame | None:
        """Return the rows so far, lazily."""
        return self._location.read_newest()

    def mark(self) -> int | None:
        """Return None: Spark compares the marks when it commits."""
        return None

    def append(self, rows: DataFrame, *, upto: int) -> None:
        """Add ``rows``, unless a commit of the stream for ``upto`` or a later batch is there.

        Raises:
            DataQualityError: If rows break the contract.
        """
        _check(rows, self._contract, self._location.table)
        self._create()
        writer = rows.select(*self._contract.column_names).write.format("delta").mode("append")
        self._location.save(writer.option("txnAppId", self._application).option("txnVersion", upto))

    def _create(self) -> None:
        """Create the table if it does not exist."""
        with self._location.creation_lock():
            if not open_log(self._location).exists():
                empty = self._location.session().createDataFrame([], self._contract.ddl)
                self._location.save(empty.write.format("delta").mode("ignore"))


def _check(rows: DataFrame, contract: TableContract, table: str) -> None:
    """Check columns and rules of ``rows``; one action.

    Raises:
        TableError: If a column is not the contract's.
        DataQualityError: If rows break a rule.
    """
    contract.check_schema(dict(rows.dtypes), where=f"Streaming into '{table}'")
    check_rows(rows, nan_counts(rows) | violation_counts(contract), table=table)


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How far a stream is behind after a batch; None where the engine does not report it.

    Attributes:
        batches: Versions of the source not read yet.
        events: Rows in them.
        source_version: Version of the source read so far.
        committed_at: Time of the commit of each source batch.
    """

    batches: int | None = None
    events: int | None = None
    source_version: int | None = None
    committed_at: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StreamTargets:
    """The tables that a stream writes, in the order of writing: the predictions last.

    Attributes:
        dead_letters: Events that were not scored.
        progress: One row a source batch.
        predictions: Events scored; a restart continues from their mark.
    """

    dead_letters: MarkedTable
    progress: MarkedTable
    predictions: MarkedTable


@dataclass(frozen=True, kw_only=True)
class BatchWriter:
    """Answers batches of events.

    Attributes:
        plan: How events are scored.
        source: Name of the source's table.
        locate: Gives the location of a table ``<schema>.<table>``.
        targets: The tables written.
        stream_id: The stream that reads the source.
        run_id: MLflow run; empty without.
    """

    plan: StreamPlan
    source: str
    locate: Callable[[str], TableLocation]
    targets: StreamTargets
    stream_id: str
    run_id: str

    def answer(self, events: DataFrame, *, first: int, last: int, backlog: Backlog) -> ScoredEvents:
        """Score ``events`` of the source batches ``first`` to ``last`` and write the outcome.

        Each target takes the rows it does not have yet and records ``last`` in the same commit: after a kill between
        two of them, a restart reads the events again and completes the rest.
        """
        past = find_past(
            self.targets.predictions.read(),
            self.targets.dead_letters.read(),
            stream_id=self.stream_id,
            before=first,
            skew_s=self.plan.options.skew_s,
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
        """Return each table that scoring looks up at its newest version, and the record of these versions."""
        frames: dict[str, DataFrame] = {}
        versions = {} if source_version is None else {self.source: source_version}
        for name in self.plan.tables:
            location = self.locate(name)
            versions[location.table] = location.require_version("feature_engineering")
            frames[name] = location.read(versions[location.table])
        return frames, RunRecord(run_id=self.run_id, table_versions=versions)

    def _report(self, done: ScoredEvents, last: int, now: datetime, backlog: Backlog) -> DataFrame:
        """Return the rows of ``monitoring.stream_progress``: one for each source batch, empty ones included."""
        rows = [self._describe(batch, done, now, backlog) for batch in sorted({*done.counts, last})]
        return self.locate(PROGRESS).session().createDataFrame(rows, STREAM_PROGRESS.ddl)

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
        """Log one line of counts, without any value of a row."""
        totals = {name: sum(batch[name] for batch in done.counts.values()) for name in ("scored", *KINDS)}
        outcomes = ", ".join(f"{count:,} {name}" for name, count in totals.items() if count or name == "scored")
        behind = "" if backlog.batches is None else f"; backlog {backlog.batches} batch(es)"
        events = "" if backlog.events is None else f", {backlog.events:,} request(s)"
        LOG.info("%s, batch %d: %s%s%s", self.source, last, outcomes, behind, events)
