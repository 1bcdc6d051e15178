"""Who is told of alerts: the log, webhooks and e-mail; each message is recorded as sent after it was taken."""

from __future__ import annotations

import hashlib
import json
import logging
import smtplib
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from boathouse.databricks.secrets import read_secret
from boathouse.errors import BoathouseError, SecretError
from boathouse.lifecycle.delivery import Delivered, DeliveryFailedError, MessageQueue, send
from boathouse.lifecycle.policy import EVERYBODY
from boathouse.lifecycle.webhooks import DELIVERED, Message, note, read_sendings
from boathouse.monitoring.actions import describe_action
from boathouse.monitoring.alert_rules import SEVERITIES
from boathouse.monitoring.alert_state import MUTED, OPENED, REOPENED, RESOLVED, UNMUTED
from boathouse.monitoring.retraining import PROPOSED, SUBJECT

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.policy import Actor
    from boathouse.monitoring.alert_rules import AlertOptions, EmailOptions

_log = logging.getLogger(__name__)
# Names of events, as webhooks ask for them, by the kind of the record.
EVENTS = {
    OPENED: "alert_opened",
    REOPENED: "alert_reopened",
    RESOLVED: "alert_resolved",
    PROPOSED: "retraining_proposed",
}
LOG, EMAIL = "log", "email"
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "alarm": logging.ERROR}


class AlertOutbox(MessageQueue):
    """Messages of one environment about its alerts."""

    def __init__(
        self,
        ledger: AuditLedger,
        options: AlertOptions,
        *,
        environment: str,
        actor: Actor,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Remember where; read nothing.

        Args:
            ledger: The events of alerts, which records deliveries too.
            options: Who is told.
            environment: Its name, for texts.
            actor: Who sends.
            clock: Returns the time, UTC.
        """
        self._hooks = {webhook.name: webhook for webhook in options.hooks}
        self._mail, self._least, self._environment = options.mail, options.least, environment
        receivers = {f"webhook:{name}": hook for name, hook in self._hooks.items()}
        mail = {} if self._mail is None else {EMAIL: self._mail}
        super().__init__(ledger, {**receivers, **mail}, actor=actor, clock=clock)

    def messages(self) -> list[Message]:
        """Return every message that the events call for, sent or not."""
        told = list_told(self._deliveries.read(), self._environment)
        return [message for each in told for message in self._address(each)]

    def log_new(self) -> int:
        """Write what is new to the log, then record all of it as delivered in one commit; return how many it was.

        A run that is killed in between logs its lines once more: the log is at hand where it happens.
        """
        records = self._deliveries.read()
        known = read_sendings(records)
        messages = [_make_message(each, LOG) for each in list_told(records, self._environment)]
        new = [message for message in messages if message.message_id not in known]
        for message in new:
            content = json.loads(message.body)
            _log.log(_LEVELS[content["severity"]], "%s: %s", message.event.replace("_", " "), describe_message(content))
        if new:
            self._deliveries.append([note(each, DELIVERED, 1, actor=self._actor, at=self._clock()) for each in new])
        return len(new)

    def _address(self, told: Told) -> Iterator[Message]:
        severity = SEVERITIES.index(told.severity)
        for name, hook in self._hooks.items():
            wanted = {told.event, EVERYBODY} & set(hook.events)
            # Parsed by the class: a date, or None for all.
            is_new = hook.since is None or told.occurred_at.date() >= hook.since  # type: ignore[operator]
            if wanted and is_new and severity >= SEVERITIES.index(self._least):
                yield _make_message(told, f"webhook:{name}")
        mail = self._mail
        if mail is not None and mail.includes(told.occurred_at.date()) and severity >= SEVERITIES.index(mail.least):
            yield _make_message(told, EMAIL)

    def transmit(self, message: Message) -> None:
        """Make one attempt on the message's channel.

        Raises:
            DeliveryFailedError: If the message was not taken, or the configuration does not allow to send it.
        """
        if message.webhook == EMAIL and self._mail is not None:
            send_mail(make_mail(message, self._mail, self._clock()), self._mail)
        else:
            send(message, self._hooks[message.webhook.partition(":")[2]], now=self._clock())


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event that somebody is told of.

    Attributes:
        event: Of :data:`EVENTS`.
        event_id: Of the record.
        sequence: Place of the record.
        severity: Of the alert; of a proposed retraining ``warning``.
        occurred_at: When, UTC.
        body: What receivers get, JSON.
    """

    event: str
    event_id: str
    sequence: int
    severity: str
    occurred_at: datetime
    body: str


def list_told(records: Sequence[AuditRecord], environment: str) -> list[Told]:
    """Return the events that somebody is told of, in their order; none of an alert while it was muted."""
    muted: dict[str, date] = {}
    contents: dict[str, dict[str, Any]] = {}
    told = []
    for record in records:
        evidence = record.read_evidence()
        if record.kind == MUTED:
            muted[record.subject] = date.fromisoformat(evidence["until"])
        elif record.kind == UNMUTED:
            muted.pop(record.subject, None)
        if "rule" in evidence:
            contents[record.subject] = evidence
        until = muted.get(record.subject)
        if record.kind in EVENTS and (until is None or record.occurred_at.date() >= until):
            told.append(_tell(record, contents.get(record.subject, {}) | evidence, environment))
    return told


def _tell(record: AuditRecord, content: Mapping[str, Any], environment: str) -> Told:
    severity = str(content.get("severity") or "warning")
    is_alert = record.subject != SUBJECT
    body = {
        "event": EVENTS[record.kind],
        "environment": environment,
        "alert_id": record.subject if is_alert else None,
        "occurred_at": record.occurred_at.isoformat(timespec="microseconds"),
        "actor": record.actor,
        "comment": record.comment,
        "severity": severity,
        "message": content.get("message") or record.comment,
        "next_step": describe_action(str(content.get("action") or "retrain"), environment, record.subject),
        "evidence": dict(content),
        "sequence": record.sequence,
    }
    return Told(
        event=EVENTS[record.kind],
        event_id=record.event_id,
        sequence=record.sequence,
        severity=severity,
        occurred_at=record.occurred_at,
        body=json.dumps(body, sort_keys=True, separators=(",", ":")),
    )


def _make_message(told: Told, channel: str) -> Message:
    """Return the message; the same event has the same id on the same channel, always."""
    message_id = hashlib.sha256(f"{told.event_id}\n{channel}".encode()).hexdigest()[:32]
    return Message(message_id=message_id, webhook=channel, event=told.event, sequence=told.sequence, body=told.body)


def describe_message(content: Mapping[str, Any]) -> str:
    """Return a message as one line: how urgent, what happened, what to do."""
    alert = f" [{content['alert_id']}]" if content["alert_id"] else ""
    return f"{content['severity']}{alert}: {content['message']} Next: {content['next_step']}"


def make_mail(message: Message, options: EmailOptions, now: datetime) -> EmailMessage:
    """Return the e-mail; its ``Message-ID`` is that of the message: a mailbox recognises a repeat."""
    content = json.loads(message.body)
    evidence = content["evidence"]
    subject = f"{content['severity']}: {message.event.replace('_', ' ')} in {content['environment']}"
    mail = EmailMessage()
    mail["Subject"] = f"{subject}: {evidence.get('subject') or 'retraining'}"
    mail["From"], mail["To"] = options.sender, ", ".join(options.to)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.message_id}@boathouse>"
    lines = [
        content["message"],
        "",
        f"Next step: {content['next_step']}",
        f"Owner: {evidence.get('owner') or 'none'}",
        f"Runbook: {evidence.get('runbook') or 'docs/runbooks/retraining.md'}",
        *(
            [f"Evidence: boathouse alerts explain {content['alert_id']} --env {content['environment']}"]
            if content["alert_id"]
            else []
        ),
    ]
    mail.set_content("\n".join(lines))
    return mail


