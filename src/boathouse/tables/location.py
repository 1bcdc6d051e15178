"""Where a table is, a folder of the local lakehouse or a name in Unity Catalog, and which version of it was read."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.atomic_files import folder_lock
from boathouse.errors import ConfigError, TableError
from boathouse.namespaces import find_namespace
from boathouse.plain_paths import plain_path
from boathouse.tables.catalog_errors import explained, list_catalog_tables
from boathouse.tables.delta_log import list_local_columns, open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.time_travel import list_version_files, read_older

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pyspark.sql import DataFrame, DataFrameWriter, SparkSession

# Catalog, schema, table: each is a folder and a part of a name in SQL.
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")
_reads_lock = threading.Lock()
_reads: dict[str, int] = {}


@dataclass(frozen=True, kw_only=True)
class TableVersion:
    """One state of one table.

    Attributes:
        table: Full name, ``<catalog>.<schema>.<table>``; for a file, its name.
        version: Delta version; None for what has no versions, such as a file.
        rows: Rows in that state, None where the log does not record them.
        path: Folder or file, None for a table known by name only.
        timestamp: When that version was committed (UTC), None where unknown.
    """

    table: str
    version: int | None
    rows: int | None
    path: str | None
    timestamp: datetime | None


@dataclass(frozen=True)
class TableLocation:
    """One table on one engine.

    Attributes:
        table: ``<catalog>.<schema>.<table>``.
        engine: ``sail``, ``spark`` or ``databricks``.
        root: Folder of the lakehouse; not used by the databricks engine.
    """

    table: str
    engine: str
    root: str

    def __post_init__(self) -> None:
        """Check that the name has three parts of ASCII letters, digits, ``_`` and ``-``.

        Raises:
            ConfigError: If it has not.
        """
        if not _NAME.fullmatch(self.table):
            form = "the name must be <catalog>.<schema>.<table>, each of ASCII letters, digits, '_' and '-'"
            raise ConfigError.in_catalog(self.table, form)

    @classmethod
    def from_lakehouse(cls, table: str, lakehouse: dict[str, str]) -> TableLocation:
        """Return the location of ``table`` in ``lakehouse`` (``{engine, root}`` of the catalog)."""
        missing = sorted({"engine", "root"} - set(lakehouse))
        if missing:
            raise ConfigError.in_catalog(table, f"lakehouse lacks {', '.join(missing)}")
        return cls(table, lakehouse["engine"], str(lakehouse["root"]))

    @property
    def environment(self) -> str:
        """The environment that the table belongs to."""
        return find_namespace(self.table).environment

    def beside(self, name: str) -> TableLocation:
        """Return where the table ``<schema>.<table>`` of the same environment is."""
        return replace(self, table=find_namespace(self.table).full_name(name))

    @property
    def path(self) -> str | None:
        """The table's folder, or None where tables go by name."""
        if get_engine(self.engine).capabilities.table_names:
            return None
        return "/".join([self._folder, *self.table.split(".")])

    @property
    def engine_path(self) -> str | None:
        """The table's folder as engines are given it: see :mod:`boathouse.plain_paths`."""
        return None if self.path is None else "/".join([plain_path(self._folder), *self.table.split(".")])

    @property
    def _folder(self) -> str:
        return Path(self.root).absolute().as_posix()

    @property
    def sql_name(self) -> str:
        """The table as SQL statements name it, quoted."""
        path = self.engine_path
        if path is None:
            return ".".join(f"`{part}`" for part in self.table.split("."))
        return f"delta.`{path}`"

    def session(self) -> SparkSession:
        """Return the engine's session, started if need be."""
        return get_engine(self.engine).session()

    def newest_version(self) -> int | None:
        """Return the newest version, or None if there is no table."""
        return open_log(self).find_newest()

    def require_version(self, made_by: str | None = None) -> int:
        """Return the newest version.

        Args:
            made_by: The pipeline that makes the table, or the command (``boathouse …``), for the message.

        Raises:
            TableError: If there is no table.
        """
        version = self.newest_version()
        if version is None:
            raise self.explain_missing(made_by)
        return version

    def explain_missing(self, made_by: str | None = None) -> TableError:
        """Return the error for a table that is not there, with the command that makes it."""
        is_command = made_by is not None and made_by.startswith("boathouse ")
        command = made_by if is_command else f"kedro run --pipeline {made_by}" if made_by else "kedro run"
        return TableError(
            f"Table '{self.table}' does not exist in environment '{self.environment}' "
            f"(looked for {self.path or self.sql_name}). Make it: {command} --env {self.environment}"
        )

    def list_beside(self) -> list[TableLocation]:
        """Return the tables of its schema, by name; none without the schema."""
        schema = self.table.rpartition(".")[0]
        if self.path is not None:
            logs = sorted(Path(self.path).parent.glob("*/_delta_log"))
            return [replace(self, table=f"{schema}.{log.parent.name}") for log in logs]
        return [replace(self, table=f"{schema}.{name}") for name in list_catalog_tables(self.session(), schema)]

    def list_columns(self) -> frozenset[str]:
        """Return the names of the columns of the newest version, without an engine where tables are folders."""
        if self.path is not None:
            return list_local_columns(self.path)
        return frozenset(self.session().read.table(self.table).columns)

    def read_newest(self) -> DataFrame | None:
        """Return the newest version, lazily, or None if there is no table."""
        version = self.newest_version()
        return None if version is None else self.read(version)

    def read(self, version: int) -> DataFrame:
        """Return the table as of ``version``, lazily."""
        if self.path and not get_engine(self.engine).capabilities.time_travel:
            older = read_older(self.session(), self.path, version)
            if older is not None:
                return older
        reader = self.session().read.format("delta").option("versionAsOf", version)
        return reader.load(self.engine_path) if self.path else reader.table(self.table)

    def save(self, writer: DataFrameWriter) -> None:
        """Write what ``writer`` is set up to write to this location.

        Raises:
            TableError: If the catalog has no such schema, or this identity may not write there.
        """
        if self.path:
            # An engine cannot make the folder that a link points to.
            Path(self._folder).mkdir(parents=True, exist_ok=True)
            writer.save(self.engine_path)
        else:
            with explained(self.table):
                writer.saveAsTable(self.table)

    def replace_rows(self, rows: DataFrame) -> None:
        """Put ``rows`` in place of all that a table by name has; its columns, comments, keys and properties stay.

        To overwrite by ``saveAsTable`` makes the table again instead: what was declared of it is gone then.

        Raises:
            TableError: If this identity may not write there.
        """
        from pyspark.sql import functions as F

        with explained(self.table):
            rows.writeTo(self.sql_name).overwrite(F.lit(True))  # noqa: FBT003 - a literal of SQL

    @contextmanager
    def creation_lock(self) -> Iterator[None]:
        """Let one writer at a time create tables in this schema, across threads and processes.

        Sail does not notice that two writers create the same table: both would add their rows. Where
        tables go by name the catalog prevents that.

        Raises:
            BoathouseError: If another process keeps the lock.
        """
        if self.path is None:
            yield
            return
        with folder_lock(Path(self.path).parent, purpose=f"create '{self.table}'"):
            yield

    def check_writable(self) -> None:
        """Check that the table's folder can be written or made.

        Raises:
            TableError: Naming the folder that refuses.
        """
        if self.path is None:
            return
        folder = Path(self.path)
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise TableError(
                f"Table '{self.table}' cannot be written: {folder.as_posix()} is no writable folder. "
                "Make it one, or set BOATHOUSE_DATA to a folder that is."
            )


class PastVersions:
    """Tables of the lakehouse at versions that are on record, of whichever environment."""

    def __init__(self, lakehouse: dict[str, str]) -> None:
        """Remember where; open nothing."""
        self._lakehouse = lakehouse

    def read(self, table: str, version: int) -> DataFrame:
        """Return ``<catalog>.<schema>.<table>`` as of ``version``, lazily.

        Raises:
            TableError: If there is no such table or version, or its files are gone.
        """
        location = TableLocation.from_lakehouse(table, self._lakehouse)
        newest = location.require_version()
        if version > newest:
            raise TableError.missing_version(table, f"version {version}", newest)
        if location.path is not None:
            list_version_files(Path(location.path), version)
        return location.read(version)


def note_read(state: TableVersion) -> None:
    """Remember that ``state`` was read; what has no version, such as a file, is ignored."""
    if state.version is not None:
        with _reads_lock:
            _reads[state.table] = state.version


def last_reads() -> dict[str, int]:
    """Return the version that this process read last of each table, by the table's three-level name."""
    with _reads_lock:
        return dict(_reads)
