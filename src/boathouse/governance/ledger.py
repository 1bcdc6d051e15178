"""The audit table as a ledger: appended to one writer at a time, read as records, verified."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from boathouse.core.audit import AuditRecord, find_breaks, seal_events
from boathouse.datasets.commit_retry import retry_on_conflict
from boathouse.governance.ledger_tables import CatalogTable, PathTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from boathouse.core.audit import AuditEvent, Break
    from boathouse.datasets.delta_place import TablePlace

# One writer is in the way of another for milliseconds; a hundred at once must all get through.
_RETRIES = 60


class LedgerTable(Protocol):
    """One audit table, whoever reads and writes it."""

    def turn(self) -> AbstractContextManager[None]:
        """Return a context in which to read and add; a courtesy to other writers, not what excludes them."""

    def read(self) -> pa.Table:
        """Return all rows; none if the table is not there yet."""

    def committed(self) -> int | None:
        """Return how many records were ever committed, or None if the table does not tell."""

    def add(self, rows: pa.Table, *, after: int) -> None:
        """Append ``rows`` if exactly ``after`` records are there; else raise the store's conflict."""


def open_ledger(place: TablePlace) -> AuditLedger:
    """Return the ledger of the table at ``place``."""
    table = CatalogTable(place) if place.path is None else PathTable(place)
    return AuditLedger(table, name=place.table)


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
                anew whenever another writer was first, so that what it allows is what is committed after.

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
        import pyarrow.compute as pc

        rows = self._table.read()
        if subject is not None:
            rows = rows.filter(pc.equal(rows["subject"], subject))
        columns = rows.sort_by("sequence").to_pydict()
        return [
            AuditRecord(**dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)
        ]

    def verify(self) -> list[Break]:
        """Return where the chain does not hold; nothing if it does."""
        return find_breaks(self.read(), expected=self._table.committed())


def _to_arrow(records: Sequence[AuditRecord]) -> pa.Table:
    import pyarrow as pa

    from boathouse.governance.ledger_tables import arrow_schema

    rows: list[dict[str, Any]] = [asdict(record) for record in records]
    return pa.Table.from_pylist(rows, schema=arrow_schema())
