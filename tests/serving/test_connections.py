"""Clients that are slow, silent, many or gone, at the server of a worker: others are answered meanwhile."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from boathouse.endpoints.options import LimitOptions
from boathouse.serving.connections import ConnectionLimits, Connections, make_server, reserve_handles
from tests.fixtures.small_endpoint import SmallEndpoint
from tests.serving.test_app import RECORD

BODY = json.dumps({"dataframe_records": [RECORD]}).encode()
POST = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
PING = b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n"
LONG_S = 20.0


class Running:
    """A small endpoint behind the server of a worker, in a thread."""

    def __init__(self, folder: Path, handles: int, **limits: Any) -> None:
        self.small = SmallEndpoint.build(folder, limits=limits)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        service = self.small.service
        self.connections = Connections(
            lambda: [each.state.config.limits for each in service.endpoints.values()], handles, service.metrics.count
        )
        self.server = make_server(self.small.app, self.connections, drain_seconds=1, on_signal=self.close)
        self._thread = threading.Thread(target=uvloop.run, args=(self._serve(),))
        self._thread.start()

    async def _serve(self) -> None:
        sweeping = asyncio.create_task(self.connections.sweep())
        await self.server.serve(sockets=[self.listener])
        sweeping.cancel()

    def close(self) -> None:
        self.server.should_exit = True
        self._thread.join()

    def connect(self, sent: bytes = b"") -> socket.socket:
        connection = socket.create_connection(self.address, timeout=LONG_S)
        connection.sendall(sent)
        return connection

    def answers(self) -> bool:
        """Return whether another client is answered, on a connection of its own."""
        answer = httpx.post(
            f"{self.url}/invocations", content=BODY, headers={"content-type": "application/json"}, timeout=LONG_S
        )
        return answer.status_code == 200

    def wait(self, holds: Callable[[], bool]) -> None:
        ends = time.monotonic() + LONG_S
        while not holds():
            assert time.monotonic() < ends
            time.sleep(0.02)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@contextmanager
def running(folder: Path, handles: int = 1000, **limits: Any) -> Iterator[Running]:
    server = Running(folder, handles, **limits)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server with short times."""
    with running(tmp_path_factory.mktemp("server"), head_seconds=0.5, timeout_ms=500) as opened:
        yield opened


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"\r\n", b"HTTP/1.1 408"),
        (b"POST /invocations HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"HTTP/1.1 408"),
        (POST + b"Content-Length: 1000\r\n\r\n{", b"HTTP/1.1 504"),
        (POST + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":', b"HTTP/1.1 504"),
        (POST.replace(b"/invocations", b"/nowhere") + b"Content-Length: 1000\r\n\r\n{", b"HTTP/1.1 404"),
        (b"GET /ping HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{", b"HTTP/1.1 200"),
        (PING, b"HTTP/1.1 200"),
        (PING + b"\r\n", b"HTTP/1.1 200"),
    ],
    ids=["nothing", "line", "headers", "body", "chunks", "refused", "no need of it", "idle", "idle line"],
)
def test_a_client_that_does_not_go_on_is_closed(server: Running, sent: bytes, status: bytes) -> None:
    with server.connect(sent) as slow:
        assert read_all(slow).startswith(status)


def test_headers_that_come_slowly_are_late_as_a_whole(server: Running) -> None:
    with server.connect(b"GET /ping HTTP/1.1\r\n") as slow:

        def is_closed() -> bool:
            try:
                slow.sendall(b"X: y\r\n")
            except OSError:
                return True
            return False

        server.wait(is_closed)


def test_headers_without_end_are_refused(server: Running) -> None:
    with server.connect(b"GET /ping HTTP/1.1\r\nX-Long: ") as endless:
        ended = threading.Event()

        def go_on() -> None:
            try:
                while not ended.is_set():
                    endless.sendall(b"x" * 10_000)
            except OSError:
                pass

        sender = threading.Thread(target=go_on)
        sender.start()
        read_all(endless)
        ended.set()
        sender.join()
    assert server.answers()


