"""Who is told of alerts: nothing twice, nothing lost, whatever receivers or the machine do."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.lifecycle import delivery
from boathouse.lifecycle.delivery import Delivered, DeliveryFailedError
from boathouse.monitoring.alert_delivery import AlertOutbox, tell_quietly
from boathouse.monitoring.alert_log import Step, acknowledge, mute
from boathouse.monitoring.alert_rules import AlertOptions
from boathouse.monitoring.judging import identify_alert
from tests.fixtures.alert_findings import APRIL, MARCH, MAY, NOW, make_measure, make_ranking, monitor, open_events
from tests.lifecycle.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from boathouse.lifecycle.ledger import AuditLedger

X = identify_alert("drifted", "x", "all")
HOOK = {"kind": "http", "events": ["*"], "secret_variable": "HOOK_SECRET", "timeout_s": 5.0, "first_wait_s": 0.0}


@dataclass
class Post:
    """A small server that takes e-mail.

    Attributes:
        port: Where it listens.
        refuse: How many of the next messages it refuses.
        mails: What it took.
    """

    port: int = 0
    refuse: int = 0
    mails: list[bytes] = field(default_factory=list)


class _Session(socketserver.StreamRequestHandler):
    post: Post

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            word = line[:4].upper()
            if word in {b"EHLO", b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP"}:
                self._say("250 fine")
            elif word == b"DATA":
                self._take()
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("502 unknown")

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line)
        if self.post.refuse:
            self.post.refuse -= 1
            self._say("451 later")
            return
        self.post.mails.append(b"".join(lines))
        self._say("250 taken")


@contextmanager
def posting() -> Iterator[Post]:
    """Take e-mail while the context lasts."""
    post = Post()
    handler = type("Session", (_Session,), {"post": post})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        post.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield post
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "a-secret-for-tests")


@pytest.fixture
def ledger(tmp_path: Path) -> AuditLedger:
    """Return events: a warning and an alarm were opened, then the warning was resolved."""
    made = open_events(tmp_path)
    monitor(made, [make_measure(0.3), make_ranking(0.6)])
    monitor(made, [make_measure(0.0, APRIL), make_ranking(0.6, APRIL)], APRIL)
    return made


def box(ledger: AuditLedger, clock: Any = None, **options: Any) -> AlertOutbox:
    return AlertOutbox(ledger, AlertOptions(rules={}, **options), environment="test", actor="boathouse", clock=clock)


def hooked(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    return {"webhooks": {"desk": {**HOOK, "url": receiver.url, **changes}}}


def mailed(post: Post, **changes: Any) -> dict[str, Any]:
    mail = {"host": "127.0.0.1", "port": post.port, "sender": "a@b.example", "to": ["c@d.example"], "starttls": False}
    return {"email": {**mail, "first_wait_s": 0.0, **changes}}


def test_a_webhook_is_told_once_of_what_was_opened_and_resolved(ledger: AuditLedger) -> None:
    with receiving() as receiver:
        assert box(ledger, **hooked(receiver)).deliver() == Delivered(3, 0, 0, 0)
        assert box(ledger, **hooked(receiver)).deliver() == Delivered(0, 0, 0, 0)
        told = [json.loads(body) for body in receiver.taken]
    assert [(each["event"], each["severity"]) for each in told] == [
        ("alert_opened", "warning"),
        ("alert_opened", "alarm"),
        ("alert_resolved", "warning"),
    ]
    assert told[0]["alert_id"] == X
    assert told[1]["next_step"] == "Retrain on a newer window: boathouse retrain --env test"
    assert told[1]["evidence"]["columns"] == [["x", "psi", 0.3]]
    assert ledger.verify() == []


def test_receivers_choose_events_severity_and_the_first_day(ledger: AuditLedger) -> None:
    with receiving() as receiver:
        asked = hooked(receiver, events=["alert_opened"])
        assert [each.event for each in box(ledger, **asked).messages()] == ["alert_opened"] * 2
        assert len(box(ledger, **asked, least="alarm").messages()) == 1
        assert box(ledger, **hooked(receiver, since="2030-01-01")).messages() == []


def test_a_call_that_failed_is_made_again_with_the_same_id(ledger: AuditLedger) -> None:
    with receiving(500) as receiver:
        options = hooked(receiver, events=["alert_resolved"])
        assert box(ledger, **options).deliver() == Delivered(0, 1, 1, 0)
        assert box(ledger, **options).deliver() == Delivered(1, 0, 0, 0)
        first, second = receiver.deliveries()
    assert first == second


def test_a_process_that_is_killed_after_the_answer_sends_the_same_id_again(
    ledger: AuditLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the receiver took it, and no record says so."""
    with receiving() as receiver:
        options = hooked(receiver, events=["alert_resolved"])

        def killed(*words: Any, **more: Any) -> None:
            delivery.send(*words, **more)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("boathouse.monitoring.alert_delivery.send", killed)
            with pytest.raises(KeyboardInterrupt):
                box(ledger, **options).deliver()
        assert box(ledger, **options).deliver().waiting == 1, "the attempt may still be under way"
        later = datetime.now(NOW.tzinfo) + timedelta(hours=1)
        assert box(ledger, lambda: later, **options).deliver() == Delivered(1, 0, 0, 0)
        assert len(set(receiver.deliveries())) == 1
        assert len(receiver.deliveries()) == 2


