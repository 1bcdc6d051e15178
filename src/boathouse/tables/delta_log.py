"""A table's transaction log, read without a Spark job: existence, versions, row counts, and rows of local tables."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    import pyarrow.compute as pc
    from deltalake import DeltaTable
    from pyspark.sql import Row

    from boathouse.tables.location import TableLocation


class TableLog(Protocol):
    """Reader of one table's log. All but ``exists`` need the table to be there."""

    def exists(self) -> bool:
        """Return whether the table exists."""

    def newest(self) -> int:
        """Return the newest version."""

    def table_id(self) -> str:
        """Return the id of the table: another table made in its folder later has another."""

    def rows(self, version: int) -> int | None:
        """Return the rows of ``version``, or None if the log does not record it."""

    def rows_written(self, since: int | None, until: int) -> int | None:
        """Return the rows that commits after ``since``, None for the first, up to ``until`` added, changed or deleted.

        None if a commit does not record it. Meant for appends and merges: rows that are written again count as well.
        """

    def committed_at(self, version: int) -> datetime | None:
        """Return when ``version`` was committed (UTC), or None if the log does not record it."""

    def version_at(self, moment: datetime) -> int | None:
        """Return the newest version committed at or before ``moment``, or None if there is none."""


def open_log(location: TableLocation) -> TableLog:
    """Return the log of the table at ``location``."""
    return CatalogLog(location) if location.path is None else PathLog(location.path)


# What a merge did; its rows of output hold those that were only copied as well.
_MERGED = ("numTargetRowsInserted", "numTargetRowsUpdated", "numTargetRowsDeleted")
# Of engines, and of ``deltalake``.
_OUTPUT = ("numOutputRows", "num_added_rows")


def _sum_written(commits: Sequence[Mapping[str, Any]]) -> int | None:
    counts = [_count_written(metrics) for metrics in commits]
    return None if None in counts else sum(count for count in counts if count is not None)


def _count_written(metrics: Mapping[str, Any]) -> int | None:
    names = [name for name in _MERGED if name in metrics] or [name for name in _OUTPUT if name in metrics][:1]
    return sum(int(metrics[name]) for name in names) if names else None


class PathLog:
    """The log of a table in a local folder, read through ``deltalake``; needs no engine."""

    def __init__(self, path: str) -> None:
        """Remember the folder; read nothing."""
        self._path = path

    def _open(self, version: int | None = None) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(self._path, version=version)

    def exists(self) -> bool:
        """Return whether the folder holds a Delta log."""
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(self._path))

    def newest(self) -> int:
        """Return the newest version."""
        return int(self._open().version())

    def table_id(self) -> str:
        """Return the identity in the table's own metadata."""
        return str(self._open().metadata().id)

    def rows(self, version: int) -> int | None:
        """Return the sum of the files' row counts, or None if a file has none."""
        import pyarrow as pa

        actions = pa.table(self._open(version).get_add_actions(flatten=True))
        if actions.num_rows == 0:
            return 0
        if "num_records" not in actions.column_names:
            return None
        counts = actions["num_records"].to_pylist()
        return None if None in counts else sum(counts)

    def rows_written(self, since: int | None, until: int) -> int | None:
        """Return the rows that the commits' own records count."""
        return _sum_written(
            [
                commit.get("operationMetrics") or {}
                for commit in self._open().history()
                if (-1 if since is None else since) < commit["version"] <= until
            ]
        )

    def committed_at(self, version: int) -> datetime | None:
        """Return the time in the commit's own record."""
        commits = self._open(version).history(1)
        stamp = commits[0].get("timestamp") if commits else None
        return None if stamp is None else datetime.fromtimestamp(stamp / 1000, tz=UTC)

    def version_at(self, moment: datetime) -> int | None:
        """Return the newest version committed at or before ``moment``."""
        limit = moment.timestamp() * 1000
        versions = [commit["version"] for commit in self._open().history() if commit["timestamp"] <= limit]
        return max(versions, default=None)