def test_slow_clients_leave_room_for_others_of_the_same_address(tmp_path: Path) -> None:
    with running(tmp_path, connections_per_caller=20, queue_length=5) as server, ExitStack() as stack:
        slow = [stack.enter_context(server.connect(POST + b"Content-Length: 1000\r\n\r\n{")) for _ in range(60)]
        server.wait(lambda: len(server.connections.open) <= 20)
        assert all(server.answers() for _ in range(5))
        # Those that waited longest had to go.
        assert read_all(slow[0]) == b""
        assert "boathouse_connections_refused_total 4" in httpx.get(f"{server.url}/metrics").text


def test_there_are_no_more_connections_than_file_handles(tmp_path: Path) -> None:
    with running(tmp_path, handles=10) as server, ExitStack() as stack:
        idle = [stack.enter_context(server.connect()) for _ in range(30)]
        assert server.answers()
        server.wait(lambda: len(server.connections.open) <= 10)
        assert read_all(idle[0]) == b""


def test_where_all_are_at_work_a_further_connection_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    with running(tmp_path, handles=1) as server:
        monkeypatch.setattr(type(server.small.endpoint), "check_look_up", lambda _: _wait_for(go_on))
        with server.connect(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n") as busy:
            server.wait(lambda: bool(server.connections.open) and not server.connections.waiting)
            with server.connect(PING) as further:
                answer = read_all(further)
            go_on.set()
            assert busy.recv(12) == b"HTTP/1.1 200"
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer


async def _wait_for(event: threading.Event) -> str:
    await asyncio.to_thread(event.wait, LONG_S)
    return ""


def test_bodies_that_come_slowly_do_not_fill_the_queue(tmp_path: Path) -> None:
    with running(tmp_path, queue_length=2) as server, ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(server.connect(POST + b"Content-Length: 1000\r\n\r\n{"))
        server.wait(lambda: len(server.connections.open) == 10)
        assert server.answers()


def test_a_client_that_goes_away_leaves_nothing_behind(server: Running) -> None:
    service = server.small.service
    half = POST + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1_000_000
    for _ in range(3):
        with server.connect(half):
            server.wait(lambda: service.bodies.held > 0)
        server.wait(lambda: service.bodies.held == 0)
    server.wait(lambda: not server.connections.open)
    assert (service.at_work, server.connections.of) == (0, {})


def test_pipelined_requests_are_answered_in_turn_up_to_a_number(server: Running) -> None:
    with server.connect(PING * 20) as connection:
        assert read_all(connection).count(b"HTTP/1.1 200") == 20
    with server.connect(PING * 5000) as connection:
        assert read_all(connection).count(b"HTTP/1.1 200") < 100
    # Those at work when the connection is closed for the others are no failures of the endpoint.
    long = json.dumps({"dataframe_records": [RECORD] * 2000}).encode()
    for _ in range(5):
        with server.connect(POST + b"Content-Length: %d\r\n\r\n" % len(long) + long + PING * 200) as connection:
            read_all(connection)
    server.wait(lambda: not server.connections.open)
    assert server.answers()
    server.small.service.access_log.flush()
    assert b"request_failed" not in server.small.log.getvalue()


def test_tiny_chunks_are_taken_up_to_a_number(server: Running) -> None:
    chunks = [BODY[place : place + 7] for place in range(0, len(BODY), 7)]
    few = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    with server.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n" + few + b"0\r\n\r\n") as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"
    with server.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 30_000) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_what_comes_behind_a_chunked_body_is_not_kept(server: Running) -> None:
    body = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY) + b"x-trailer: a\r\n" * 5000 + b"\r\n"
    with server.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body) as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_limits_are_the_widest_of_all_endpoints_within_the_file_handles() -> None:
    options = [LimitOptions(max_connections=50, head_seconds=3), LimitOptions(max_connections=400, timeout_ms=2000)]
    found = ConnectionLimits.of(options, 300)
    assert (found.most, found.head_s, found.body_s) == (300, 10, 12)
    assert reserve_handles() >= 256
