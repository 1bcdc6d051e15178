"""How a server ends: load balancers see it first, no connection is reset, and no file stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from deltalake import DeltaTable

from boathouse.cli.serve import WORKER, open_listener
from boathouse.serving.draining import refuse_connections
from boathouse.serving.run_folder import open_run_folder
from tests.serving.test_server import JSON, LATE, Server, data, empty_store

if TYPE_CHECKING:
    from tests.fixtures.asgi_client import AsgiClient

__all__ = ["data", "empty_store"]

BODY = json.dumps(LATE)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers of other tests leave their files elsewhere."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


class Callers:
    """Clients that ask without pause, on connections that are kept and on new ones, until the server is gone."""

    def __init__(self, url: str) -> None:
        self.url, self.statuses, self.errors = url, Counter[int](), Counter[str]()
        self.ids: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, False)]
        for thread in self._threads:
            thread.start()

    def _ask(self, kept: bool) -> None:
        client = httpx.Client(headers=JSON)
        while True:
            try:
                answer = client.post(f"{self.url}/invocations", content=BODY)
            except httpx.ConnectError:
                return
            except httpx.TransportError as error:
                self.errors[type(error).__name__] += 1
                return
            self.statuses[answer.status_code] += 1
            self.ids.append(answer.headers["x-request-id"])
            if not kept:
                client.close()
                client = httpx.Client(headers=JSON)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)


def ask_slowly(url: str, seconds: float, statuses: list[int]) -> threading.Thread:
    """Send a request whose body takes ``seconds``; the thread ends with its answer."""
    started = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield BODY[:10].encode()
        started.set()
        time.sleep(seconds)
        yield BODY[10:].encode()

    def ask() -> None:
        statuses.append(httpx.post(f"{url}/invocations", content=pieces(), headers=JSON).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    started.wait(5)
    return thread


def read_ready(url: str, seen: list[int]) -> None:
    """Ask until no connection can be made; note each status."""
    with contextlib.suppress(httpx.TransportError):
        while True:
            seen.append(httpx.get(f"{url}/ready").status_code)
            time.sleep(0.05)


def find_left() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("boathouse-serve-*"))


def workers_of(server: Server) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(server.process.pid), "-f", WORKER], capture_output=True, check=False)
    return [int(each) for each in found.stdout.split()]


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.programs("pgrep")
@pytest.mark.parametrize("signals", [[signal.SIGTERM, signal.SIGTERM], "group"])
def test_a_server_under_load_ends_without_a_reset(data: Path, signals: Any) -> None:
    server = Server(data, "--workers", "2")
    server.wait(server.is_ready)
    server.wait(lambda: len(server.events("serving")) == 2)
    statuses: list[int] = []
    ready: list[int] = []
    callers, slow = Callers(server.url), ask_slowly(server.url, 2.5, statuses)
    watching = threading.Thread(target=read_ready, args=(server.url, ready))
    watching.start()
    time.sleep(0.5)
    # A service manager signals all processes at once.
    targets = [server.process.pid, *workers_of(server)] if signals == "group" else [server.process.pid]
    for number in [signal.SIGTERM] if signals == "group" else signals:
        for target in targets:
            os.kill(target, number)
        time.sleep(0.1)
    server.process.wait(30)
    callers.join()
    slow.join(30)
    watching.join(30)
    assert server.process.returncode == 0
    assert (set(callers.statuses), callers.errors, statuses) == ({200}, Counter(), [200])
    assert sum(callers.statuses.values()) > 50
    # Seen before the listener was closed, and then no more ready.
    assert 503 in ready
    assert 200 not in ready[ready.index(503) :]
    assert find_left() == set()
    logged = DeltaTable(str(data / "lakehouse" / "test" / "inference" / "endpoint_log")).to_pyarrow_table(
        columns=["databricks_request_id"]
    )
    assert set(callers.ids) <= set(logged["databricks_request_id"].to_pylist())


@pytest.mark.programs("pgrep")
def test_what_a_killed_server_leaves_is_removed_by_its_workers_or_the_next_start(data: Path) -> None:
    server = Server(data, "--workers", "2")
    server.wait(server.is_ready)
    server.wait(lambda: len(server.events("serving")) == 2)
    workers = workers_of(server)
    os.kill(workers[0], signal.SIGKILL)
    server.wait(lambda: server.events("worker_ended"))
    workers = server.wait(lambda: found if len(found := workers_of(server)) == 2 else None)
    server.wait(lambda: len(server.events("serving")) == 3)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    wait_for(lambda: not any(map(is_running, workers)))
    assert find_left() == set()
    # With all processes killed at once there is no process to remove anything: the next start does.
    server = Server(data, "--workers", "2")
    server.wait(lambda: len(server.events("serving")) == 2)
    for each in (server.process.pid, *workers_of(server)):
        os.kill(each, signal.SIGKILL)
    server.process.wait(10)
    assert len(find_left()) == 1
    with open_run_folder() as folder:
        assert find_left() == {folder}
        with open_run_folder() as other:
            assert find_left() == {folder, other}
    assert find_left() == set()


def wait_for(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_has_not_begun_ends_at_once(data: Path) -> None:
    server = Server(data, "--workers", "2")
    started = time.monotonic()
    server.stop()
    assert server.process.returncode in (0, 143)  # 143: before the server handles signals
    assert time.monotonic() - started < 60


def test_connections_that_wait_are_kept_and_further_ones_do_not_come() -> None:
    listener = open_listener("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()) as early:
        refuse_connections(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        early.sendall(b"x")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(1) == b"x"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_draining_worker_ends_each_connection_with_its_answer(client: AsgiClient) -> None:
    small = client.session._transport.app._service
    assert "connection" not in client.get("/ready").headers
    small.draining = True
    answer = client.get("/ready")
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")
