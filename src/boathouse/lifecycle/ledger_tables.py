"""The audit table itself: a folder or a name in a catalog, read whole and added to by one writer at a time."""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from boathouse.errors import CommitConflictError
from boathouse.lifecycle.chain import AUDIT_COLUMNS
from boathouse.lifecycle.ledger_columns import add_columns, complete_rows, evolve_table
from boathouse.tables.catalog_errors import explained
from boathouse.tables.commits import append_once, last_transaction
from boathouse.tables.contract import arrow_schema_of, ddl_of
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

    from boathouse.tables.location import TableLocation


class LedgerTable(Protocol):
    """One audit table, by whichever means it is read and written."""

    def turn(self) -> AbstractContextManager[None]:
        """Return a context in which to read and add; a courtesy to other writers, not what excludes them."""

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""

    def committed(self) -> int | None:
        """Return how many records were ever committed, or None if the table does not keep it."""

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Append ``rows`` if exactly ``after`` records are there; else raise the store's conflict."""


def open_table(location: TableLocation) -> LedgerTable:
    """Return the audit table at ``location``."""
    return CatalogTable(location) if location.path is None else PathTable(location)


_APPLICATION = "boathouse-audit"
# One commit leaves one file.
_FILES_TO_COMPACT = 32


class PathTable:
    """A table in a folder; needs no engine, whichever one the project runs."""

    def __init__(self, location: TableLocation) -> None:
        """Remember the folder; read nothing."""
        self._location = location

    def turn(self) -> AbstractContextManager[None]:
        """Return a context that one writer of this machine is in at a time.

        The commit itself excludes every other writer; waiting in line is only faster than trying again.
        """
        self._location.check_writable()
        return self._location.creation_lock()

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""
        if not open_log(self._location).exists():
            return _no_rows()
        return _read_files(self._open(), Path(str(self._location.path)))

    def committed(self) -> int | None:
        """Return the mark that each commit leaves in the table's log: deleting rows does not change it."""
        return (last_transaction(self._open(), _APPLICATION) or 0) if open_log(self._location).exists() else 0

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Append ``rows`` in one commit that fails if any other was made since the table was opened."""
        table, name = self._open_or_create(), self._location.table
        if (last_transaction(table, _APPLICATION) or 0) != after:
            raise CommitConflictError.moved_on(name)
        append_once(table, rows, name=name, application=_APPLICATION, number=after + rows.num_rows, alone=True)
        _compact(self._open())

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(str(self._location.path))

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        # Append-only is a promise that Delta's own writers keep: they refuse to delete or update rows.
        table = DeltaTable.create(
            str(self._location.path),
            arrow_schema_of(AUDIT_COLUMNS),
            mode="ignore",
            configuration={"delta.appendOnly": "true"},
        )
        return self._open() if add_columns(table) else table


def _read_files(table: DeltaTable, folder: Path) -> pa.Table:
    """Return the rows of all files, one by one: ``pyarrow.dataset`` imports pandas, which takes a second."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema_of(AUDIT_COLUMNS)
    # The table has no partitions: every file is in the folder itself.
    files = [folder / unquote(uri).rpartition("/")[2] for uri in table.file_uris()]
    parts = [complete_rows(pq.ParquetFile(file).read()).cast(schema) for file in files]
    return pa.concat_tables(parts) if parts else _no_rows()


def _no_rows() -> pa.Table:
    """Return a table without rows; ``Schema.empty_table`` imports pandas."""
    import pyarrow as pa

    return pa.Table.from_batches([], schema=arrow_schema_of(AUDIT_COLUMNS))


def _compact(table: DeltaTable) -> None:
    """Put many small files together, rows and order unchanged: reading a thousand files takes seconds.

    It only serves readers: where another writer is in the way, the records are committed all the same, and the next
    writer compacts.
    """
    from deltalake.exceptions import DeltaError

    if table.get_add_actions().num_rows > _FILES_TO_COMPACT:
        with suppress(DeltaError):
            table.optimize.compact()


class CatalogTable:
    """A table known by name, read and written through the platform's session."""

    def __init__(self, location: TableLocation) -> None:
        """Remember the table; ask nothing."""
        self._location = location

    def turn(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: writers may be on different machines."""
        return nullcontext()

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""
        rows = self._location.read_newest()
        return _no_rows() if rows is None else complete_rows(rows.toArrow()).cast(arrow_schema_of(AUDIT_COLUMNS))

    def committed(self) -> int | None:
        """Return None: the platform keeps its own history of each table."""
        return None

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Insert ``rows`` unless another writer was first; of two merges at once Delta lets one through.

        Raises:
            TableError: If this identity may not write there, as who approves may where the bundle grants it.
        """
        import pyarrow.compute as pc

        session = self._location.session()
        # A constant name would let two threads insert each other's rows.
        view = f"boathouse_{uuid.uuid4().hex}"
        self._create(session)
        session.createDataFrame(rows).createOrReplaceTempView(view)
        try:
            with explained(self._location.table):
                session.sql(self.merge_statement(view, after=after))
            stored = self.read().filter(pc.field("sequence") == after + 1)["hash"].to_pylist()
        finally:
            session.catalog.dropTempView(view)
        if stored != rows["hash"].slice(0, 1).to_pylist():
            raise CommitConflictError.moved_on(self._location.table)

    def _create(self, session: SparkSession) -> None:
        """Make the table where there is none; add the columns that one from before lacks."""
        rows = self._location.read_newest()
        if rows is None:
            nothing = session.createDataFrame([], ddl_of(AUDIT_COLUMNS)).write.format("delta")
            self._location.save(nothing.mode("ignore").option("delta.appendOnly", "true"))
        else:
            evolve_table(self._location, rows.columns, session)

    def merge_statement(self, source: str, *, after: int) -> str:
        """Return the statement that inserts all of ``source`` if the chain has ``after`` records, else nothing."""
        target = self._location.sql_name
        free = f"SELECT coalesce(max(sequence), 0) AS reached FROM {target}"  # noqa: S608 - quoted by the location
        return (
            f"MERGE INTO {target} AS t "  # noqa: S608 - nothing but quoted names and a whole number
            f"USING (SELECT s.* FROM {source} AS s CROSS JOIN ({free}) WHERE reached = {after}) AS s "
            "ON t.sequence = s.sequence WHEN NOT MATCHED THEN INSERT *"
        )
