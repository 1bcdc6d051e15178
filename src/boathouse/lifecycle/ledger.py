"""The audit table as a ledger: appended to one writer at a time, read as records, verified against its anchors."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boathouse.errors import AuditError, BoathouseError
from boathouse.lifecycle.anchors import FileAnchor, Head, find_disagreements, heads_in_tags
from boathouse.lifecycle.audit_options import REGISTRY
from boathouse.lifecycle.chain import (
    AUDIT_COLUMNS,
    NO_HASH,
    AuditRecord,
    Break,
    Inspection,
    find_breaks_in_rows,
    seal_events,
)
from boathouse.lifecycle.ledger_tables import PathTable, open_table
from boathouse.namespaces import name_environment
from boathouse.tables.commits import retry_on_conflict
from boathouse.tables.contract import arrow_schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from boathouse.lifecycle.anchors import Anchor
    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.lifecycle.ledger_tables import LedgerTable
    from boathouse.tables.location import TableLocation

__all__ = ["DELIVERIES", "DEPLOYMENTS", "EVIDENCE", "LEDGERS", "PROMOTIONS", "AuditLedger", "PathTable", "open_ledger"]

PROMOTIONS, EVIDENCE = "audit.promotions", "audit.evidence"
DELIVERIES, DEPLOYMENTS = "audit.webhook_deliveries", "audit.deployments"
# Every audit table that is a chain.
LEDGERS = (PROMOTIONS, EVIDENCE, DELIVERIES, DEPLOYMENTS)
# One writer is in the way of another for milliseconds; a hundred at once must all get through.
_RETRIES = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
logger = logging.getLogger(__name__)


def open_ledger(location: TableLocation, anchors: Sequence[Anchor] | None = None) -> AuditLedger:
    """Return the ledger of the table at ``location``.

    Args:
        location: Where the table is.
        anchors: Where its heads are kept besides; by default in the file beside the lakehouse.
    """
    return AuditLedger(
        open_table(location),
        name=location.table,
        anchors=(FileAnchor.of(location),) if anchors is None else tuple(anchors),
    )


class AuditLedger:
    """A chain of records in one Delta table, whose head is kept elsewhere too."""

    def __init__(self, table: LedgerTable, *, name: str, anchors: Sequence[Anchor] = ()) -> None:
        """Remember the table and its anchors; read nothing."""
        self._table = table
        self._name = name
        self._anchors = tuple(anchors)

    def append(
        self, events: Sequence[AuditEvent], *, check: Callable[[list[AuditRecord]], None] | None = None
    ) -> list[AuditRecord]:
        """Record ``events`` in one commit and return their records; events recorded before are not recorded again.

        The new head is anchored after the commit: a process that is killed in between leaves the anchors behind.

        Args:
            events: In the order in which they happened.
            check: Looks at all records before the new ones and raises if they may not follow. It is called
                again whenever another writer was first, so that what it allows is what is committed after.

        Raises:
            AuditError: If an anchor knows of records that the table lacks: nothing is added to a chain that was cut.
            CommitConflictError: If other writers were always first.
        """
        sealed: list[AuditRecord] = []
        chain: list[str] = []

        def attempt() -> None:
            with self._table.turn():
                sealed[:], chain[:] = self._append(events, check)

        retry_on_conflict(attempt, table=self._name, retries=_RETRIES)
        if chain:
            self._anchor(chain, events)
        return sealed

    def _append(
        self, events: Sequence[AuditEvent], check: Callable[[list[AuditRecord]], None] | None
    ) -> tuple[list[AuditRecord], list[str]]:
        """Return the records of ``events``, and the hashes of the whole chain if it grew."""
        heads = self._newest_heads()
        stored = self._read_records()
        hashes = [record.hash for record in stored]
        self._require_anchored(hashes, heads)
        known = {record.event_id: record for record in stored}
        new = list({event.event_id: event for event in events if event.event_id not in known}.values())
        if new and check is not None:
            check(stored)
        added = seal_events(new, stored[-1] if stored else None)
        if added:
            self._table.add(_to_arrow(added), after=len(stored))
        known |= {record.event_id: record for record in added}
        chain = [*hashes, *(record.hash for record in added)] if added else []
        return [known[event.event_id] for event in events], chain

    def _newest_heads(self) -> list[tuple[str, Head]]:
        """Return the newest head of each anchor that is at hand.

        To be read before the table: what is anchored was committed before, so that a table read later has it.
        """
        found = [(anchor.name, anchor.newest()) for anchor in self._anchors]
        return [(name, head) for name, head in found if head is not None]

    def _require_anchored(self, hashes: Sequence[str], heads: Sequence[tuple[str, Head]]) -> None:
        for name, head in heads:
            problems = find_disagreements([head], hashes)
            if problems:
                raise AuditError.cut(self._name, name, problems[0])

    def _anchor(self, chain: Sequence[str], events: Sequence[AuditEvent]) -> None:
        """Keep the head of ``chain`` at every anchor; the record stands, so a failure is logged and healed later."""
        for anchor in self._anchors:
            try:
                anchor.advance(chain, events)
            except (BoathouseError, OSError) as error:
                logger.warning(
                    "The head of %s was not kept at its anchor '%s' (%s). Bring it up to date: boathouse audit verify "
                    "--env %s",
                    self._name,
                    anchor.name,
                    type(error).__name__,
                    name_environment(self._name),
                )

    def read(self, subject: str | None = None, *, warn: bool = True) -> list[AuditRecord]:
        """Return the records in order, of one subject or of all.

        Args:
            subject: Model or endpoint; None for all.
            warn: Whether a warning is logged if an anchor at hand knows of records that are not there.
        """
        records, contradictions = self.read_compared() if warn else (self._read_records(), [])
        for each in contradictions:
            logger.warning("%s", each)
        # Filtered here: comparing with a text in Arrow imports pandas.
        return [record for record in records if subject in {None, record.subject}]

    def read_compared(self, *model_tags: Mapping[str, str]) -> tuple[list[AuditRecord], list[AuditError]]:
        """Return all records, and an error for each anchor at hand that knows of records that are not there.

        Args:
            model_tags: Tags of registered models, read before this: the head that they keep is compared too.
        """
        kept = [head for tags in model_tags for head in heads_in_tags(tags, self._name)]
        heads = [*self._newest_heads(), *((REGISTRY, head) for head in kept)]
        records = self._read_records()
        hashes = [record.hash for record in records]
        return records, [
            AuditError.cut(self._name, name, problem)
            for name, head in heads
            for problem in find_disagreements([head], hashes)
        ]

    def _read_records(self) -> list[AuditRecord]:
        rows = self._table.read().sort_by("sequence")
        names = rows.column_names
        values = (
            dict(zip(names, row, strict=True))
            for row in zip(*(_read_column(rows, name) for name in names), strict=True)
        )
        return [AuditRecord(**value) for value in values]

    def read_verified(self) -> list[AuditRecord]:
        """Return all records, once the chain and its anchors at hand were looked at.

        Raises:
            AuditError: If a record was changed, removed or moved, or an anchor knows of records that are not there.
        """
        heads = self._newest_heads()
        breaks = self.verify()
        if breaks:
            raise AuditError.broken(self._name, breaks[0].sequence, breaks[0].problem)
        records = self._read_records()
        self._require_anchored([record.hash for record in records], heads)
        return records

    def verify(self) -> list[Break]:
        """Return where the chain does not hold; nothing if it does."""
        return self.inspect().breaks

    def inspect(self, *, head: str | None = None) -> Inspection:
        """Return the faults of the chain, its length and its last hash.

        Args:
            head: A hash that was kept elsewhere: if no record has it, the chain was rewritten.
        """
        # In this order: another writer may add a record in between, which is then no record too few.
        expected = self._table.committed()
        rows = self._table.read().sort_by("sequence")
        breaks = find_breaks_in_rows(_as_hashed(rows), expected=expected)
        hashes = rows["hash"].to_pylist()
        if head is not None and head not in hashes:
            breaks.append(Break(len(hashes) + 1, f"no record has the hash {head[:12]}… that was kept: rewritten"))
        return Inspection(breaks=breaks, records=len(hashes), last_hash=hashes[-1] if hashes else None)

    def compare_anchors(self) -> tuple[list[str], dict[str, int]]:
        """Return where anchors and chain disagree, and by how many records an anchor is behind the chain, if it is.

        One that is behind is no fault: a process was killed between its record and the anchor, see :meth:`catch_up`.
        """
        heads = {anchor.name: anchor.heads() for anchor in self._anchors if anchor.is_there()}
        hashes = self._read_hashes()
        problems = [
            f"anchor '{name}': {problem}"
            for name, known in heads.items()
            for problem in find_disagreements(known, hashes)
        ]
        reached = {name: max((each.sequence for each in known), default=0) for name, known in heads.items()}
        return problems, {name: len(hashes) - place for name, place in reached.items() if place < len(hashes)}

    def catch_up(self) -> None:
        """Bring every anchor to the head of the chain, which was verified before."""
        hashes = self._read_hashes()
        for anchor in self._anchors if hashes else ():
            anchor.advance(hashes, ())

    def _read_hashes(self) -> list[str]:
        hashes: list[str] = self._table.read().sort_by("sequence")["hash"].to_pylist()
        return hashes

    def accept(self, *, by: str, comment: str) -> Head:
        """Make the present head the one that every anchor knows, whatever they knew before; who and why is kept there.

        For a table that was cut or restored on purpose, once that was looked into.
        """
        hashes = self._read_hashes()
        head = Head(len(hashes), hashes[-1] if hashes else NO_HASH)
        for anchor in self._anchors:
            anchor.accept(head, by=by, comment=comment)
        return head


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
