"""A table's transaction log, read without a Spark job: existence, versions, row counts, and rows of local tables."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from boathouse.errors import TableError
from boathouse.tables.catalog_errors import explained, list_catalog_tables

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

    def find_newest(self) -> int | None:
        """Return the newest version, or None if there is no table."""

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


def find_partitions(path: str) -> tuple[str, ...]:
    """Return the columns by which the table in the folder ``path`` is partitioned; none without a table."""
    from deltalake import DeltaTable

    if not DeltaTable.is_deltatable(path):
        return ()
    return tuple(DeltaTable(path).metadata().partition_columns)


# What a merge did; its rows of output hold those that were only copied as well.
_MERGED = ("numTargetRowsInserted", "numTargetRowsUpdated", "numTargetRowsDeleted")
# Of engines, and of ``deltalake``.
_OUTPUT = ("numOutputRows", "num_added_rows")


# Commits that change no row: of columns, properties, comments and files.
_ROWLESS = re.compile(
    r"(SET|UNSET|ADD|DROP|CHANGE|RENAME|REPLACE|UPDATE|UPGRADE|COMMENT|CLUSTER|OPTIMIZE|VACUUM|COMPUTE|DOMAIN|REORG)\b"
    r"(?! TABLE AS)|CREATE TABLE$|CREATE OR REPLACE TABLE$"
)


def _sum_written(commits: Sequence[tuple[str, Mapping[str, Any]]]) -> int | None:
    """Return the rows of commits, each given by operation and metrics; None if one that writes rows counts none."""
    counts = [_count_written(metrics) for operation, metrics in commits if metrics or not _is_rowless(operation)]
    return None if None in counts else sum(count for count in counts if count is not None)


def _is_rowless(operation: str) -> bool:
    # UPDATE alone changes rows; UPDATE SCHEMA does not.
    return operation != "UPDATE" and _ROWLESS.match(operation) is not None


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

    def find_newest(self) -> int | None:
        """Return the newest version, or None if there is no table."""
        return self.newest() if self.exists() else None

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
                (str(commit.get("operation")), commit.get("operationMetrics") or {})
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
        self._known: dict[int, Row] = {}

    def _ask(self, statement: str) -> list[Row]:
        with explained(self._location.table):
            return self._location.session().sql(statement).collect()

    def _history(self, limit: str = "") -> list[Row]:
        rows = self._ask(f"DESCRIBE HISTORY {self._location.sql_name}{limit}")
        # A commit does not change: what is said of it is asked for once.
        self._known |= {int(row["version"]): row for row in rows}
        return rows

    def _commit(self, version: int) -> Row | None:
        # Mostly the newest is asked for, and a history may be long.
        for limit in (" LIMIT 1", ""):
            if version not in self._known:
                self._history(limit)
        return self._known.get(version)

    def exists(self) -> bool:
        """Return whether the catalog has the table."""
        schema, _, name = self._location.table.rpartition(".")
        return name.lower() in list_catalog_tables(self._location.session(), schema, like=name)

    def newest(self) -> int:
        """Return the newest version."""
        return int(self._history(" LIMIT 1")[0]["version"])

    def find_newest(self) -> int | None:
        """Return the newest version, or None if there is no table; one statement where there is one."""
        from pyspark.errors import PySparkException

        try:
            return self.newest()
        except (PySparkException, TableError):
            # The platform has several errors for a table that is not there.
            if self.exists():
                raise
            return None

    def table_id(self) -> str:
        """Return the identity in the table's own metadata."""
        return str(self._ask(f"DESCRIBE DETAIL {self._location.sql_name}")[0]["id"])

    def rows(self, version: int) -> int | None:
        """Return the rows of ``version``: as its commit says where it wrote the whole table, else counted.

        Delta counts by the statistics of its files, without reading them.
        """
        commit = self._commit(version)
        if commit is None:
            return None
        parameters = commit["operationParameters"] or {}
        condition = parameters.get("predicate", "").strip('[]"')
        whole = parameters.get("mode") == "Overwrite" and condition in {"", "true"}
        rows = (commit["operationMetrics"] or {}).get("numOutputRows")
        return int(rows) if whole and rows is not None else self._location.read(version).count()

    def rows_written(self, since: int | None, until: int) -> int | None:
        """Return the rows that the commits' own records count."""
        return _sum_written(
            [
                (str(commit["operation"]), dict(commit["operationMetrics"] or {}))
                for commit in self._history()
                if (-1 if since is None else since) < commit["version"] <= until
            ]
        )

    def committed_at(self, version: int) -> datetime | None:
        """Return the time in the commit's own record."""
        commit = self._commit(version)
        return None if commit is None else _in_utc(commit["timestamp"])

    def version_at(self, moment: datetime) -> int | None:
        """Return the newest version committed at or before ``moment``."""
        rows = self._history()
        return max(
            (int(row["version"]) for row in rows if _in_utc(row["timestamp"]) <= moment),
            default=None,
        )


def _in_utc(collected: datetime) -> datetime:
    """Return a time that was collected: PySpark gives it in the zone of this process, whatever the session's is."""
    return collected.astimezone(UTC)


_PARTITION = "partition."


def read_local_rows(
    path: str, condition: pc.Expression | None = None, *, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the rows of the newest version for which ``condition`` holds; without one, all.

    Args:
        path: Folder of the table.
        condition: Which rows.
        columns: Which columns; None for all.

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
    names = None if columns is None else list(columns)
    rows = ds.FileSystemDataset(fragments, schema, form, local)
    return rows.to_table(columns=names, filter=condition, use_threads=False)


def list_local_columns(path: str) -> frozenset[str]:
    """Return the names of the columns of the newest version."""
    from deltalake import DeltaTable

    return frozenset(field.name for field in DeltaTable(path).schema().fields)


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
