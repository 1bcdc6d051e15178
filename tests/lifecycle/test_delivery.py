"""Messages: none lost, none sent twice on purpose, whatever the receiver or the machine does."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.environment import Environment
from boathouse.errors import OptionError
from boathouse.lifecycle.delivery import Delivered, Outbox, deliver_quietly
from boathouse.lifecycle.ledger import DELIVERIES, open_ledger
from boathouse.lifecycle.policy import GovernanceOptions, Webhook
from tests.fixtures.life_cycle import Clock, LifeCycleSetup, options
from tests.lifecycle.receiver import HANG_S, Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "a-secret-for-tests"  # noqa: S105 - of no use anywhere
FAST = {"timeout_s": 0.3, "first_wait_s": 0.05}
# What a receiver of everything is told of a version that becomes champion at once.
PROMOTED = (
    "candidate_registered",
    "transition_requested",
    "gates_passed",
    "challenger_changed",
    "comparison_passed",
    "transition_requested",
    "champion_changed",
)
# Of the model, and of the two versions that are champion one after the other.
MESSAGES = 1 + 2 * len(PROMOTED)


def rules(receiver: Receiver | None = None, **entry: Any) -> GovernanceOptions:
    hook = {"kind": "http", "events": ["*"], "url": receiver and receiver.url, "secret_variable": "HOOK_SECRET", **FAST}
    return replace(options(), webhooks={"desk": {**hook, **entry}})


def box(setup: LifeCycleSetup, given: GovernanceOptions, clock: Clock | None = None) -> Outbox:
    return Outbox(setup.environment, given, actor="vera", clock=clock)


def states(setup: LifeCycleSetup) -> list[str]:
    return [each.kind for each in open_ledger(setup.environment.table(DELIVERIES)).read()]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def test_every_record_becomes_one_call_that_the_receiver_can_verify(setup: LifeCycleSetup, receiver: Receiver) -> None:
    done = box(setup, rules(receiver)).deliver()
    assert done == Delivered(sent=MESSAGES, failed=0, waiting=0, given_up=0)
    bodies = [json.loads(body) for _, body in receiver.calls]
    assert [(body["event"], body["version"]) for body in bodies] == [
        ("model_created", None),
        *((event, version) for version in "12" for event in PROMOTED),
    ]
    assert bodies[3]["evidence"]["gates"] == {"minimum_roc_auc": True}
    headers, body = receiver.calls[-1]
    signed = f"{headers['X-Boathouse-Timestamp']}.{body.decode()}".encode()
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Boathouse-Signature"] == f"v1={expected}"
    assert headers["X-Boathouse-Event"] == "champion_changed"
    assert abs(int(headers["X-Boathouse-Timestamp"]) - time.time()) < 60
    assert len(set(receiver.deliveries())) == MESSAGES


def test_what_was_delivered_is_not_sent_again(setup: LifeCycleSetup, receiver: Receiver) -> None:
    box(setup, rules(receiver)).deliver()
    assert box(setup, rules(receiver)).deliver() == Delivered(0, 0, 0, 0)
    setup.cycle().rollback(comment="worse")
    box(setup, rules(receiver)).deliver()
    assert [headers["X-Boathouse-Event"] for headers, _ in receiver.calls[MESSAGES:]] == [
        "candidate_registered",
        "rolled_back",
    ]
    assert open_ledger(setup.environment.table(DELIVERIES)).verify() == []


def test_only_events_asked_for_and_only_from_the_day_asked_for(setup: LifeCycleSetup, receiver: Receiver) -> None:
    assert box(setup, rules(receiver, events=["champion_changed", "rolled_back"])).deliver().sent == 2
    assert box(setup, rules(receiver, since="2026-03-02")).messages() == []
    assert len(box(setup, rules(receiver, since="2026-03-01")).messages()) == MESSAGES


@pytest.mark.parametrize("answer", [500, 404, "hang", "reset", "redirect"])
def test_a_failed_call_is_made_again_later_with_the_same_id(setup: LifeCycleSetup, answer: Any) -> None:
    with receiving(answer, answer) as receiver:
        given = rules(receiver, events=["champion_changed"])
        done = box(setup, given).deliver(patience_s=30)
        assert (done.sent, done.failed, done.waiting) == (2, 2, 0)
        assert len(receiver.taken) == 2
        first, second = receiver.deliveries()[:2]
        assert sorted(receiver.deliveries()) == sorted([first, first, second, second])
        time.sleep(HANG_S if answer == "hang" else 0)
    failed = [each.comment for each in open_ledger(setup.environment.table(DELIVERIES)).read() if each.kind == "failed"]
    assert len(failed) == 2
    assert {500: "500", 404: "404", "redirect": "307"}.get(answer, "") in failed[0]


def test_waits_grow_and_differ_from_message_to_message(setup: LifeCycleSetup) -> None:
    clock = Clock()
    with receiving(*[500] * 40) as receiver:
        given = rules(receiver, events=["champion_changed"], first_wait_s=10, attempts=5)
        outbox = box(setup, given, clock)
        assert outbox.deliver().failed == 2
        clock.move(seconds=9.9)
        assert outbox.deliver().failed == 0
        clock.move(seconds=5.2)
        assert outbox.deliver().failed == 2
        clock.move(seconds=19.9)
        assert outbox.deliver().failed == 0
        clock.move(seconds=10.2)
        assert outbox.deliver().failed == 2


def test_a_message_is_given_up_and_tried_once_more_when_asked(setup: LifeCycleSetup) -> None:
    with receiving(*[500] * 6) as receiver:
        given = rules(receiver, events=["champion_changed"], attempts=2)
        assert box(setup, given).deliver(patience_s=30) == Delivered(0, 4, 0, 2)
        assert box(setup, given).deliver() == Delivered(0, 0, 0, 2)
        assert box(setup, given).deliver(retry_given_up=True) == Delivered(0, 2, 0, 2)
        assert box(setup, given).deliver(retry_given_up=True) == Delivered(2, 0, 0, 0)
        assert len(receiver.taken) == 2


def test_one_receiver_that_is_down_does_not_hold_up_another(setup: LifeCycleSetup, receiver: Receiver) -> None:
    given = rules(receiver, events=["champion_changed"])
    hooks = {"dead": {**given.webhooks["desk"], "url": "http://127.0.0.1:9/"}, **given.webhooks}
    done = box(setup, replace(given, webhooks=hooks)).deliver()
    assert (done.sent, done.failed, done.waiting) == (2, 2, 2)


def test_many_senders_at_once_send_each_message_once(setup: LifeCycleSetup, receiver: Receiver) -> None:
    given = rules(receiver)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: box(setup, given).deliver(), range(4)))
    assert sum(each.sent for each in done) == MESSAGES
    assert len(receiver.calls) == len(set(receiver.deliveries())) == MESSAGES


def send_and_die(root: str, port: int) -> None:
    """Send one message and be killed before it is on record that it was taken."""
    setup = LifeCycleSetup(Environment("test", {"engine": "sail", "root": root}), registry=None)  # type: ignore[arg-type]
    outbox = box(setup, rules(Receiver(port=port), events=["champion_changed"]))

    def die(message: Any, attempt: int) -> Any:
        Outbox._send(outbox, message, attempt)
        os.kill(os.getpid(), signal.SIGKILL)

    outbox._send = die  # type: ignore[method-assign]
    outbox.deliver()


def test_killed_between_sending_and_recording_it_is_sent_again_under_the_same_id(
    setup: LifeCycleSetup, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one repeat that cannot be avoided: whether the receiver took it, nobody knows. It can tell by the id."""
    context = multiprocessing.get_context("spawn")
    sender = context.Process(target=send_and_die, args=(setup.environment.lakehouse["root"], receiver.port))
    sender.start()
    sender.join()
    assert sender.exitcode == -signal.SIGKILL
    assert (states(setup), len(receiver.calls)) == (["sending"], 1)
    given = rules(receiver, events=["champion_changed"])
    # At once, nobody else begins: the first may still be at it.
    assert box(setup, given).deliver() == Delivered(1, 0, 1, 0)
    clock = Clock()
    clock.now = open_ledger(setup.environment.table(DELIVERIES)).read()[0].occurred_at
    clock.move(seconds=FAST["timeout_s"] + 5.1)
    assert box(setup, given, clock).deliver() == Delivered(1, 0, 0, 0)
    first, _, again = receiver.deliveries()
    assert first == again


