"""Where an audit table lives: a local folder, written through ``deltalake``, or Unity Catalog, through Spark."""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from boathouse.core.audit import AUDIT_COLUMNS
from boathouse.core.errors import CommitConflictError
from boathouse.tables.commits import append_once, last_transaction
from boathouse.tables.contract import arrow_schema_of, ddl_of
from boathouse.tables.delta_log import open_log, read_local_rows

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

    from boathouse.tables.location import TableLocation

_APPLICATION = "boathouse-audit"
# One commit leaves one file.
_FILES_TO_COMPACT = 32


class PathTable:
    """A table in a folder; needs no engine, whichever one the project runs."""

    def __init__(self, place: TableLocation) -> None:
        """Remember the folder; read nothing."""
        self._place = place

    def turn(self) -> AbstractContextManager[None]:
        """Return a context that one writer of this machine is in at a time.

        The commit itself excludes every other writer; waiting in line is only faster than trying again.
        """
        self._place.check_writable()
        return self._place.creation_lock()

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""
        if not open_log(self._place).exists():
            return _no_rows()
        return read_local_rows(str(self._place.path)).cast(arrow_schema_of(AUDIT_COLUMNS))

    def committed(self) -> int | None:
        """Return the mark that each commit leaves in the table's log: deleting rows does not change it."""
        return (last_transaction(self._open(), _APPLICATION) or 0) if open_log(self._place).exists() else 0

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Append ``rows`` in one commit that fails if any other was made since the table was opened."""
        table, name = self._open_or_create(), self._place.table
        if (last_transaction(table, _APPLICATION) or 0) != after:
            raise CommitConflictError.moved_on(name)
        append_once(table, rows, name=name, application=_APPLICATION, number=after + rows.num_rows, alone=True)
        _compact(self._open())

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(str(self._place.path))

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        # Append-only is a promise that Delta's own writers keep: they refuse to delete or update rows.
        return DeltaTable.create(
            str(self._place.path),
            arrow_schema_of(AUDIT_COLUMNS),
            mode="ignore",
            configuration={"delta.appendOnly": "true"},
        )


def _no_rows() -> pa.Table:
    """Return a table without rows; ``Schema.empty_table`` imports pandas."""
    import pyarrow as pa

    return pa.Table.from_batches([], schema=arrow_schema_of(AUDIT_COLUMNS))


def _compact(table: DeltaTable) -> None:
    """Put many small files together, rows and order unchanged: reading a thousand files takes seconds.

    A courtesy to readers: whoever is in the way, the records are committed, and the next writer compacts.
    """
    from deltalake.exceptions import DeltaError

    if table.get_add_actions().num_rows > _FILES_TO_COMPACT:
        with suppress(DeltaError):
            table.optimize.compact()


class CatalogTable:
    """A table known by name, read and written through the platform's session."""

    def __init__(self, place: TableLocation) -> None:
        """Remember the table; ask nothing."""
        self._place = place

    def turn(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: writers may be on different machines."""
        return nullcontext()

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""
        rows = self._place.read_newest()
        return _no_rows() if rows is None else rows.toArrow().cast(arrow_schema_of(AUDIT_COLUMNS))

    def committed(self) -> int | None:
        """Return None: the platform keeps its own history of each table."""
        return None

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Insert ``rows`` if nobody has before; of two merges at once Delta lets one through."""
        import pyarrow.compute as pc

        session = self._place.session()
        # A constant name would let two threads insert each other's rows.
        view = f"boathouse_{uuid.uuid4().hex}"
        self._create(session)
        session.createDataFrame(rows).createOrReplaceTempView(view)
        try:
            session.sql(self.merge_statement(view, after=after))
            stored = self.read().filter(pc.field("sequence") == after + 1)["hash"].to_pylist()
        finally:
            session.catalog.dropTempView(view)
        if stored != rows["hash"].slice(0, 1).to_pylist():
            raise CommitConflictError.moved_on(self._place.table)

    def _create(self, session: SparkSession) -> None:
        """Make the table where there is none."""
        if open_log(self._place).exists():
            return
        nothing = session.createDataFrame([], ddl_of(AUDIT_COLUMNS))
        self._place.save(nothing.write.format("delta").mode("ignore").option("delta.appendOnly", "true"))

    def merge_statement(self, source: str, *, after: int) -> str:
        """Return the statement that inserts all of ``source`` if the chain has ``after`` records, else nothing."""
        target = self._place.sql_name
        free = f"SELECT coalesce(max(sequence), 0) AS reached FROM {target}"  # noqa: S608 - quoted by the place
        return (
            f"MERGE INTO {target} AS t "  # noqa: S608 - nothing but quoted names and a whole number
            f"USING (SELECT s.* FROM {source} AS s CROSS JOIN ({free}) WHERE reached = {after}) AS s "
            "ON t.sequence = s.sequence WHEN NOT MATCHED THEN INSERT *"
        )
