"""The chain: sealing events one after the other, and finding where a chain was tampered with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.lifecycle.policy import mark_declared
from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence


AUDIT_COLUMNS = (
    Column(name="sequence", dtype="bigint", description="Place in the chain, from 1, without gaps.", minimum=1),
    Column(name="event_id", dtype="string", description="The same event again has the same id and is recorded once."),
    Column(name="kind", dtype="string", description="What happened, of the closed list of the trail."),
    Column(name="subject", dtype="string", description="Registered name of the model, or name of the endpoint."),
    Column(name="version", dtype="string", description="Version concerned; null: none.", nullable=True),
    Column(name="digest", dtype="string", description="SHA-256 of the version's files; null: none.", nullable=True),
    Column(name="actor", dtype="string", description="Who; assurance says what vouches for the name."),
    Column(name="occurred_at", dtype="timestamp", description="When, UTC."),
    Column(name="comment", dtype="string", description="Why, in words."),
    Column(name="evidence", dtype="string", description="Numbers and names that it rests on, as JSON."),
    Column(name="previous_hash", dtype="string", description="Hash of the record before; of the first: 64 zeros."),
    Column(name="hash", dtype="string", description="SHA-256 of everything else in the row."),
    # Added later, so null in the records of before; each is part of the hash, with its name, where it has a value.
    Column(
        name="assurance",
        dtype="string",
        description="What vouches for the actor: platform, system, declared (nothing but who typed it) or unknown; "
        "null: a record from before.",
        nullable=True,
    ),
)
# Columns of the first ledgers, of which hash is the last.
_FIRST_COLUMNS = next(place for place, column in enumerate(AUDIT_COLUMNS, start=1) if column.name == "hash")
ADDED_COLUMNS = AUDIT_COLUMNS[_FIRST_COLUMNS:]
PROMOTIONS = TableContract(
    name="audit.promotions",
    description="What happened to every model: registrations, decisions, requests, approvals, moves, refusals.",
    grain="One row per record.",
    columns=AUDIT_COLUMNS,
    keys=("sequence",),
    time_column="occurred_at",
)
DELIVERIES = TableContract(
    name="audit.webhook_deliveries",
    description="Every attempt to send a message about a record of audit.promotions, and how it ended.",
    grain="One row per record.",
    columns=AUDIT_COLUMNS,
    keys=("sequence",),
    time_column="occurred_at",
)
EVIDENCE = TableContract(
    name="audit.evidence",
    description="Evaluations and data quality as they were when they were made; promotions are decided from them.",
    grain="One row per record.",
    columns=AUDIT_COLUMNS,
    keys=("sequence",),
    time_column="occurred_at",
)
NO_HASH = "0" * 64


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """Something that happened.

    Attributes:
        event_id: The same event again has the same id and is recorded once.
        kind: What happened, of the closed list of the trail.
        subject: Registered name of the model, or name of the endpoint.
        actor: Who.
        occurred_at: When; aware, kept in UTC to the microsecond.
        version: Version concerned, or None.
        digest: SHA-256 of the version's files, or None.
        comment: Why, in words.
        evidence: What it rests on; plain values that JSON can hold.
        assurance: What vouches for the actor: ``platform``, ``system``, ``declared`` or ``unknown``.
    """

    event_id: str
    kind: str
    subject: str
    actor: str
    occurred_at: datetime
    version: str | None = None
    digest: str | None = None
    comment: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    assurance: str = "unknown"

    @property
    def evidence_json(self) -> str:
        """The evidence as text that is the same for the same evidence."""
        return json.dumps(self.evidence, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """An event in its place.

    Attributes:
        sequence: Place in the chain, from 1, without gaps.
        event_id: See :class:`AuditEvent`, as the next seven.
        kind: What happened.
        subject: Model or endpoint.
        version: Version concerned, or None.
        digest: Digest of its files, or None.
        actor: Who.
        occurred_at: When, UTC.
        comment: Why.
        evidence: JSON text.
        previous_hash: Hash of the record before.
        hash: Hash of everything else.
        assurance: What vouches for the actor; None in a record from before it was kept.
    """

    sequence: int
    event_id: str
    kind: str
    subject: str
    version: str | None
    digest: str | None
    actor: str
    occurred_at: datetime
    comment: str
    evidence: str
    previous_hash: str
    hash: str
    assurance: str | None = None

    @classmethod
    def seal(cls, event: AuditEvent, *, sequence: int, previous_hash: str) -> AuditRecord:
        """Return ``event`` as the record after the one with ``previous_hash``."""
        content: dict[str, Any] = {
            "sequence": sequence,
            "event_id": event.event_id,
            "kind": event.kind,
            "subject": event.subject,
            "version": event.version,
            "digest": event.digest,
            "actor": event.actor,
            "occurred_at": event.occurred_at.astimezone(UTC),
            "comment": event.comment,
            "evidence": event.evidence_json,
            "previous_hash": previous_hash,
            "assurance": event.assurance,
        }
        return cls(**content, hash=hash_content(content))

    def compute_hash(self) -> str:
        """Return the hash that the content has now."""
        return hash_content({name: value for name, value in vars(self).items() if name != "hash"})

    @property
    def vouched_by(self) -> str:
        """What vouches for the actor; records from before say it in their evidence, or not at all (``unknown``)."""
        return self.assurance or str(self.read_evidence().get("identity") or "unknown")

    @property
    def who(self) -> str:
        """The actor for people to read, with a mark if the name is only declared."""
        return mark_declared(self.actor, self.vouched_by)

    def read_evidence(self) -> dict[str, Any]:
        """Return the evidence as plain values."""
        found: dict[str, Any] = json.loads(self.evidence)
        return found


def hash_content(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's other fields by name; see :func:`hash_values`."""
    return hash_values([content.get(column.name) for column in AUDIT_COLUMNS])


