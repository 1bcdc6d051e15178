"""The outbox: what the ledger calls for and was not delivered is sent, each attempt on record before and after."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from boathouse.core.errors import BoathouseError
from boathouse.core.promotion import outbox
from boathouse.core.promotion.messages import Message, derive_messages
from boathouse.governance.ledger import DELIVERIES, PROMOTIONS, open_ledger
from boathouse.governance.sending import DeliveryFailedError, send

if TYPE_CHECKING:
    from boathouse.core.audit import AuditEvent
    from boathouse.core.promotion.policy import GovernanceOptions, Webhook
    from boathouse.environment import Environment
    from boathouse.governance.ledger import AuditLedger

logger = logging.getLogger(__name__)
# A promotion waits this long for receivers; the rest is sent by `boathouse audit deliver`.
_PATIENCE_AFTER_A_STEP_S = 5.0


@dataclass(frozen=True)
class Delivered:
    """What a round came to.

    Attributes:
        sent: Messages that were taken.
        failed: Attempts that were not.
        waiting: Messages that are still to be sent.
        given_up: Messages that failed as often as they may.
    """

    sent: int
    failed: int
    waiting: int
    given_up: int


class Outbox:
    """Messages of one environment."""

    def __init__(
        self,
        environment: Environment,
        options: GovernanceOptions,
        *,
        actor: str,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Remember where; read nothing."""
        self._promotions = open_ledger(environment.table(PROMOTIONS))
        self._deliveries = open_ledger(environment.table(DELIVERIES))
        self._webhooks = {webhook.name: webhook for webhook in options.hooks}
        self._actor = actor
        self._clock = clock or (lambda: datetime.now(UTC))

    @property
    def ledger(self) -> AuditLedger:
        """The record of deliveries."""
        return self._deliveries

    def messages(self) -> list[Message]:
        """Return every message that the ledger calls for, sent or not."""
        return list(derive_messages(self._promotions.read(), self._webhooks.values())) if self._webhooks else []

    def deliver(self, *, patience_s: float = 0.0, retry_given_up: bool = False, first_only: bool = False) -> Delivered:
        """Send what is due; go on until nothing waits or ``patience_s`` is over.

        Messages to one receiver go out in the order of the ledger as long as none fails; a failed one does not
        hold up those behind it.

        Args:
            patience_s: Seconds to go on for, from now.
            retry_given_up: Whether to try once more what was given up.
            first_only: Whether to make first attempts alone.
        """
        until = self._clock() + timedelta(seconds=patience_s)
        sent = failed = 0
        messages = self.messages()
        while True:
            sendings = outbox.read_sendings(self._deliveries.read())
            waiting = [each for each in messages if outbox.is_waiting(each, sendings, retry_given_up=retry_given_up)]
            if first_only:
                waiting = [each for each in waiting if each.message_id not in sendings]
            due = [each for each in waiting if self._is_due(each, sendings)]
            for message in due:
                ended = self._attempt(message, sendings.get(message.message_id, outbox.Sending()).attempts + 1)
                sent, failed = sent + (ended is True), failed + (ended is False)
                if first_only and self._clock() >= until:
                    break
            if self._clock() >= until or not waiting or first_only:
                return self._sum_up(messages, sent, failed)
            retry_given_up = False
            if not due:
                time.sleep(0.05)

    def _is_due(self, message: Message, sendings: dict[str, outbox.Sending]) -> bool:
        sending = sendings.get(message.message_id, outbox.Sending())
        due = outbox.find_due(message, sending, self._webhooks[message.webhook])
        return due is None or due <= self._clock()

    def _attempt(self, message: Message, attempt: int) -> bool | None:
        """Make one attempt; return whether the message was taken, None if somebody else makes it."""
        webhook = self._webhooks[message.webhook]
        if not self._claim(message, attempt):
            return None
        kind, why = self._send(message, webhook, attempt)
        self._deliveries.append([self._note(message, kind, attempt, why)])
        return kind == outbox.DELIVERED

    def _claim(self, message: Message, attempt: int) -> bool:
        """Record that attempt ``attempt`` begins; return whether it is ours.

        The same attempt has the same id and is recorded once: whoever else claims it gets the first one's record.
        """
        event = self._note(message, outbox.SENDING, attempt, f"claim {uuid.uuid4().hex}")
        (record,) = self._deliveries.append([event])
        return record.comment == event.comment

    def _send(self, message: Message, webhook: Webhook, attempt: int) -> tuple[str, str]:
        try:
            send(message, webhook, now=self._clock())
        except DeliveryFailedError as error:
            return (outbox.GAVE_UP if attempt >= webhook.attempts else outbox.FAILED), str(error)
        return outbox.DELIVERED, ""

    def _note(self, message: Message, kind: str, attempt: int, why: str = "") -> AuditEvent:
        return outbox.note(message, kind, attempt, actor=self._actor, at=self._clock(), comment=why)

    def _sum_up(self, messages: list[Message], sent: int, failed: int) -> Delivered:
        sendings = outbox.read_sendings(self._deliveries.read())
        states = [sendings.get(each.message_id, outbox.Sending()).state for each in messages]
        given_up = states.count(outbox.GAVE_UP)
        return Delivered(sent, failed, len(states) - states.count(outbox.DELIVERED) - given_up, given_up)


def deliver_quietly(environment: Environment, options: GovernanceOptions) -> None:
    """Try each new message once; whatever goes wrong is logged and never in the way of the step that was made."""
    if not options.hooks:
        return
    try:
        done = Outbox(environment, options, actor="boathouse").deliver(
            patience_s=_PATIENCE_AFTER_A_STEP_S, first_only=True
        )
    except (BoathouseError, OSError) as error:
        logger.warning("Messages wait in the outbox (%s). Send them: boathouse audit deliver", type(error).__name__)
        return
    if done.waiting:
        logger.warning("%d message(s) wait in the outbox. Send them: boathouse audit deliver", done.waiting)
