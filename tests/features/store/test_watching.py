"""Publishing on trigger: new versions go online, an outage is told and outlived, a signal ends it cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import OnlineStoreError
from boathouse.features.online.store import OnlineStore
from boathouse.features.publishing import publish_view
from boathouse.features.watching import stop_on_signals, watch
from boathouse.use_case import USE_CASE
from tests.fixtures.postgres_server import PostgresServer, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.features.store.conftest import Book, Shop

__all__ = ["postgres"]
SPENDING = USE_CASE.views[2]
BOOK: Book = {(customer, 4): (0, 100.0, 50.0) for customer in (1, 2)}
LIMITS = {1: 1000.0, 2: 2000.0}
CONF = Path(__file__).resolve().parents[2] / "conf"


def test_what_is_new_is_told_once_and_a_failure_is_tried_again() -> None:
    said: Iterator[str | Exception] = iter(
        ["a live", "a live", OnlineStoreError("the store is down"), OnlineStoreError("the store is down"), "a 2"]
    )

    def step() -> str:
        line = next(said)
        if isinstance(line, Exception):
            raise line
        return line

    told = list(watch([step], every_s=0.01, stop=threading.Event(), rounds=5))
    assert told == ["a live", "the store is down (next try in 0.01 s)", "a 2"]


def test_a_mistake_of_the_program_is_not_tried_again() -> None:
    def step() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(watch([step], every_s=0.01, stop=threading.Event(), rounds=2))


def test_a_stop_ends_the_round_and_the_wait() -> None:
    stop = threading.Event()

    def first() -> str:
        stop.set()
        return "first"

    started = time.monotonic()
    assert list(watch([first, lambda: "second"], every_s=60, stop=stop)) == ["first"]
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_and_a_second_one_does_what_it_always_did(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(5)
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before


@pytest.mark.postgres
def test_a_new_version_goes_online_after_the_store_was_down(shop: Shop, postgres: PostgresServer) -> None:
    store = OnlineStore(postgres.make_database(), timeout_s=3)
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(SPENDING)
    place = shop.refresher.location(SPENDING.table)
    told = watch([lambda: publish_view(store, SPENDING, place)], every_s=0.01, stop=threading.Event())
    assert "2 keys of version 0" in next(told)
    assert "version 0 is live already" in next(told)
    shop.write({**BOOK, (1, 5): (0, 1.0, 1.0)}, LIMITS)
    shop.refresher.refresh(SPENDING)
    postgres.kill()
    try:
        line = next(told)
    finally:
        postgres.start()
    assert "does not answer" in line
    assert "next try in 0.01 s" in line
    assert "1 changed keys of version 1 (1 rows)" in next(told)
    store.close()


def test_the_command_goes_on_until_sigterm(shop: Shop, tmp_path: Path) -> None:
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(SPENDING)
    # The lakehouse of the test's environment is where the command looks for it.
    data = tmp_path / "data"
    data.mkdir()
    (data / "lakehouse").symlink_to(tmp_path / "shop")
    words = ["publish", "--env", "test", "--conf-source", str(CONF), "--view", "spending", "--watch", "0.1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "boathouse", "features", *words],
        env={**os.environ, "BOATHOUSE_DATA": str(data), "BOATHOUSE_ONLINE_STORE": f"sqlite:///{data}/{{env}}.db"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert "spending: 2 keys of version 0" in first, errors
    assert (process.returncode, rest.splitlines()[-1]) == (0, "stopped")
    assert (data / "test.db").exists()
