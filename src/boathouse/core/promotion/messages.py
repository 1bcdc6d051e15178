"""What others are told of a record: the event's name, and the message to each who wants it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from boathouse.core.audit import AuditRecord
from boathouse.core.promotion import kinds
from boathouse.core.promotion.policy import EVERYBODY, Webhook

EVENTS = {
    "candidate_registered": "A training run registered a version.",
    "gates_passed": "The gates let a version pass.",
    "gates_failed": "A gate refused a version, or it was no better than the champion.",
    "approval_needed": "A request waits for approval.",
    "request_approved": "Somebody approved a request.",
    "request_rejected": "Somebody rejected a request.",
    "challenger_changed": "A version became challenger.",
    "champion_changed": "A version took charge.",
    "champion_kept": "The champion stayed: the version was no better.",
    "rolled_back": "An earlier champion took charge again.",
    "version_archived": "A version was withdrawn.",
    "version_copied": "A version was copied here from another environment.",
    "refused": "Somebody tried what is not allowed.",
}
_BY_KIND = {
    kinds.REGISTERED: "candidate_registered",
    kinds.REQUESTED: "approval_needed",
    kinds.APPROVED: "request_approved",
    kinds.REJECTED: "request_rejected",
    kinds.KEPT: "champion_kept",
    kinds.ROLLED_BACK: "rolled_back",
    kinds.ARCHIVED: "version_archived",
    kinds.COPIED: "version_copied",
    kinds.REFUSED: "refused",
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One event for one receiver.

    Attributes:
        message_id: The same for the same record and receiver: who gets it twice can tell.
        webhook: Name of the receiver in conf.
        event: Of :data:`EVENTS`.
        sequence: Place of the record in the ledger.
        body: JSON text that is sent.
    """

    message_id: str
    webhook: str
    event: str
    sequence: int
    body: str


def name_event(record: AuditRecord) -> str:
    """Return the name of the event that ``record`` is."""
    if record.kind == kinds.CHECKED:
        return "gates_passed" if record.read_evidence()["outcome"] == "promoted" else "gates_failed"
    if record.kind == kinds.PROMOTED:
        return "champion_changed" if record.read_evidence()["stage"] == kinds.CHAMPION else "challenger_changed"
    return _BY_KIND[record.kind]


def derive_messages(records: Iterable[AuditRecord], webhooks: Iterable[Webhook]) -> Iterator[Message]:
    """Give every message that ``records`` call for, in their order; the same ones however often it is asked."""
    wanted = list(webhooks)
    for record in records:
        event = name_event(record)
        for webhook in wanted:
            if {event, EVERYBODY} & set(webhook.events) and record.occurred_at >= _start(webhook):
                digest = hashlib.sha256(f"{record.event_id}\n{record.hash}\n{webhook.name}".encode())
                yield Message(
                    message_id=digest.hexdigest()[:32],
                    webhook=webhook.name,
                    event=event,
                    sequence=record.sequence,
                    body=describe_record(record, event),
                )


def _start(webhook: Webhook) -> datetime:
    if webhook.since is None or isinstance(webhook.since, str):
        return datetime.min.replace(tzinfo=UTC)
    return datetime.combine(webhook.since, time(), tzinfo=UTC)


def describe_record(record: AuditRecord, event: str) -> str:
    """Return the JSON that a receiver gets: names, versions, who, why; gates by name, the rest is in the ledger."""
    evidence = record.read_evidence()
    if "gates" in evidence:
        evidence["gates"] = {gate["name"]: bool(gate["passed"]) for gate in evidence["gates"]}
    content: dict[str, Any] = {
        "event": event,
        "environment": record.subject.split(".")[0],
        "model": record.subject,
        "version": record.version,
        "model_digest": record.digest,
        "actor": record.actor,
        "occurred_at": record.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "comment": record.comment,
        "evidence": evidence,
        "sequence": record.sequence,
        "record_hash": record.hash,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def sign_body(secret: str, timestamp: str, body: str) -> str:
    """Return the signature of a call: HMAC-SHA256 over ``<timestamp>.<body>``, in hexadecimal after ``v1=``.

    The receiver computes the same and compares in constant time; an old timestamp is a replay.
    """
    digest = hmac.new(secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1={digest.hexdigest()}"
