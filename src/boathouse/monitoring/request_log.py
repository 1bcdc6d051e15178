"""From the inference log to ``monitoring.requests``: each row once, however often it is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import CommitConflictError
from boathouse.monitoring.requests import REQUESTS, tabulate_requests
from boathouse.tables.changes import AddedFile, list_added, read_added, read_commit
from boathouse.tables.commits import append_once, last_transaction, retry_on_conflict
from boathouse.tables.delta_log import open_log, read_local_rows
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from boathouse.monitoring.requests import KeyNaming
    from boathouse.tables.changes import Commit
    from boathouse.tables.location import TableLocation

_log = logging.getLogger(__name__)
# Entries that are read and written at a time, about, and retries of a step that met another writer.
_MOST_ENTRIES, _RETRIES = 50_000, 20
# The journal of a process that was killed may reach a log that goes by name so many days later.
_LATE_DAYS = 7
_SECOND_BITS = 32


@dataclass(frozen=True)
class Position:
    """How far a log was read: a version, and the second of its commit, by which another history is noticed."""

    version: int
    second: int

    @property
    def number(self) -> int:
        """One number that grows with the version: what a commit of the target carries."""
        return self.version << _SECOND_BITS | self.second

    @classmethod
    def of_number(cls, number: int) -> Position:
        """Return the position that a commit carries."""
        return cls(number >> _SECOND_BITS, number % (1 << _SECOND_BITS))


def _locate(commit: Commit | None, version: int) -> Position:
    moment = None if commit is None else commit.committed_at
    return Position(version, 0 if moment is None else int(moment.timestamp()) % (1 << _SECOND_BITS))


class RequestLog:
    """Takes what is new in a log into ``monitoring.requests``.

    The rows and how far the log was read are in one commit: a process that is killed leaves both or neither. Rows that
    are there already are left out besides, so that a log that was rewritten, restored or replaced by a copy adds none
    twice.
    """

    def __init__(self, source: TableLocation, target: TableLocation, naming: KeyNaming) -> None:
        """Remember both tables; read nothing.

        Args:
            source: The inference log.
            target: ``monitoring.requests``.
            naming: How keys are named.
        """
        self._source, self._target, self._naming = source, target, naming

    def update(self) -> int:
        """Take what is new; return the rows that came. Without a log, nothing is done.

        Raises:
            CommitConflictError: If other writers were always first.
        """
        if not open_log(self._source).exists():
            return 0
        return self._merge() if self._source.path is None else self._follow(self._source.path)

    def _follow(self, path: str) -> int:
        added, is_done = 0, False

        def attempt() -> None:
            nonlocal added, is_done
            count = self._step(path)
            is_done, added = count is None, added + (count or 0)

        while not is_done:
            retry_on_conflict(attempt, table=self._target.table, retries=_RETRIES)
        return added

    def _step(self, path: str) -> int | None:
        """Take the next versions; return the rows that came, or None where there was nothing to do."""
        newest, table_id, files = list_added(path)
        target = self._open()
        application, position = _find_position(target, table_id, path, newest)
        if position is not None and position.version == newest:
            return None
        group = None if position is None else _next_commits(path, position.version, newest)
        if group is None:
            return self._take_whole(path, files, newest, application)
        last = group[-1]
        try:
            entries = read_added(path, [file for commit in group for file in commit.added])
        except FileNotFoundError:
            return self._take_whole(path, files, newest, application)
        rows = self._choose_new(entries, last.version)
        append_once(
            target, rows, name=self._target.table, application=application, number=_locate(last, last.version).number
        )
        return int(rows.num_rows)

    def _take_whole(self, path: str, files: Sequence[AddedFile], newest: int, application: str) -> int:
        """Take what is not there yet of the log as it is now: at the beginning, and where its history is gone."""
        added = 0
        for part in _divide(files):
            try:
                entries = read_added(path, part)
            except FileNotFoundError as error:
                # It was vacuumed meanwhile: the newest version has other files.
                raise CommitConflictError.moved_on(self._source.table) from error
            target = self._open()
            rows = self._choose_new(entries, newest)
            if rows.num_rows:
                name = f"{application}/whole/{newest}"
                number = 1 + (last_transaction(target, name) or 0)
                append_once(target, rows, name=self._target.table, application=name, number=number, alone=True)
                added += int(rows.num_rows)
        position = _locate(read_commit(path, newest), newest)
        append_once(
            self._open(),
            REQUESTS.arrow_schema.empty_table(),
            name=self._target.table,
            application=application,
            number=position.number,
        )
        return added

    def _choose_new(self, entries: pa.Table, version: int) -> pa.Table:
        """Return the rows of some entries without those that the table has."""
        import pyarrow.compute as pc

        rows = tabulate_requests(_give(entries), self._naming, log_version=version)
        days = pc.unique(rows["request_date"])
        keys = list(REQUESTS.keys)
        known = read_local_rows(str(self._target.path), pc.field("request_date").isin(days), columns=keys)
        if not known.num_rows or not rows.num_rows:
            return rows
        new = rows.join(known.cast(rows.select(keys).schema), keys, join_type="left anti", use_threads=False)
        return new.select(rows.column_names).cast(REQUESTS.arrow_schema)

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        self._target.check_writable()
        with self._target.creation_lock():
            return DeltaTable.create(
                str(self._target.path),
                REQUESTS.arrow_schema,
                mode="ignore",
                name=REQUESTS.name,
                description=REQUESTS.description,
                partition_by=["request_date"],
            )

    def _merge(self) -> int:
        """Take the newest days of a log that goes by name, each row once by its key."""
        from pyspark.sql import functions as F

        version, known = self._source.require_version(), self._target.read_newest()
        entries = self._source.read(version)
        newest = None if known is None else known.agg(F.max("request_date")).collect()[0][0]
        if newest is not None:
            entries = entries.where(F.col("request_date") >= F.lit(newest - timedelta(days=_LATE_DAYS)))
        rows = tabulate_requests(_give(entries.toArrow()), self._naming, log_version=version)
        options = WriteOptions(
            table=self._target.table,
            mode="merge",
            keys=REQUESTS.keys,
            partition_by=("request_date",),
            ignore_when_comparing=frozenset({"log_version"}),
        )
        before = 0 if known is None else known.count()
        frame = self._target.session().createDataFrame(rows)
        DeltaWriter(self._target, options, REQUESTS).write(frame)
        after = self._target.read_newest()
        return 0 if after is None else after.count() - before


def _find_position(target: DeltaTable, table_id: str, path: str, newest: int) -> tuple[str, Position | None]:
    """Return the name under which the log is read, and how far it was; None where it has to be read from the beginning.

    A log that was restored to an earlier version goes on with another history under the same id: it is read from the
    beginning under the next name.
    """
    generation = 0
    while True:
        application = f"boathouse-requests/{table_id}/{generation}"
        number = last_transaction(target, application)
        if number is None:
            return application, None
        position = Position.of_number(number)
        commit = read_commit(path, position.version)
        is_same = commit is None or _locate(commit, position.version) == position
        if position.version <= newest and is_same:
            return application, position
        generation += 1


def _next_commits(path: str, after: int, newest: int) -> list[Commit] | None:
    """Return the next commits, as many as are read at a time; None if one of them, or a file of it, is gone."""
    found: list[Commit] = []
    entries = 0
    for version in range(after + 1, newest + 1):
        commit = read_commit(path, version)
        if commit is None or any(not (Path(path) / file.path).exists() for file in commit.added):
            if not found:
                _log.warning("The history of the inference log is gone from version %s on; it is read whole.", version)
            return found or None
        found.append(commit)
        entries += commit.rows or 0
        if entries >= _MOST_ENTRIES:
            break
    return found


def _divide(files: Sequence[AddedFile]) -> Iterator[list[AddedFile]]:
    """Give the files in parts of about as many entries as are read at a time."""
    part: list[AddedFile] = []
    for file in files:
        part.append(file)
        if sum(each.rows or 0 for each in part) >= _MOST_ENTRIES:
            yield part
            part = []
    if part:
        yield part


def _give(entries: pa.Table) -> Iterator[dict[str, object]]:
    for batch in entries.to_batches(max_chunksize=1_000):
        yield from batch.to_pylist()
