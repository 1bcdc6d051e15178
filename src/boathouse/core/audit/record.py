"""What happened, and the same with its place in the chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from boathouse.tables import Column

AUDIT_COLUMNS = (
    Column(name="sequence", dtype="bigint", description="Place in the chain, from 1, without gaps.", minimum=1),
    Column(name="event_id", dtype="string", description="The same event again has the same id and is recorded once."),
    Column(name="kind", dtype="string", description="What happened, of the closed list of the trail."),
    Column(name="subject", dtype="string", description="Registered name of the model, or name of the endpoint."),
    Column(name="version", dtype="string", description="Version concerned; null: none.", nullable=True),
    Column(name="digest", dtype="string", description="SHA-256 of the version's files; null: none.", nullable=True),
    Column(name="actor", dtype="string", description="Identity of the platform, else the system user."),
    Column(name="occurred_at", dtype="timestamp", description="When, UTC."),
    Column(name="comment", dtype="string", description="Why, in words."),
    Column(name="evidence", dtype="string", description="Numbers and names that it rests on, as JSON."),
    Column(name="previous_hash", dtype="string", description="Hash of the record before; of the first: 64 zeros."),
    Column(name="hash", dtype="string", description="SHA-256 of everything else in the row."),
)
NO_HASH = "0" * 64


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """Something that happened.

    Attributes:
        event_id: The same event again has the same id and is recorded once.
        kind: What happened, of the closed list of the trail.
        subject: Registered name of the model, or name of the endpoint.
        actor: Identity of the platform, else the system user.
        occurred_at: When; aware, kept in UTC to the microsecond.
        version: Version concerned, or None.
        digest: SHA-256 of the version's files, or None.
        comment: Why, in words.
        evidence: What it rests on; plain values that JSON can hold.
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
        hash: Hash of all of the above.
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
        }
        return cls(**content, hash=hash_content(content))

    def compute_hash(self) -> str:
        """Return the hash that the content has now."""
        return hash_content({name: value for name, value in vars(self).items() if name != "hash"})

    def read_evidence(self) -> dict[str, Any]:
        """Return the evidence as plain values."""
        found: dict[str, Any] = json.loads(self.evidence)
        return found


def hash_content(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's other fields by name; see :func:`hash_values`."""
    return hash_values([content[column.name] for column in AUDIT_COLUMNS[:-1]])


def hash_values(values: Iterable[Any]) -> str:
    """Return the SHA-256 of a record's other fields, in the order of ``AUDIT_COLUMNS``.

    Each field goes in with its length, so that moving text from one field to the next shows.
    """
    parts = []
    for value in values:
        text = value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
        text = "-" if text is None else f"+{text}"
        parts.append(f"{len(text)}:{text}")
    return hashlib.sha256("".join(parts).encode()).hexdigest()
