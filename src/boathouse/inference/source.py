"""The source of a stream: a table in a folder whose new rows are read version by version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.errors import StreamError
from boathouse.problem.scored_tables import SOURCE_BATCH
from boathouse.tables.changes import Commit, read_commit
from boathouse.tables.contract import diff_columns
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True, kw_only=True)
class SourceBatch:
    """New rows of some versions.

    Attributes:
        rows: The events' columns and ``source_batch``, the version that brought the row.
        first: First version.
        last: Last version.
        committed_at: Time of each version's commit, as far as known.
    """

    rows: DataFrame
    first: int
    last: int
    committed_at: dict[int, datetime]


class AppendedRows:
    """Reads what was added to a table since a version."""

    def __init__(self, place: TableLocation, events: TableContract) -> None:
        """Remember table and columns; read nothing.

        Args:
            place: The table; in a folder.
            events: The columns that are read.
        """
        self._place, self._events = place, events
        self._path = str(place.path)

    @property
    def table_id(self) -> str:
        """The id that Delta gave the table when it was made.

        Raises:
            TableError: If there is no such table.
        """
        return str(self._open().metadata().id)

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        self._place.require_version("stream_inference")
        return DeltaTable(self._path)

    def check_columns(self, found: dict[str, str], version: int) -> None:
        """Check that the source has the columns of the events; such of our own as ``_batch_id`` do not count.

        Raises:
            StreamError: With the column diff.
        """
        expected = {column.name: column.dtype for column in self._events.columns}
        lines = diff_columns(expected, {name: dtype for name, dtype in found.items() if not name.startswith("_")})
        if lines:
            raise StreamError.changed_columns(self._place.table, lines, version=version)

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
        frames = [self._read_commit(each) for each in commits if each.added]
        rows = reduce(lambda left, right: left.unionByName(right), frames) if frames else self._nothing()
        times = {each.version: each.committed_at for each in commits if each.committed_at is not None}
        return SourceBatch(rows=rows, first=mark + 1, last=commits[-1].version, committed_at=times)

    def measure_backlog(self, mark: int) -> tuple[int, int | None]:
        """Return the versions after ``mark`` and the rows they add; None where the log does not tell."""
        versions = range(mark + 1, int(self._open().version()) + 1)
        counts = [None if commit is None else commit.rows for commit in (read_commit(self._path, v) for v in versions)]
        return len(versions), None if None in counts else sum(count for count in counts if count is not None)

    def _read_whole(self, newest: int) -> SourceBatch:
        frame = self._place.read(newest)
        self.check_columns(dict(frame.dtypes), newest)
        time = open_log(self._place).committed_at(newest)
        return SourceBatch(
            rows=self._tag(frame, newest),
            first=newest,
            last=newest,
            committed_at={} if time is None else {newest: time},
        )

    def _walk(self, first: int, last: int, newest: int) -> Iterator[Commit]:
        """Give the commits up to the first that cannot be read; if that is the very first, say why.

        What came before a fault is answered first, whoever reads how much at once.
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
            raise StreamError.log_gone(self._place.table, version=version, newest=newest)
        if commit.columns is not None:
            self.check_columns(dict(commit.columns), version)
        if commit.took_away:
            raise StreamError.rewritten(self._place.table, version=version, operation=commit.operation)
        gone = sum(not (Path(self._path) / file.path).exists() for file in commit.added)
        if gone:
            raise StreamError.vacuumed(self._place.table, version=version, files=gone)
        return commit

    def _read_commit(self, commit: Commit) -> DataFrame:
        """Return the rows that ``commit`` added; partition values are not in the files."""
        types = {column.name: column.dtype for column in self._events.columns}
        groups: dict[tuple[tuple[str, str | None], ...], list[str]] = {}
        for file in commit.added:
            groups.setdefault(tuple(sorted(file.partition.items())), []).append(f"{self._path}/{file.path}")
        parts = []
        for partition, files in groups.items():
            values = dict(partition)
            stored = ", ".join(f"`{name}` {dtype}" for name, dtype in types.items() if name not in values)
            part = self._place.session().read.schema(stored).parquet(*files)
            for name, value in values.items():
                part = part.withColumn(name, F.lit(value).cast(types.get(name, "string")))
            parts.append(self._tag(part, commit.version))
        return reduce(lambda left, right: left.unionByName(right), parts)

    def _tag(self, frame: DataFrame, version: int) -> DataFrame:
        names = list(self._events.column_names)
        return frame.select(*names, F.lit(version).cast("bigint").alias(SOURCE_BATCH))

    def _nothing(self) -> DataFrame:
        return self._place.session().createDataFrame([], f"{self._events.ddl}, {SOURCE_BATCH} bigint")