def hash_values(values: Sequence[Any]) -> str:
    """Return the SHA-256 of a record's fields but its hash, of values in the order of ``AUDIT_COLUMNS``.

    Each field goes in with its length, so that moving text from one field to the next shows. A column that was added
    later goes in with its name, where it has a value: records from before keep their hash.
    """
    first, added = list(values)[: _FIRST_COLUMNS - 1], list(values)[_FIRST_COLUMNS:]
    named = [f"{column.name}={value}" for column, value in zip(ADDED_COLUMNS, added, strict=True) if value is not None]
    parts = []
    for value in (*first, *named):
        text = value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
        text = "-" if text is None else f"+{text}"
        parts.append(f"{len(text)}:{text}")
    return hashlib.sha256("".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold.

    Attributes:
        sequence: Place in the chain, from 1.
        problem: What is wrong there, in one sentence.
    """

    sequence: int
    problem: str


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The result of verifying a whole chain.

    Attributes:
        breaks: Faults; none if the chain holds.
        records: How many there are.
        last_hash: Hash of the last one, worth keeping elsewhere; None of an empty chain.
    """

    breaks: list[Break]
    records: int
    last_hash: str | None


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

    A chain that was cut at its end still holds in itself, and so does one that was rewritten from
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
        sequence, previous_hash, stored_hash = row[0], row[_FIRST_COLUMNS - 2], row[_FIRST_COLUMNS - 1]
        if sequence <= place:
            found.append(Break(sequence, "a second record claims this place"))
            continue
        if sequence > place + 1:
            found.append(Break(place + 1, f"{sequence - place - 1} record(s) are missing from here on"))
        elif previous_hash != hash_before:
            found.append(Break(sequence, "the record does not follow the one before it"))
        if hash_values(row) != stored_hash:
            found.append(Break(sequence, "the record was changed after it was written"))
        place, hash_before = sequence, stored_hash
    if expected is not None and place < expected:
        found.append(Break(place + 1, f"{expected - place} record(s) are missing at the end"))
    return found