def test_a_mail_says_what_happened_and_what_to_do(ledger: AuditLedger) -> None:
    with posting() as post:
        assert box(ledger, **mailed(post, least="alarm")).deliver() == Delivered(1, 0, 0, 0)
        assert box(ledger, **mailed(post, least="alarm")).deliver() == Delivered(0, 0, 0, 0)
    mail = message_from_bytes(post.mails[0])
    assert mail["Subject"] == "alarm: alert opened in test: m"
    assert (mail["From"], mail["To"]) == ("a@b.example", "c@d.example")
    text = str(mail.get_payload(decode=True), "utf-8")
    assert "auc of m is 0.6, below the limit of 0.7." in text
    assert "boathouse retrain --env test" in text
    assert f"boathouse alerts explain {identify_alert('ranking', 'm', 'all')} --env test" in text


def test_a_mail_that_was_refused_has_the_same_id_when_it_is_sent_again(ledger: AuditLedger) -> None:
    with posting() as post:
        post.refuse = 1
        options = mailed(post, least="alarm")
        queue = box(ledger, **options)
        (message,) = queue.messages()
        assert queue.deliver() == Delivered(0, 1, 1, 0)
        assert box(ledger, **options).deliver() == Delivered(1, 0, 0, 0)
    assert message_from_bytes(post.mails[0])["Message-ID"] == f"<{message.message_id}@boathouse>"
    failed = [record.comment for record in ledger.read() if record.kind == "failed"]
    assert failed == ["SMTPDataError"]


def test_a_server_that_cannot_encrypt_or_a_password_that_is_not_there_sends_nothing(ledger: AuditLedger) -> None:
    with posting() as post:
        done = box(ledger, **mailed(post, least="alarm", starttls=True)).deliver()
        assert done.failed == 1
        done = box(ledger, **mailed(post, least="alarm", user="u", password_variable="NOT_SET_HERE")).deliver()  # noqa: S106 - no such variable
        assert done.failed == 1
        assert post.mails == []
    comments = [record.comment for record in ledger.read() if record.kind == "failed"]
    assert comments == ["SMTPNotSupportedError", "environment variable NOT_SET_HERE is not set"]


def test_after_the_last_attempt_it_is_given_up_until_a_person_asks(ledger: AuditLedger) -> None:
    with receiving(500) as receiver:
        options = hooked(receiver, events=["alert_resolved"], attempts=1)
        assert box(ledger, **options).deliver() == Delivered(0, 1, 0, 1)
        assert box(ledger, **options).deliver() == Delivered(0, 0, 0, 1)
        assert box(ledger, **options).deliver(retry_given_up=True) == Delivered(1, 0, 0, 0)


def test_a_failure_is_told_and_fails_no_run(
    ledger: AuditLedger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(500, 500, 500) as receiver:
        done = tell_quietly(box(ledger, **hooked(receiver)), "test")
        assert done is not None
        assert done.failed == 3
    assert "3 message(s) about alerts wait, 0 were given up" in caplog.text

    def broken() -> None:
        raise OSError("disk")

    queue = box(ledger)
    monkeypatch.setattr(queue, "log_new", broken)
    assert tell_quietly(queue, "test") is None
    assert "Alerts wait to be sent (OSError)" in caplog.text


def test_the_log_has_each_alert_once_at_its_level(ledger: AuditLedger, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert box(ledger).log_new() == 3
        assert box(ledger).log_new() == 0
    levels = [record.levelname for record in caplog.records if record.name.endswith("alert_delivery")]
    assert levels == ["WARNING", "ERROR", "WARNING"]
    assert f"alert opened: warning [{X}]: psi of x is 0.3, above the limit of 0.1. Next: Change nothing" in caplog.text


def test_of_a_muted_alert_no_person_is_told_and_of_an_acknowledged_one_only_its_end(tmp_path: Path) -> None:
    made = open_events(tmp_path)
    monitor(made, [make_measure(0.3)])
    acknowledge(made, X, Step(actor="ann", now=NOW))
    mute(made, X, Step(actor="ann", now=NOW), until=APRIL)
    monitor(made, [make_measure(0.0)], MARCH)
    monitor(made, [make_measure(0.3, APRIL)], MARCH + timedelta(days=1))
    with receiving() as receiver:
        assert [each.event for each in box(made, **hooked(receiver)).messages()] == ["alert_opened"]
        monitor(made, [make_measure(0.0, MAY)], MAY + timedelta(days=40))
        assert [each.event for each in box(made, **hooked(receiver)).messages()] == ["alert_opened", "alert_resolved"]


def test_a_refused_redirect_is_a_failure_of_delivery(ledger: AuditLedger) -> None:
    with receiving("redirect") as receiver:
        queue = box(ledger, **hooked(receiver))
        with pytest.raises(DeliveryFailedError, match="status 307"):
            queue.transmit(queue.messages()[0])
