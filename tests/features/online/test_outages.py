"""A store that dies, is locked, full or read-only: a clear error, nothing lost, and no restart needed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import OnlineStoreError
from boathouse.features.online.store import OnlineStore
from tests.features.online.test_store import DAY, ONE, PEOPLE, ages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fixtures.postgres_server import PostgresServer


@pytest.mark.postgres
def test_a_server_killed_between_look_ups_is_found_again(postgres: PostgresServer) -> None:
    store = OnlineStore(postgres.make_database(), timeout_s=3)
    store.publish_full(PEOPLE, ONE, source_version=1)
    assert ages(store, 1) == [30.0]
    postgres.kill()
    try:
        with pytest.raises(OnlineStoreError, match="does not answer"):
            ages(store, 1)
    finally:
        postgres.start()
    assert ages(store, 1) == [30.0]
    store.close()


@pytest.mark.postgres
def test_a_server_killed_in_the_middle_of_a_publish_keeps_what_was_live(postgres: PostgresServer) -> None:
    store = OnlineStore(postgres.make_database(), timeout_s=3)
    store.publish_full(PEOPLE, ONE, source_version=1)

    def rows() -> Iterator[tuple[float, ...]]:
        for number in range(200_000):
            if number == 50_000:
                postgres.kill()
            yield (number, DAY, 99.0, 1.0)

    try:
        with pytest.raises(OnlineStoreError, match="does not answer") as error:
            store.publish_full(PEOPLE, rows(), source_version=2)
    finally:
        postgres.start()
    assert "boathouse@" in str(error.value)
    assert ages(store, 1, 2) == [30.0, None]
    assert store.publish_full(PEOPLE, [(2, DAY, 40.0, 1.0)], source_version=2).rows == 1
    assert ages(store, 1, 2) == [None, 40.0]
    store.close()


@pytest.mark.postgres
def test_a_server_killed_in_the_middle_of_a_look_up_is_told_and_found_again(postgres: PostgresServer) -> None:
    import psycopg

    url = postgres.make_database()
    store = OnlineStore(url, timeout_s=20)
    store.publish_full(PEOPLE, ONE, source_version=1)
    holder = psycopg.connect(url.replace("+psycopg", ""))
    holder.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ages, store, 1)
        wait_until(lambda: _is_anyone_waiting(url))
        postgres.kill()
        try:
            with pytest.raises(OnlineStoreError, match="does not answer"):
                asked.result(timeout=60)
        finally:
            postgres.start()
            holder.close()
    assert ages(store, 1) == [30.0]
    store.close()


def _is_anyone_waiting(url: str) -> bool:
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(found and found[0])


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait for up to 30 seconds."""
    deadline = time.monotonic() + 30
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.02)


def _look_up_for_ever(url: str, begun: str) -> None:
    store = OnlineStore(url)
    keys = [(number,) for number in range(5_000)]
    while True:
        store.look_up(keys, [PEOPLE])
        open(begun, "w", encoding="utf-8").close()  # noqa: PTH123 - nothing to read


def test_a_reader_killed_in_the_middle_of_look_ups_holds_nobody_up(
    store: OnlineStore, url: str, tmp_path: Path
) -> None:
    store.publish_full(PEOPLE, ((number, DAY, 1.0, 1.0) for number in range(5_000)), source_version=1)
    begun = tmp_path / "begun"
    reader = multiprocessing.get_context("spawn").Process(target=_look_up_for_ever, args=(url, str(begun)))
    reader.start()
    wait_until(begun.exists)
    os.kill(int(reader.pid or 0), signal.SIGKILL)
    reader.join()
    assert store.publish_full(PEOPLE, ONE, source_version=2).rows == 1
    assert ages(store, 1, 2) == [30.0, None]


def _change_slowly(url: str, begun: str) -> None:
    def rows() -> Iterator[tuple[float, ...]]:
        for number in range(1_000_000):
            if number == 25_000:
                open(begun, "w", encoding="utf-8").close()  # noqa: PTH123 - nothing to read
                time.sleep(60)
            yield (number, DAY, 99.0, 1.0)

    OnlineStore(url).publish_changes(PEOPLE, rows(), source_version=2, replaced=[(1,)])


