"""The chain: sealing events one after the other, and finding where a chain was tampered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.audit.record import NO_HASH, AuditRecord

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
    found = []
    place, hash_before = 0, NO_HASH
    for record in records:
        if record.sequence <= place:
            found.append(Break(record.sequence, "a second record claims this place"))
            continue
        if record.sequence > place + 1:
            found.append(Break(place + 1, f"{record.sequence - place - 1} record(s) are missing from here on"))
        elif record.previous_hash != hash_before:
            found.append(Break(record.sequence, "the record does not follow the one before it"))
        if record.compute_hash() != record.hash:
            found.append(Break(record.sequence, "the record was changed after it was written"))
        place, hash_before = record.sequence, record.hash
    if expected is not None and place < expected:
        found.append(Break(place + 1, f"{expected - place} record(s) are missing at the end"))
    return found
