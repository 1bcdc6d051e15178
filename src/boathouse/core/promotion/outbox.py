"""What waits to be sent: messages less what was delivered, as the records of deliveries tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from boathouse.core.audit import AuditEvent, AuditRecord
from boathouse.core.promotion.messages import Message
from boathouse.core.promotion.policy import Webhook

SENDING, DELIVERED, FAILED, GAVE_UP = "sending", "delivered", "failed", "gave_up"
DELIVERY_KINDS = {
    SENDING: "An attempt began; nobody else makes one until it ended or its time is over.",
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


def find_due(message: Message, sending: Sending, webhook: Webhook) -> datetime | None:
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


def note(message: Message, kind: str, attempt: int, *, actor: str, at: datetime, comment: str = "") -> AuditEvent:
    """Return the event that attempt ``attempt`` of ``message`` began or ended."""
    return AuditEvent(
        event_id=f"{message.message_id}/{attempt}/{'sending' if kind == SENDING else 'end'}",
        kind=kind,
        subject=message.webhook,
        version=message.message_id,
        actor=actor,
        occurred_at=at,
        comment=comment,
        evidence={"event": message.event, "sequence": message.sequence, "attempt": attempt},
    )
