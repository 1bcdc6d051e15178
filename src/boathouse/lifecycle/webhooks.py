"""Webhooks: the event name of a record, and the message to each receiver that asked for it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent, AuditRecord
from boathouse.lifecycle.policy import EVERYBODY, Actor, Webhook, identify_actor
from boathouse.lifecycle.state import CHAMPION, PASSED
from boathouse.namespaces import name_environment

EVENTS = {
    "model_created": "A model has its first version.",
    "candidate_registered": "A training run registered a version.",
    "gates_passed": "A version passed the compliance check.",
    "gates_failed": "A version failed the compliance check.",
    "comparison_passed": "A version passed the comparison with the champion or the baseline.",
    "comparison_failed": "A version failed the comparison with the champion or the baseline.",
    "transition_requested": "A run or a person asked for a step, whether or not it waits for approval.",
    "approval_needed": "A request waits for approval.",
    "request_approved": "A person approved a request.",
    "request_rejected": "A person, the compliance check or the comparison rejected a request.",
    "challenger_changed": "A version became challenger.",
    "champion_changed": "A version became champion.",
    "champion_kept": "The champion stayed: the version was no better.",
    "rolled_back": "An earlier champion is champion again.",
    "champion_stopped": "The champion was stopped; nothing scores until a person decides.",
    "version_archived": "A version was archived.",
    "version_copied": "A version was copied here from another environment.",
    "comment": "A person wrote a comment on a version.",
    "refused": "A person tried a step that is not allowed.",
    "registry_differs": "The registry was changed past the ledger.",
    "registry_synced": "The registry was set back to what the ledger decided.",
}
_BY_KIND = {
    event_types.CREATED: "model_created",
    event_types.REGISTERED: "candidate_registered",
    event_types.APPROVED: "request_approved",
    event_types.REJECTED: "request_rejected",
    event_types.KEPT: "champion_kept",
    event_types.ROLLED_BACK: "rolled_back",
    event_types.STOPPED: "champion_stopped",
    event_types.ARCHIVED: "version_archived",
    event_types.COPIED: "version_copied",
    event_types.COMMENTED: "comment",
    event_types.REFUSED: "refused",
    event_types.DIFFERED: "registry_differs",
    event_types.SYNCED: "registry_synced",
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One event for one receiver.

    Attributes:
        message_id: The same for the same record and receiver: a receiver can recognise a repeat.
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


def name_events(record: AuditRecord) -> tuple[str, ...]:
    """Return the names of the event that ``record`` is, the most telling first."""
    evidence = record.read_evidence()
    if record.kind == event_types.CHECKED:  # "promoted" is of before, when this held both steps
        return ("gates_passed" if evidence["outcome"] in {PASSED, "promoted"} else "gates_failed",)
    if record.kind == event_types.COMPARED:
        kept = ("champion_kept",) if evidence.get("champion") else ()
        return ("comparison_passed",) if evidence["outcome"] == PASSED else ("comparison_failed", *kept)
    if record.kind == event_types.REQUESTED:
        return (*(("approval_needed",) if evidence.get("waits", True) else ()), "transition_requested")
    if record.kind == event_types.PROMOTED:
        return ("champion_changed" if evidence["stage"] == CHAMPION else "challenger_changed",)
    return (_BY_KIND[record.kind],)


def derive_messages(records: Iterable[AuditRecord], webhooks: Iterable[Webhook]) -> Iterator[Message]:
    """Give every message that ``records`` call for, in their order; the same ones however often it is asked."""
    wanted = list(webhooks)
    for record in records:
        names = name_events(record)
        for webhook in wanted:
            event = next((name for name in names if {name, EVERYBODY} & set(webhook.events)), None)
            if event is not None and record.occurred_at >= _start(webhook):
                yield Message(
                    message_id=identify_message(record, webhook.name),
                    webhook=webhook.name,
                    event=event,
                    sequence=record.sequence,
                    body=describe_record(record, event),
                )


def identify_message(record: AuditRecord, webhook: str) -> str:
    """Return the id of the message about ``record`` to ``webhook``: another record in its place has another one."""
    return hashlib.sha256(f"{record.event_id}\n{record.hash}\n{webhook}".encode()).hexdigest()[:32]


def find_lost_messages(records: Sequence[AuditRecord], deliveries: Iterable[AuditRecord]) -> list[str]:
    """Return which records the receivers of ``deliveries`` were told of that are not among ``records``, in words."""
    lost: dict[tuple[int, str], None] = {}
    for delivery in deliveries:
        place = int(delivery.read_evidence()["sequence"])
        found = records[place - 1] if place <= len(records) else None
        if found is None or identify_message(found, delivery.subject) != delivery.version:
            lost[place, delivery.subject] = None
    return [f"record {place} is not the one that webhook '{webhook}' was sent" for place, webhook in lost]


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
        "environment": name_environment(record.subject),
        "model": record.subject,
        "version": record.version,
        "model_digest": record.digest,
        "actor": record.actor,
        "assurance": record.vouched_by,
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


SENDING, DELIVERED, FAILED, GAVE_UP = "sending", "delivered", "failed", "gave_up"
DELIVERY_KINDS = {
    SENDING: "An attempt began; no other process makes one until it ended or its time is over.",
    DELIVERED: "The receiver took the message.",
    FAILED: "The attempt failed; there will be another.",
    GAVE_UP: "The last attempt failed; it waits until somebody asks for another.",
}
_LONGEST_WAIT = timedelta(hours=1)
# An attempt that left no end behind was killed; its time is what it may take, and this.
_GRACE = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How far a message is.

    Attributes:
        attempts: Attempts begun.
        state: The last record's kind, or empty before the first.
        at: When that was, UTC; None before the first.
    """

    attempts: int = 0
    state: str = ""
    at: datetime | None = None


