"""A stream without a streaming engine: driven by the versions of its source, restarted from its targets' logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.errors import StreamError
from boathouse.inference.events import ARRIVED, check_source_columns
from boathouse.inference.stream_targets import Backlog
from boathouse.problem.scored_tables import SOURCE_BATCH, STREAM_ID
from boathouse.tables.changes import Commit, read_commit
from boathouse.tables.commits import retry_on_conflict
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.inference.options import StreamOptions
    from boathouse.inference.stream_targets import BatchWriter
    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True, kw_only=True)
class SourceBatch:
    """New rows of some versions.

    Attributes:
        rows: The events' columns and ``source_batch``, the version that added the row.
        first: First version.
        last: Last version.
        committed_at: Time of each version's commit, as far as known.
    """

    rows: DataFrame
    first: int
    last: int
    committed_at: dict[int, datetime]


class AppendedRows:
    """Reads the rows added to a table in a folder since a version."""

    def __init__(self, location: TableLocation, events: TableContract) -> None:
        """Remember table and columns; read nothing.

        Args:
            location: The table; in a folder.
            events: The columns that are read.
        """
        self._location, self._events = location, events
        self._path = str(location.path)

    @property
    def table_id(self) -> str:
        """The id that Delta gave the table when it was created.

        Raises:
            TableError: If there is no such table.
        """
        return str(self._open().metadata().id)

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        self._location.require_version("stream_inference")
        return DeltaTable(self._path)

    def _check_columns(self, columns: dict[str, str], version: int) -> None:
        check_source_columns(columns, self._events, table=self._location.table, version=version)

    def read_after(self, mark: int | None, *, most: int) -> SourceBatch | None:
        """Return the rows of the next versions after ``mark``, or None if there are none.

        The first reading (``mark`` is None) takes the whole table as it is, as its newest version.

        Args:
            mark: Last version read; None for none.
            most: Versions that are read at once, at most.

        Raises:
            StreamError: If the source lost rows, columns, files or log entries.
        """
        newest = int(self._open().version())
        if mark is None:
            return self._read_whole(newest)
        if newest <= mark:
            return None
        commits = list(self._walk(mark + 1, min(newest, mark + most), newest))
        frames = [self._read_commit(commit) for commit in commits if commit.added]
        rows = reduce(lambda left, right: left.unionByName(right), frames) if frames else self._empty()
        times = {commit.version: commit.committed_at for commit in commits if commit.committed_at is not None}
        return SourceBatch(rows=rows, first=mark + 1, last=commits[-1].version, committed_at=times)

    def measure_backlog(self, mark: int) -> tuple[int, int | None]:
        """Return the versions after ``mark`` and the rows they add; None where the log has no counts."""
        versions = range(mark + 1, int(self._open().version()) + 1)
        counts = [None if commit is None else commit.rows for commit in (read_commit(self._path, v) for v in versions)]
        return len(versions), None if None in counts else sum(count for count in counts if count is not None)

    def _read_whole(self, newest: int) -> SourceBatch:
        frame = self._location.read(newest)
        self._check_columns(dict(frame.dtypes), newest)
        time = open_log(self._location).committed_at(newest)
        return SourceBatch(
            rows=self._tag(frame, newest, time),
            first=newest,
            last=newest,
            committed_at={} if time is None else {newest: time},
        )

    def _walk(self, first: int, last: int, newest: int) -> Iterator[Commit]:
        """Give the commits up to the first that cannot be read; raise if that is the very first.

        Commits before a fault are answered first, however many are read at once.
        """
        for version in range(first, last + 1):
            try:
                yield self._check_commit(version, newest)
            except StreamError:
                if version == first:
                    raise
                return

    def _check_commit(self, version: int, newest: int) -> Commit:
        commit = read_commit(self._path, version)
        if commit is None:
            raise StreamError.log_gone(self._location.table, version=version, newest=newest)
        if commit.columns is not None:
            self._check_columns(dict(commit.columns), version)
        if commit.took_away:
            raise StreamError.rewritten(self._location.table, version=version, operation=commit.operation)
        gone = sum(not (Path(self._path) / file.path).exists() for file in commit.added)
        if gone:
            raise StreamError.vacuumed(self._location.table, version=version, files=gone)
        return commit

    def _read_commit(self, commit: Commit) -> DataFrame:
        """Return the rows that ``commit`` added, with its partition values, which the files do not have."""
        types = {column.name: column.dtype for column in self._events.columns}
        groups: dict[tuple[tuple[str, str | None], ...], list[str]] = {}
        for file in commit.added:
            groups.setdefault(tuple(sorted(file.partition.items())), []).append(
                f"{self._location.engine_path}/{file.path}"
            )
        parts = []
        for partition, files in groups.items():
            values = dict(partition)
            stored = ", ".join(f"`{name}` {dtype}" for name, dtype in types.items() if name not in values)
            part = self._location.session().read.schema(stored).parquet(*files)
            for name, value in values.items():
                part = part.withColumn(name, F.lit(value).cast(types.get(name, "string")))
            parts.append(self._tag(part, commit.version, commit.committed_at))
        return reduce(lambda left, right: left.unionByName(right), parts)

    def _tag(self, frame: DataFrame, version: int, committed_at: datetime | None) -> DataFrame:
        """Return the events with the version that added them and the time of its commit, else now."""
        arrived = F.lit(committed_at or datetime.now(UTC)).cast("timestamp").alias(ARRIVED)
        names = list(self._events.column_names)
        return frame.select(*names, F.lit(version).cast("bigint").alias(SOURCE_BATCH), arrived)

    def _empty(self) -> DataFrame:
        return self._location.session().createDataFrame(
            [], f"{self._events.ddl}, {SOURCE_BATCH} bigint, {ARRIVED} timestamp"
        )


# Two processes of the same stream: the one whose commit fails reads the marks again.
_RETRIES = 10


class VersionStream:
    """Answers the rows that are added to a table, version by version."""

    def __init__(self, source: AppendedRows, writer: BatchWriter, options: StreamOptions) -> None:
        """Remember source, writer and options."""
        self._source, self._writer, self._options = source, writer, options

    def run(self) -> int:
        """Answer the waiting requests, then end or poll as the options say; return the number of batches answered.

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
        batches: list[SourceBatch | None] = []

        def attempt() -> None:
            mark = self._writer.targets.predictions.mark()
            batches[:] = [self._source.read_after(mark, most=self._options.most_versions)]
            if batches[0] is not None:
                self._answer(batches[0])

        retry_on_conflict(attempt, table=self._writer.source, retries=_RETRIES)
        return batches[0] is not None

    def _answer(self, batch: SourceBatch) -> None:
        versions, rows = self._source.measure_backlog(batch.last)
        backlog = Backlog(batches=versions, events=rows, source_version=batch.last, committed_at=batch.committed_at)
        self._writer.answer(batch.rows, first=batch.first, last=batch.last, backlog=backlog)

    def _check_same_table(self) -> None:
        """Refuse to continue from the marks of a source that was replaced."""
        progress = self._writer.targets.progress.read()
        if progress is None:
            return
        name = self._writer.stream_id.rsplit("/", 1)[0]
        known = {row[STREAM_ID] for row in progress.select(STREAM_ID).distinct().collect()}
        own = {stream for stream in known if stream.rsplit("/", 1)[0] == name}
        if own and self._writer.stream_id not in own:
            raise StreamError.replaced(self._writer.source)