def _publish_slowly(url: str, begun: str) -> None:
    def rows() -> Iterator[tuple[float, ...]]:
        for number in range(1_000_000):
            if number == 25_000:
                open(begun, "w", encoding="utf-8").close()  # noqa: PTH123 - nothing to read
                time.sleep(60)
            yield (number, DAY, 99.0, 1.0)

    OnlineStore(url).publish_full(PEOPLE, rows(), source_version=2)


@pytest.mark.parametrize("publish", [_publish_slowly, _change_slowly])
def test_a_publisher_killed_half_way_leaves_what_was_live_and_no_lock(
    store: OnlineStore, url: str, tmp_path: Path, publish: Callable[[str, str], None]
) -> None:
    store.publish_full(PEOPLE, ONE, source_version=1)
    begun = tmp_path / "begun"
    publisher = multiprocessing.get_context("spawn").Process(target=publish, args=(url, str(begun)))
    publisher.start()
    wait_until(begun.exists)
    assert ages(store, 1, 2) == [30.0, None]
    os.kill(int(publisher.pid or 0), signal.SIGKILL)
    publisher.join()
    assert store.publish_full(PEOPLE, [(2, DAY, 40.0, 1.0)], source_version=2).rows == 1
    assert ages(store, 1, 2) == [None, 40.0]


def test_a_file_that_another_process_holds_is_named_in_time_and_can_still_be_read(tmp_path: Path) -> None:
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db", timeout_s=0.2)
    store.publish_full(PEOPLE, ONE, source_version=1)
    holder = sqlite3.connect(tmp_path / "online.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(OnlineStoreError, match="SQLITE_BUSY"):
        store.publish_changes(PEOPLE, ONE, source_version=2)
    assert ages(store, 1) == [30.0]
    holder.close()
    assert store.publish_changes(PEOPLE, ONE, source_version=2).rows == 1
    store.close()


def test_a_file_that_is_deleted_or_replaced_is_not_read_any_longer(tmp_path: Path) -> None:
    path, other = tmp_path / "online.db", tmp_path / "other.db"
    store = OnlineStore(f"sqlite:///{path}", environment="prod")
    store.publish_full(PEOPLE, ONE, source_version=1)
    assert ages(store, 1) == [30.0]
    path.rename(tmp_path / "old.db")
    with pytest.raises(OnlineStoreError, match="has no view 'people'"):
        ages(store, 1)
    again = OnlineStore(f"sqlite:///{other}", environment="prod")
    again.publish_full(PEOPLE, [(1, DAY, 31.0, 1.0)], source_version=1)
    again.close()
    other.rename(path)
    assert ages(store, 1) == [31.0]
    foreign = OnlineStore(f"sqlite:///{other}", environment="dev")
    foreign.publish_full(PEOPLE, [(1, DAY, 32.0, 1.0)], source_version=1)
    foreign.close()
    other.rename(path)
    for _ in range(2):
        with pytest.raises(OnlineStoreError, match="is that of environment 'dev'"):
            ages(store, 1)
    store.close()


def test_a_full_store_says_so_and_keeps_what_was_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may not grow beyond a few pages, as on a full disk."""
    import boathouse.features.online.connections as module

    prepare = module._prepare_sqlite

    def prepare_small(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA max_page_count = 20")

    monkeypatch.setattr(module, "_prepare_sqlite", prepare_small)
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    store.publish_full(PEOPLE, ONE, source_version=1)
    with pytest.raises(OnlineStoreError, match=r"is full \(SQLITE_FULL\)\. What was live before is still live"):
        store.publish_full(PEOPLE, [(number, DAY, 1.0, 1.0) for number in range(10_000)], source_version=2)
    assert ages(store, 1) == [30.0]
    store.close()


@pytest.mark.postgres
def test_a_read_only_server_says_so(postgres: PostgresServer) -> None:
    store = OnlineStore(f"{postgres.url}?options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(OnlineStoreError, match="read-only"):
        store.publish_full(PEOPLE, ONE, source_version=1)
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "online.db").write_text("not a database, but long enough to be taken for one" * 50, encoding="utf-8")
    store = OnlineStore(f"sqlite:///{tmp_path}/online.db")
    with pytest.raises(OnlineStoreError, match="SQLITE_NOTADB"):
        ages(store, 1)
    store.close()