def test_killed_before_sending_it_is_sent_later(setup: LifeCycleSetup, receiver: Receiver) -> None:
    given = rules(receiver, events=["champion_changed"])
    outbox = box(setup, given)
    message = outbox.messages()[0]
    assert outbox._claim(message, 1) is True
    assert box(setup, given)._claim(message, 1) is False
    clock = Clock()
    clock.now = open_ledger(setup.environment.table(DELIVERIES)).read()[0].occurred_at
    clock.move(seconds=60)
    assert box(setup, given, clock).deliver().sent == 2


# What conf may say


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"url": "http://example.com/hook"}, "on this machine"),
        ({"url": "https://example.com/hook"}, "on this machine"),
        ({"url": None, "url_variable": "HOOK_URL"}, "HOOK_URL is not set"),
        ({"url": "http://127.0.0.1:9/", "secret_variable": "NO_SUCH"}, "NO_SUCH is not set"),
        ({"url": "http://127.0.0.1:9/"}, "ConnectionRefusedError"),
    ],
)
def test_an_address_or_secret_that_will_not_do_is_on_record(
    setup: LifeCycleSetup, entry: dict[str, Any], why: str
) -> None:
    done = box(setup, rules(**{"events": ["rolled_back", "champion_changed"], **entry})).deliver()
    assert done.failed == 2
    comments = [
        each.comment for each in open_ledger(setup.environment.table(DELIVERIES)).read() if each.kind == "failed"
    ]
    assert why in comments[0]
    assert SECRET not in "".join(comments)


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"kind": "pigeon"}, "pigeon"),
        ({"kind": "http", "url": "http://127.0.0.1/"}, "secret_variable"),
        ({"kind": "http", "secret_variable": "S"}, "url or url_variable"),
        ({"kind": "command"}, "with command"),
        ({"kind": "databricks_job"}, "job_variable"),
        ({"kind": "command", "command": ["true"], "attempts": 0}, "attempts"),
        ({"kind": "command", "command": ["true"], "since": "tomorrow"}, "since"),
    ],
)
def test_what_a_webhook_lacks_is_named(entry: dict[str, Any], match: str) -> None:
    with pytest.raises(OptionError, match=match):
        Webhook(**{"name": "desk", "events": ["*"], **entry})


