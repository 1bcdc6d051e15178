"""The outbox: what the ledger calls for and was not delivered is sent, each attempt on record before and after."""

from __future__ import annotations

import http.client
import logging
import os
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from boathouse.databricks.secrets import read_secret
from boathouse.errors import BoathouseError, SecretError
from boathouse.lifecycle import webhooks
from boathouse.lifecycle.ledger import DELIVERIES, PROMOTIONS, open_ledger
from boathouse.lifecycle.webhooks import Message, Receiver, derive_messages, sign_body

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.policy import Actor, GovernanceOptions, Webhook


_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DeliveryFailedError(Exception):
    """A receiver did not take a message; says why, without address or secret."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed message goes where conf says, not where a receiver points."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - the base class has no types
        """Follow nothing."""


def send(message: Message, webhook: Webhook, *, now: datetime) -> None:
    """Make one attempt.

    Raises:
        DeliveryFailedError: If the message was not taken, or the configuration does not allow to send it.
    """
    {"http": _call, "command": _run, "databricks_job": _run_job}[webhook.kind](message, webhook, now)


def _call(message: Message, webhook: Webhook, now: datetime) -> None:
    timestamp = str(int(now.timestamp()))
    secret = _read_part(webhook, "signing")
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        _find_address(webhook),
        data=message.body.encode(),
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "boathouse-webhook",
            "X-Boathouse-Event": message.event,
            "X-Boathouse-Delivery": message.message_id,
            "X-Boathouse-Timestamp": timestamp,
            "X-Boathouse-Signature": sign_body(secret, timestamp, message.body),
        },
    )
    is_local = urlsplit(request.full_url).hostname in _LOOPBACK
    proxies = [urllib.request.ProxyHandler({})] if is_local else []
    try:
        with urllib.request.build_opener(_NoRedirect, *proxies).open(request, timeout=webhook.timeout_s) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        raise DeliveryFailedError(f"status {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DeliveryFailedError(_name_fault(error)) from error


def _name_fault(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return type(reason).__name__ if isinstance(reason, Exception) else type(error).__name__


def _find_address(webhook: Webhook) -> str:
    """Return the address: on this machine, or kept as a secret and then over TLS.

    Raises:
        DeliveryFailedError: If it is neither.
    """
    is_kept = bool(webhook.url_variable or webhook.url_secret)
    address = _read_part(webhook, "url") if is_kept else str(webhook.url)
    parts = urlsplit(address)
    if parts.scheme == "https" and is_kept:
        return address
    if parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK:
        return address
    raise DeliveryFailedError("the address has to be https from url_variable or url_secret, or on this machine")


def _run(message: Message, webhook: Webhook, now: datetime) -> None:  # noqa: ARG001 - one signature for all
    environment = {
        **os.environ,
        "BOATHOUSE_EVENT": message.event,
        "BOATHOUSE_DELIVERY": message.message_id,
    }
    try:
        done = subprocess.run(  # noqa: S603 - the words stand in conf, the message goes to standard input
            list(webhook.command),
            input=message.body.encode(),
            env=environment,
            timeout=webhook.timeout_s,
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeliveryFailedError(type(error).__name__) from error
    if done.returncode:
        raise DeliveryFailedError(f"exit code {done.returncode}")


def _run_job(message: Message, webhook: Webhook, now: datetime) -> None:  # noqa: ARG001 - one signature for all
    """Run a job of the platform; the token makes a repeated attempt the same run."""
    from databricks.sdk import WorkspaceClient

    try:
        WorkspaceClient().jobs.run_now(
            job_id=int(_read_variable(str(webhook.job_variable))),
            idempotency_token=message.message_id,
            job_parameters={"event": message.event, "message": message.body},
        )
    except DeliveryFailedError:
        raise
    except Exception as error:  # the SDK's own errors, the network's, a number that is none
        raise DeliveryFailedError(type(error).__name__) from error


def _read_part(webhook: Webhook, part: str) -> str:
    """Return the address or the secret for signing, from where conf says that it is kept.

    Raises:
        DeliveryFailedError: If it is not there.
    """
    reference = webhook.secret(part)
    try:
        value = read_secret(reference)
    except SecretError as error:
        raise DeliveryFailedError(str(error)) from error
    if value is None:
        where = f"environment variable {reference.variable} is not set" if reference.variable else "no runtime is here"
        raise DeliveryFailedError(where if reference.variable else f"secret {reference.name}: {where}")
    return value


def _read_variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise DeliveryFailedError(f"environment variable {name} is not set")
    return value


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


class MessageQueue(ABC):
    """Messages that follow from a record, each sent until it is taken; every attempt is on record before it is made."""

    def __init__(
        self,
        deliveries: AuditLedger,
        receivers: Mapping[str, Receiver],
        *,
        actor: Actor,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Remember where; read nothing.

        Args:
            deliveries: The record of attempts.
            receivers: By the name that messages call them.
            actor: Who sends.
            clock: Returns the time, UTC.
        """
        self._deliveries = deliveries
        self._receivers = receivers
        self._actor = actor
        self._clock = clock or (lambda: datetime.now(UTC))

    @property
    def ledger(self) -> AuditLedger:
        """The record of deliveries."""
        return self._deliveries

    @abstractmethod
    def messages(self) -> list[Message]:
        """Return every message that the record calls for, sent or not; the same ones however often it is asked."""

    @abstractmethod
    def transmit(self, message: Message) -> None:
        """Make one attempt.

        Raises:
            DeliveryFailedError: If the message was not taken, or the configuration does not allow to send it.
        """

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
            sendings = webhooks.read_sendings(self._deliveries.read())
            waiting = [each for each in messages if webhooks.is_waiting(each, sendings, retry_given_up=retry_given_up)]
            if first_only:
                waiting = [each for each in waiting if each.message_id not in sendings]
            due = [each for each in waiting if self._is_due(each, sendings)]
            for message in due:
                ended = self._attempt(message, sendings.get(message.message_id, webhooks.Sending()).attempts + 1)
                sent, failed = sent + (ended is True), failed + (ended is False)
                if first_only and self._clock() >= until:
                    break
            if self._clock() >= until or not waiting or first_only:
                return self._sum_up(messages, sent, failed)
            retry_given_up = False
            if not due:
                time.sleep(0.05)

    def _is_due(self, message: Message, sendings: dict[str, webhooks.Sending]) -> bool:
        sending = sendings.get(message.message_id, webhooks.Sending())
        due = webhooks.find_due(message, sending, self._receivers[message.webhook])
        return due is None or due <= self._clock()

    def _attempt(self, message: Message, attempt: int) -> bool | None:
        """Make one attempt; return whether the message was taken, None if another process makes it."""
        if not self._claim(message, attempt):
            return None
        kind, why = self._send(message, attempt)
        self._deliveries.append([self._note(message, kind, attempt, why)])
        return kind == webhooks.DELIVERED

    def _claim(self, message: Message, attempt: int) -> bool:
        """Record that attempt ``attempt`` begins; return whether it is ours.

        The same attempt has the same id and is recorded once: a later claim gets the first one's record.
        """
        event = self._note(message, webhooks.SENDING, attempt, f"claim {uuid.uuid4().hex}")
        (record,) = self._deliveries.append([event])
        return record.comment == event.comment

    def _send(self, message: Message, attempt: int) -> tuple[str, str]:
        try:
            self.transmit(message)
        except DeliveryFailedError as error:
            is_last = attempt >= self._receivers[message.webhook].attempts
            return (webhooks.GAVE_UP if is_last else webhooks.FAILED), str(error)
        return webhooks.DELIVERED, ""

    def _note(self, message: Message, kind: str, attempt: int, why: str = "") -> AuditEvent:
        return webhooks.note(message, kind, attempt, actor=self._actor, at=self._clock(), comment=why)

    def _sum_up(self, messages: list[Message], sent: int, failed: int) -> Delivered:
        sendings = webhooks.read_sendings(self._deliveries.read())
        states = [sendings.get(each.message_id, webhooks.Sending()).state for each in messages]
        given_up = states.count(webhooks.GAVE_UP)
        return Delivered(sent, failed, len(states) - states.count(webhooks.DELIVERED) - given_up, given_up)


