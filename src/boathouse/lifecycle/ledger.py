"""The audit table as a ledger: appended to one writer at a time, read as records, verified."""

from __future__ import annotations

import uuid
from contextlib import nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from boathouse.errors import CommitConflictError
from boathouse.lifecycle.chain import AUDIT_COLUMNS, AuditRecord, Break, Inspection, find_breaks_in_rows, seal_events
from boathouse.lifecycle.ledger_columns import add_columns, complete_rows, evolve_table
from boathouse.tables.commits import append_once, last_transaction, retry_on_conflict
from boathouse.tables.contract import arrow_schema_of, ddl_of
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.tables.location import TableLocation


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
        """Insert ``rows`` unless another writer was first; of two merges at once Delta lets one through."""
        import pyarrow.compute as pc

        session = self._location.session()
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


PROMOTIONS, DELIVERIES = "audit.promotions", "audit.webhook_deliveries"
# One writer is in the way of another for milliseconds; a hundred at once must all get through.
_RETRIES = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def open_ledger(location: TableLocation) -> AuditLedger:
    """Return the ledger of the table at ``location``."""
    table = CatalogTable(location) if location.path is None else PathTable(location)
    return AuditLedger(table, name=location.table)


class AuditLedger:
    """A chain of records in one Delta table."""

    def __init__(self, table: LedgerTable, *, name: str) -> None:
        """Remember the table; read nothing."""
        self._table = table
        self._name = name

    def append(
        self, events: Sequence[AuditEvent], *, check: Callable[[list[AuditRecord]], None] | None = None
    ) -> list[AuditRecord]:
        """Record ``events`` in one commit and return their records; events recorded before are not recorded again.

        Args:
            events: In the order in which they happened.
            check: Looks at all records before the new ones and raises if they may not follow. It is called
                again whenever another writer was first, so that what it allows is what is committed after.

        Raises:
            CommitConflictError: If other writers were always first.
        """
        sealed: list[AuditRecord] = []

        def attempt() -> None:
            with self._table.turn():
                sealed[:] = self._append(events, check)

        retry_on_conflict(attempt, table=self._name, retries=_RETRIES)
        return sealed

    def _append(
        self, events: Sequence[AuditEvent], check: Callable[[list[AuditRecord]], None] | None
    ) -> list[AuditRecord]:
        stored = self.read()
        known = {record.event_id: record for record in stored}
        new = list({event.event_id: event for event in events if event.event_id not in known}.values())
        if new and check is not None:
            check(stored)
        added = seal_events(new, stored[-1] if stored else None)
        if added:
            self._table.add(_to_arrow(added), after=len(stored))
        known |= {record.event_id: record for record in added}
        return [known[event.event_id] for event in events]

    def read(self, subject: str | None = None) -> list[AuditRecord]:
        """Return the records in order, of one subject or of all."""
        rows = self._table.read().sort_by("sequence")
        names = rows.column_names
        values = (
            dict(zip(names, row, strict=True))
            for row in zip(*(_read_column(rows, name) for name in names), strict=True)
        )
        # Filtered here: comparing with a text in Arrow imports pandas.
        return [AuditRecord(**value) for value in values if subject in {None, value["subject"]}]

    def verify(self) -> list[Break]:
        """Return where the chain does not hold; nothing if it does."""
        return self.inspect().breaks

    def inspect(self, *, head: str | None = None) -> Inspection:
        """Return the faults of the chain, its length and its last hash.

        Args:
            head: A hash that was kept elsewhere: if no record has it, the chain was rewritten.
        """
        rows = self._table.read().sort_by("sequence")
        breaks = find_breaks_in_rows(_as_hashed(rows), expected=self._table.committed())
        hashes = rows["hash"].to_pylist()
        if head is not None and head not in hashes:
            breaks.append(Break(len(hashes) + 1, f"no record has the hash {head[:12]}… that was kept: rewritten"))
        return Inspection(breaks=breaks, records=len(hashes), last_hash=hashes[-1] if hashes else None)


def _read_column(rows: pa.Table, name: str) -> list[Any]:
    """Return a column's values; times by our own arithmetic, since Arrow's imports pandas."""
    import pyarrow as pa

    if name != "occurred_at":
        return list(rows[name].to_pylist())
    return [_EPOCH + timedelta(microseconds=each) for each in rows[name].cast(pa.int64()).to_pylist()]


def _as_hashed(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Give each row with its time as the text that was hashed; building a hundred thousand datetimes takes seconds."""
    import pyarrow as pa

    columns = {name: rows[name].to_pylist() for name in rows.column_names if name != "occurred_at"}
    plain = rows["occurred_at"].cast(pa.timestamp("us")).cast(pa.string()).to_pylist()
    columns["occurred_at"] = [f"{day}T{clock}+00:00" for day, _, clock in (each.partition(" ") for each in plain)]
    return zip(*(columns[name] for name in rows.column_names), strict=True)


def _to_arrow(records: Sequence[AuditRecord]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist([asdict(record) for record in records], schema=arrow_schema_of(AUDIT_COLUMNS))