def send_mail(mail: EmailMessage, options: EmailOptions) -> None:
    """Hand one e-mail to the server.

    Raises:
        DeliveryFailedError: If the server does not take it for every receiver, or the password is not there.
    """
    try:
        with smtplib.SMTP(options.host, options.port, timeout=options.timeout_s) as server:
            if options.starttls:
                server.starttls(context=_trust())
            if options.user:
                server.login(options.user, _read_password(options))
            refused = server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        # Its text may quote addresses.
        raise DeliveryFailedError(type(error).__name__) from error
    if refused:
        raise DeliveryFailedError(f"{len(refused)} of {len(options.to)} receivers were refused")


def _trust() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


def _read_password(options: EmailOptions) -> str:
    try:
        value = read_secret(options.password)
    except SecretError as error:
        raise DeliveryFailedError(str(error)) from error
    if value is None:
        raise DeliveryFailedError(f"environment variable {options.password_variable or '(none named)'} is not set")
    return value


def tell_quietly(box: AlertOutbox, environment: str) -> Delivered | None:
    """Try once what waits; whatever goes wrong is logged and never fails the run."""
    try:
        box.log_new()
        done = box.deliver()
    except (BoathouseError, OSError) as error:
        kind = type(error).__name__
        _log.warning("Alerts wait to be sent (%s). The next run of monitoring in %s sends them.", kind, environment)
        return None
    if done.waiting or done.given_up:
        _log.warning(
            "%d message(s) about alerts wait, %d were given up. The next run of monitoring sends what waits; now: "
            "boathouse alerts deliver --env %s",
            done.waiting,
            done.given_up,
            environment,
        )
    return done