class CatalogLog:
    """The log of a table known by name, read through SQL of the platform."""

    def __init__(self, location: TableLocation) -> None:
        """Remember the table; ask nothing."""
        self._location = location

    def _history(self, limit: str = "") -> list[Row]:
        return self._location.session().sql(f"DESCRIBE HISTORY {self._location.sql_name}{limit}").collect()

    def _commit(self, version: int) -> Row | None:
        return next((row for row in self._history() if row["version"] == version), None)

    def exists(self) -> bool:
        """Return whether the catalog has the table."""
        return bool(self._location.session().catalog.tableExists(self._location.table))

    def newest(self) -> int:
        """Return the newest version."""
        return int(self._history(" LIMIT 1")[0]["version"])

    def table_id(self) -> str:
        """Return the identity in the table's own metadata."""
        return str(self._location.session().sql(f"DESCRIBE DETAIL {self._location.sql_name}").collect()[0]["id"])

    def rows(self, version: int) -> int | None:
        """Return the rows written by a commit that wrote the whole table, else None."""
        commit = self._commit(version)
        if commit is None:
            return None
        whole = (commit["operationParameters"] or {}).get("mode") == "Overwrite" and not (
            commit["operationParameters"] or {}
        ).get("predicate", "[]").strip("[]")
        rows = (commit["operationMetrics"] or {}).get("numOutputRows")
        return int(rows) if whole and rows is not None else None

    def rows_written(self, since: int | None, until: int) -> int | None:
        """Return the rows that the commits' own records count."""
        return _sum_written(
            [
                dict(commit["operationMetrics"] or {})
                for commit in self._history()
                if (-1 if since is None else since) < commit["version"] <= until
            ]
        )

    def committed_at(self, version: int) -> datetime | None:
        """Return the time in the commit's own record; the session's time zone is UTC."""
        commit = self._commit(version)
        return None if commit is None else commit["timestamp"].replace(tzinfo=UTC)

    def version_at(self, moment: datetime) -> int | None:
        """Return the newest version committed at or before ``moment``."""
        rows = self._history()
        return max(
            (int(row["version"]) for row in rows if row["timestamp"].replace(tzinfo=UTC) <= moment),
            default=None,
        )


_PARTITION = "partition."


def read_local_rows(path: str, condition: pc.Expression | None = None) -> pa.Table:
    """Return the rows of the newest version for which ``condition`` holds; without one, all.

    ``DeltaTable.to_pyarrow_table`` has Arrow's threads call back into Python, which ends the process by a signal if
    it is about to exit then.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable
    from pyarrow.fs import LocalFileSystem

    table, form, local = DeltaTable(path), ds.ParquetFileFormat(), LocalFileSystem()
    schema = pa.schema(table.schema().to_arrow())
    actions = pa.table(table.get_add_actions(flatten=True))
    divided = [name for name in actions.column_names if name.startswith(_PARTITION)]
    fragments = []
    for action in actions.select(["path", *divided]).to_pylist() if actions.num_rows else []:
        holds = [(ds.field(name.removeprefix(_PARTITION)), action[name]) for name in divided]
        expression = ds.scalar(value=True)
        for field, value in holds:
            expression &= field.is_null() if value is None else (field == value)
        file = (Path(path) / unquote(action["path"])).as_posix()
        fragments.append(form.make_fragment(file, local, partition_expression=expression))
    return ds.FileSystemDataset(fragments, schema, form, local).to_table(filter=condition, use_threads=False)


def has_local_row(path: str, column: str, value: str) -> bool:
    """Return whether a row of the newest version has ``value`` in the text column ``column``; imports no pandas."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    from deltalake import DeltaTable

    # Made of its bytes: ``pyarrow.scalar`` imports pandas, which takes most of a second.
    text = value.encode()
    offsets = struct.pack("=ii", 0, len(text))
    wanted = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(text)])[0]
    for uri in DeltaTable(path).file_uris():
        part = pq.ParquetFile(unquote(uri)).read(columns=[column])[column]
        if pc.any(pc.equal(part, wanted)).as_py():
            return True
    return False
