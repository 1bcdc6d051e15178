"""A signal ends a program within seconds, with its code, whatever the main thread is doing; its children end too."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.exceptions import Exit

from boathouse.cli import interruption
from boathouse.cli.interruption import Interruption, end_on_signals
from tests.fixtures.small_workspace import ROOT, SmallWorkspace

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Far more than it takes, so that a busy machine does not matter; without the guard the programs run for minutes.
PATIENCE_S = 60
PROGRAM = """
import ctypes, hashlib, signal, subprocess, sys, time
# Under nohup a program is to outlive its terminal, and a test would wait for its end for ever.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
import click
from boathouse.cli import interruption

interruption._GRACE_S = 60 if sys.argv[1] == "transact" else 0.5
child = subprocess.Popen([sys.executable, "-c", "import time; print('child', flush=True); time.sleep(600)"])

def wait():
    print("ready", child.pid, flush=True)
    time.sleep(600)

def compute():
    # Runs in C, where no handler of Python is called, as a fit does.
    print("ready", child.pid, flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2**31 - 1)

def swallow():
    print("ready", child.pid, flush=True)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass

def pause():
    print("ready", child.pid, flush=True)
    time.sleep(0.3)
    print("stored", flush=True)

def transact():
    # SQLite takes an exception in a function for an error of the statement.
    from sqlalchemy import create_engine
    with create_engine("sqlite://").begin() as connection:
        connection.connection.create_function("pause", 0, pause)
        connection.exec_driver_sql("select pause()")
    time.sleep(600)

try:
    with interruption.end_on_signals(lambda: print("tidied", flush=True), advice="Run it again."):
        {"wait": wait, "compute": compute, "swallow": swallow, "transact": transact}[sys.argv[1]]()
except click.exceptions.Exit as end:
    sys.exit(end.exit_code)
"""


def end_program(work: str, number: signal.Signals, *, times: int = 1) -> tuple[int, str, str, int]:
    """Return exit code, both outputs and the child's id of the program, ended by ``number`` at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, work],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    words = next(line for line in process.stdout if line.startswith("ready")).split()
    for _ in range(times):
        process.send_signal(number)
    try:
        shown, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return process.returncode, shown, said, int(words[1])


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_work_in_order(number: signal.Signals) -> None:
    code, shown, said, child = end_program("wait", number)
    assert (code, shown.count("tidied")) == (128 + number, 1)
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert said == f"\nEnded by {name}. Run it again.\n"
    assert not _is_alive(child)


@pytest.mark.parametrize("work", ["compute", "swallow"])
def test_work_that_does_not_answer_is_left_without_it(work: str) -> None:
    code, shown, said, child = end_program(work, signal.SIGTERM)
    assert (code, shown.count("tidied")) == (128 + signal.SIGTERM, 1)
    assert said == "\nEnded by SIGTERM. Run it again.\n"
    assert not _is_alive(child)


def test_a_transaction_is_not_left_in_its_middle() -> None:
    code, shown, said, child = end_program("transact", signal.SIGTERM)
    assert (code, shown.split()) == (128 + signal.SIGTERM, ["stored", "tidied"])
    assert said == "\nEnded by SIGTERM. Run it again.\n"
    assert not _is_alive(child)


def test_a_second_signal_is_as_good_as_one() -> None:
    code, shown, said, _ = end_program("compute", signal.SIGINT, times=2)
    assert (code, shown.count("tidied"), said.count("Ended by")) == (130, 1, 1)


def _is_alive(pid: int) -> bool:
    """Return whether the process goes on after a while: one that is killed takes a moment to end."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            # One that has ended and that the system has not yet collected is listed as a zombie.
            if "(zombie)" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
                return False
        except OSError:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Set the system's handlers and return them: importing the settings has set others. Restored whatever happens."""
    monkeypatch.setattr(interruption, "_guard", interruption._Guard())
    before = [signal.getsignal(number) for number in SIGNALS]
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield [signal.getsignal(number) for number in SIGNALS]
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


def test_handlers_are_given_back_and_one_that_ignores_stays(handlers: list[object]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with end_on_signals(lambda: None, advice=""):
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != handlers[1]
    assert [signal.getsignal(number) for number in SIGNALS] == [*handlers[:2], signal.SIG_IGN]


@pytest.mark.usefixtures("handlers")
def test_in_a_notebook_ctrl_c_is_raised_again_after_tidying_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    done: list[str] = []
    seen: list[object] = []

    def work() -> None:
        with end_on_signals(lambda: done.append("tidied"), advice=""):
            seen.append(signal.getsignal(signal.SIGTERM))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert (done, seen) == (["tidied"], [signal.SIG_DFL])


def test_an_interruption_is_a_keyboard_interrupt_and_no_error() -> None:
    assert issubclass(Interruption, KeyboardInterrupt)
    with pytest.raises(Exit) as ended, end_on_signals(lambda: None, advice=""):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130


def test_a_run_on_the_default_engine_ends_and_is_marked_as_killed(tmp_path: Path) -> None:
    data = SmallWorkspace.build(tmp_path / "my data", customers=60).data
    environment = os.environ | {"BOATHOUSE_DATA": str(data), "BOATHOUSE_ENGINE": "sail", "PYTHONUNBUFFERED": "1"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "data_prep", "--env", "test"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    began = next((line for line in process.stdout if "judge_customers" in line), "")
    # Ctrl-C also ends the engine, which listens for it itself.
    process.send_signal(signal.SIGINT)
    try:
        shown = process.communicate(timeout=PATIENCE_S)[0]
    finally:
        process.kill()
    assert (bool(began), process.returncode) == (True, 130), shown
    assert "Ended by Ctrl-C" in shown
    assert "Run the same command again" in shown
    assert "Traceback" not in shown
    with sqlite3.connect(data / "mlflow.db") as store:
        assert store.execute("SELECT status FROM runs").fetchall() == [("KILLED",)]
