"""Publishing on trigger: new versions go online, an outage is told and outlived, a signal ends it cleanly."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import OnlineStoreError
from boathouse.features.online.store import OnlineStore
from boathouse.features.publishing import publish_view
from boathouse.features.watching import stop_on_signals, watch
from tests.fixtures.boats import CARGO
from tests.fixtures.postgres_server import PostgresServer, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.features.store.conftest import Fleet, Logbook

__all__ = ["postgres"]
LOGBOOK: Logbook = {(boat, 4): (0, 100.0, 50.0) for boat in (1, 2)}
CAPACITIES = {1: 1000.0, 2: 2000.0}
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
def test_a_new_version_goes_online_after_the_store_was_down(fleet: Fleet, postgres: PostgresServer) -> None:
    store = OnlineStore(postgres.make_database(), timeout_s=3)
    fleet.write(LOGBOOK, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    location = fleet.refresher.location(CARGO.table)
    told = watch([lambda: publish_view(store, CARGO, location)], every_s=0.01, stop=threading.Event())
    assert "2 keys of version 0" in next(told)
    assert "version 0 is live already" in next(told)
    fleet.write({**LOGBOOK, (1, 5): (0, 1.0, 1.0)}, CAPACITIES)
    fleet.refresher.refresh(CARGO)
    postgres.kill()
    try:
        line = next(told)
    finally:
        postgres.start()
    assert "does not answer" in line
    assert "next try in 0.01 s" in line
    assert "1 changed keys of version 1 (1 rows)" in next(told)
    store.close()