class Outbox(MessageQueue):
    """Messages of one environment about its promotions."""

    def __init__(
        self,
        environment: Environment,
        options: GovernanceOptions,
        *,
        actor: Actor,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Remember where; read nothing."""
        self._promotions = open_ledger(environment.table(PROMOTIONS))
        self._webhooks = {webhook.name: webhook for webhook in options.hooks}
        super().__init__(open_ledger(environment.table(DELIVERIES)), self._webhooks, actor=actor, clock=clock)

    def messages(self) -> list[Message]:
        """Return every message that the ledger calls for, sent or not."""
        return list(derive_messages(self._promotions.read(), self._webhooks.values())) if self._webhooks else []

    def transmit(self, message: Message) -> None:
        """Make one attempt at the webhook."""
        send(message, self._webhooks[message.webhook], now=self._clock())


def deliver_quietly(environment: Environment, options: GovernanceOptions) -> None:
    """Try each new message once; whatever goes wrong is logged and never in the way of the step that was made."""
    if not options.hooks:
        return
    try:
        done = Outbox(environment, options, actor="boathouse").deliver(
            patience_s=_PATIENCE_AFTER_A_STEP_S, first_only=True
        )
    except (BoathouseError, OSError) as error:
        kind, name = type(error).__name__, environment.name
        logger.warning("Messages wait in the outbox (%s). Send them: boathouse audit deliver --env %s", kind, name)
        return
    if done.waiting:
        text = "%d message(s) wait in the outbox. Send them: boathouse audit deliver --env %s"
        logger.warning(text, done.waiting, environment.name)
