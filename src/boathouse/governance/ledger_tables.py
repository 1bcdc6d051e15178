"""Where an audit table lives: a local folder, written through ``deltalake``, or Unity Catalog, through Spark."""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from boathouse.core.audit import AUDIT_COLUMNS
from boathouse.core.errors import CommitConflictError
from boathouse.datasets.delta_log import open_log

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

    from boathouse.datasets.delta_place import TablePlace

_APPLICATION = "boathouse-audit"
# One commit leaves one file.
_FILES_TO_COMPACT = 32


def arrow_schema() -> pa.Schema:
    """Return the Arrow types of ``AUDIT_COLUMNS``."""
    import pyarrow as pa

    types = {"bigint": pa.int64(), "string": pa.string(), "timestamp": pa.timestamp("us", tz="UTC")}
    return pa.schema([pa.field(column.name, types[column.dtype], column.nullable) for column in AUDIT_COLUMNS])


class PathTable:
    """A table in a folder; needs no engine, whichever one the project runs."""

    def __init__(self, place: TablePlace) -> None:
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
        names = self._open().get_add_actions(flatten=True)["path"].to_pylist()
        return _read_files([f"{self._place.path}/{name}" for name in names])

    def committed(self) -> int | None:
        """Return the mark that each commit leaves in the table's log: deleting rows does not change it."""
        return (self._open().transaction_version(_APPLICATION) or 0) if open_log(self._place).exists() else 0

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Append ``rows`` in one commit that fails if any other was made since the table was opened."""
        from deltalake import CommitProperties, write_deltalake
        from deltalake.transaction import Transaction

        table = self._open_or_create()
        if (table.transaction_version(_APPLICATION) or 0) != after:
            raise CommitConflictError.moved_on(self._place.table)
        mark = Transaction(_APPLICATION, after + rows.num_rows)
        properties = CommitProperties(app_transactions=[mark], max_commit_retries=0)
        write_deltalake(table, rows, mode="append", commit_properties=properties)
        _compact(self._open())

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(str(self._place.path))

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        # Append-only is a promise that Delta's own writers keep: they refuse to delete or update rows.
        return DeltaTable.create(
            str(self._place.path), arrow_schema(), mode="ignore", configuration={"delta.appendOnly": "true"}
        )


def _read_files(paths: list[str]) -> pa.Table:
    """Return the rows of Parquet files, read by Arrow alone and in this thread.

    ``DeltaTable.to_pyarrow_table`` has Arrow's threads call back into Python, which ends the process by a signal if
    it is about to exit then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [pq.ParquetFile(path).read(use_threads=False).cast(arrow_schema()) for path in paths]
    return pa.concat_tables(tables) if tables else _no_rows()


def _no_rows() -> pa.Table:
    """Return a table without rows; ``Schema.empty_table`` imports pandas."""
    import pyarrow as pa

    return pa.Table.from_batches([], schema=arrow_schema())


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

    def __init__(self, place: TablePlace) -> None:
        """Remember the table; ask nothing."""
        self._place = place

    def turn(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: writers may be on different machines."""
        return nullcontext()

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""
        if not open_log(self._place).exists():
            return _no_rows()
        return self._place.read(open_log(self._place).newest()).toArrow().cast(arrow_schema())

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
        columns = ", ".join(f"{each.name} {each.dtype}" for each in AUDIT_COLUMNS)
        nothing = session.createDataFrame([], columns)
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