def test_a_program_gets_the_message_on_its_standard_input(setup: LifeCycleSetup, tmp_path: Path) -> None:
    code = "import os, sys; open(sys.argv[1], 'w').write(sys.stdin.read() + os.environ['BOATHOUSE_EVENT'])"
    command = [sys.executable, "-c", code, str(tmp_path / "got")]
    entry = {"kind": "command", "command": command, "events": ["rolled_back"], "timeout_s": 30}
    setup.cycle().rollback(comment="worse")
    assert box(setup, rules(**entry)).deliver().sent == 1
    got = (tmp_path / "got").read_text(encoding="utf-8")
    assert json.loads(got.removesuffix("rolled_back"))["evidence"]["to"] == "1"


@pytest.mark.parametrize(
    ("command", "why"), [(["false"], "exit code 1"), (["/no/such"], "FileNotFoundError"), (["sleep", "9"], "Timeout")]
)
def test_a_program_that_fails_is_on_record(setup: LifeCycleSetup, command: list[str], why: str) -> None:
    entry = {"kind": "command", "command": command, "events": ["champion_changed"], "timeout_s": 0.2}
    assert box(setup, rules(**entry)).deliver().failed == 2
    assert why in open_ledger(setup.environment.table(DELIVERIES)).read()[1].comment


def test_a_job_of_the_platform_is_run_once_for_each_message(
    setup: LifeCycleSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[dict[str, Any]] = []
    sdk = ModuleType("databricks.sdk")
    client = SimpleNamespace(jobs=SimpleNamespace(run_now=lambda **given: runs.append(given)))
    sdk.WorkspaceClient = lambda: client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "databricks.sdk", sdk)
    monkeypatch.setenv("JOB", "17")
    entry = {"kind": "databricks_job", "job_variable": "JOB", "events": ["champion_changed"]}
    outbox = box(setup, rules(**entry))
    assert outbox.deliver().sent == 2
    assert {run["job_id"] for run in runs} == {17}
    assert [run["idempotency_token"] for run in runs] == [each.message_id for each in outbox.messages()]
    assert all(len(run["idempotency_token"]) <= 64 for run in runs)
    assert json.loads(runs[0]["job_parameters"]["message"])["event"] == "champion_changed"


# After a step


def test_a_step_tries_each_new_message_once_and_never_fails_for_it(
    setup: LifeCycleSetup, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(500) as receiver:
        given = rules(receiver, events=["champion_changed"])
        deliver_quietly(setup.environment, given)
        assert states(setup) == ["sending", "failed", "sending", "delivered"]
        assert "1 message(s) wait in the outbox. Send them: boathouse audit deliver" in caplog.text
        deliver_quietly(setup.environment, given)
        assert len(receiver.calls) == 2


def test_without_webhooks_nothing_is_read(empty: LifeCycleSetup) -> None:
    deliver_quietly(empty.environment, options())
    assert box(empty, options()).deliver() == Delivered(0, 0, 0, 0)


def test_the_receiver_in_the_documentation_takes_our_calls_and_nothing_else(
    setup: LifeCycleSetup, receiver: Receiver
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "governance.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "is_genuine" in block]
    room: dict[str, Any] = {}
    exec(code, room)  # noqa: S102 - a page of ours, run as its readers do
    box(setup, rules(receiver, events=["champion_changed"])).deliver()
    headers, body = receiver.calls[0]
    genuine = room["is_genuine"]
    assert genuine(headers, body, SECRET, set())
    assert not genuine(headers, body + b" ", SECRET, set())
    assert not genuine(headers, body, "other", set())
    assert not genuine(headers, body, SECRET, {headers["X-Boathouse-Delivery"]})
    old = str(int(headers["X-Boathouse-Timestamp"]) - 301)
    assert not genuine({**headers, "X-Boathouse-Timestamp": old}, body, SECRET, set())