def read_sendings(records: Iterable[AuditRecord]) -> dict[str, Sending]:
    """Return how far each message is, by its id."""
    found: dict[str, Sending] = {}
    for record in records:
        message_id = str(record.version)
        before = found.get(message_id, Sending())
        attempts = before.attempts + (record.kind == SENDING)
        found[message_id] = replace(before, attempts=attempts, state=record.kind, at=record.occurred_at)
    return found


def is_waiting(message: Message, sendings: Mapping[str, Sending], *, retry_given_up: bool = False) -> bool:
    """Return whether a message is still to be sent, now or later."""
    state = sendings.get(message.message_id, Sending()).state
    return state != DELIVERED and (retry_given_up or state != GAVE_UP)


class Receiver(Protocol):
    """How long one receiver is waited for and how often it is tried; see :class:`Webhook`."""

    @property
    def timeout_s(self) -> float:
        """Seconds to wait for an answer."""

    @property
    def attempts(self) -> int:
        """Attempts before a message is given up."""

    @property
    def first_wait_s(self) -> float:
        """Seconds before the second attempt, doubled for each further one."""


def find_due(message: Message, sending: Sending, webhook: Receiver) -> datetime | None:
    """Return from when on the next attempt may be made; None: at once.

    The wait doubles with each attempt, up to an hour, and is drawn out by up to half by a hash of message and
    attempt: receivers that come back are not hit by everything in the same instant.
    """
    if sending.at is None or sending.state == GAVE_UP:
        return None
    if sending.state == SENDING:
        return sending.at + timedelta(seconds=webhook.timeout_s) + _GRACE
    wait = min(_LONGEST_WAIT, timedelta(seconds=webhook.first_wait_s * 2 ** (sending.attempts - 1)))
    return sending.at + wait * (1 + _jitter(message.message_id, sending.attempts) / 2)


def _jitter(message_id: str, attempt: int) -> float:
    """Return a number from 0 to 1 that only depends on the arguments."""
    return int(hashlib.sha256(f"{message_id}/{attempt}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def note(message: Message, kind: str, attempt: int, *, actor: Actor, at: datetime, comment: str = "") -> AuditEvent:
    """Return the event that attempt ``attempt`` of ``message`` began or ended."""
    return AuditEvent(
        event_id=f"{message.message_id}/{attempt}/{'sending' if kind == SENDING else 'end'}",
        kind=kind,
        subject=message.webhook,
        version=message.message_id,
        actor=identify_actor(actor).name,
        assurance=identify_actor(actor).assurance,
        occurred_at=at,
        comment=comment,
        evidence={"event": message.event, "sequence": message.sequence, "attempt": attempt},
    )
