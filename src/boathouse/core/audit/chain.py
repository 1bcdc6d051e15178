"""The chain: sealing events one after the other, and finding where a chain was tampered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.core.audit.record import AUDIT_COLUMNS, NO_HASH, AuditRecord, hash_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.core.audit.record import AuditEvent


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold.

    Attributes:
        sequence: Place in the chain, from 1.
        problem: What is wrong there, in one sentence.
    """

    sequence: int
    problem: str


def seal_events(events: Iterable[AuditEvent], last: AuditRecord | None = None) -> list[AuditRecord]:
    """Return ``events`` as the records after ``last``, or as a new chain."""
    sealed: list[AuditRecord] = []
    for event in events:
        before = sealed[-1] if sealed else last
        sealed.append(
            AuditRecord.seal(
                event,
                sequence=1 if before is None else before.sequence + 1,
                previous_hash=NO_HASH if before is None else before.hash,
            )
        )
    return sealed


def find_breaks(records: Sequence[AuditRecord], *, expected: int | None = None) -> list[Break]:
    """Return where records were changed, removed, added or moved; nothing if the chain holds.

    A chain that was cut at its end still holds in itself, and so does one that was written anew from
    some place on: the first shows by ``expected``, the second only by a hash that was kept elsewhere.

    Args:
        records: In the order of their sequence.
        expected: Number of records that were committed, or None if unknown.
    """
    names = [column.name for column in AUDIT_COLUMNS]
    return find_breaks_in_rows(([getattr(record, name) for name in names] for record in records), expected=expected)


def find_breaks_in_rows(rows: Iterable[Sequence[Any]], *, expected: int | None = None) -> list[Break]:
    """Return what :func:`find_breaks` does, of rows with a value for each of ``AUDIT_COLUMNS``, in that order.

    A time may be text already, in the form that is hashed.
    """
    found = []
    place, hash_before = 0, NO_HASH
    for row in rows:
        sequence, previous_hash, stored_hash = row[0], row[-2], row[-1]
        if sequence <= place:
            found.append(Break(sequence, "a second record claims this place"))
            continue
        if sequence > place + 1:
            found.append(Break(place + 1, f"{sequence - place - 1} record(s) are missing from here on"))
        elif previous_hash != hash_before:
            found.append(Break(sequence, "the record does not follow the one before it"))
        if hash_values(row[:-1]) != stored_hash:
            found.append(Break(sequence, "the record was changed after it was written"))
        place, hash_before = sequence, stored_hash
    if expected is not None and place < expected:
        found.append(Break(place + 1, f"{expected - place} record(s) are missing at the end"))
    return found
