"""Connections of a worker: how many, of whom, and how long one may keep it waiting.

uvicorn waits for the headers of a request as long as its client likes. Here a connection that is late with them, with a
body, or with taking its answer is closed, and there are never more connections than the process has file handles for.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from boathouse.endpoints.options import LimitOptions
from boathouse.serving.draining import DrainingServer

# Seconds between two looks at the connections.
_SWEEP_S = 0.5
# Seconds that a client has to end a body whose request is answered, beside the time that it has for the body.
_LINGER_S = 2.0
# Seconds in which a client that was sent an answer has to take some of it.
_STALLED_S = 10.0
# And all of it.
_SENDING_S = 120.0
# File handles for everything but connections: logs, the online store, sockets of the supervisor.
_RESERVE = 128
_MOST_HANDLES = 65_536
_LONGEST_HEAD = 65_536
# Requests that are sent before the answer to the first.
_MOST_PIPELINED = 64
# Chunks of a body cost the same, whatever their length: beyond a number they need one.
_FREE_CHUNKS, _LEAST_CHUNK = 20_000, 64
_LATE = (408, "The request was not complete in time.")
_FULL = (503, "There are too many connections. Try again.")
_TOO_LONG = (431, "The headers are too long.")
_PHRASES = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of this moment.

    Attributes:
        most: Connections at most.
        of_one: Connections of one address, at most.
        head_s: Seconds until the headers of a request are there.
        body_s: Seconds until its body is there.
    """

    most: int
    of_one: int
    head_s: float
    body_s: float

    @classmethod
    def of(cls, limits: Sequence[LimitOptions], handles: int) -> ConnectionLimits:
        """Return the widest of the limits of several endpoints, within ``handles`` connections."""
        limits = limits or [LimitOptions()]
        return cls(
            most=min(handles, max(each.max_connections for each in limits)),
            of_one=max(each.connections_per_caller for each in limits),
            head_s=max(each.head_seconds for each in limits),
            body_s=max(each.timeout_ms for each in limits) / 1000 + _LINGER_S,
        )


def reserve_handles() -> int:
    """Ask the system for as many file handles as it gives; return how many of them connections may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_HANDLES if hard == resource.RLIM_INFINITY else min(hard, _MOST_HANDLES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    most = _MOST_HANDLES if soft == resource.RLIM_INFINITY else soft
    return max(most - _RESERVE, most // 2)


class Connections:
    """All connections of a worker."""

    def __init__(
        self, options: Callable[[], Sequence[LimitOptions]], handles: int, count: Callable[[str], None]
    ) -> None:
        """Know of none.

        Args:
            options: Gives the limits of all endpoints of this moment.
            handles: File handles that connections may have.
            count: Counts an event in the metrics.
        """
        self._options, self._handles, self._count = options, handles, count
        self.limits = ConnectionLimits.of(options(), handles)
        self.open: set[Connection] = set()
        self.of: Counter[str] = Counter()
        # Those that the worker waits for, the longest first.
        self.waiting: dict[Connection, None] = {}

    def admit(self, connection: Connection) -> None:
        """Take a connection, if need be in the place of the one that keeps the worker waiting longest; or refuse it."""
        self.open.add(connection)
        self.of[connection.peer] += 1
        of_one = self.of[connection.peer] > self.limits.of_one
        if not of_one and len(self.open) <= self.limits.most:
            return
        self._count("connections_refused")
        late = (
            each for each in self.waiting if each is not connection and (not of_one or each.peer == connection.peer)
        )
        victim = next(late, None)
        if victim is None:
            connection.refuse(_FULL)
        else:
            victim.refuse(_LATE)
            self.drop(victim)

    def drop(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self.waiting.pop(connection, None)
        if connection in self.open:
            self.open.discard(connection)
            self.of[connection.peer] -= 1
            if not self.of[connection.peer]:
                del self.of[connection.peer]

    async def sweep(self) -> None:
        """Close what is late, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.limits = ConnectionLimits.of(self._options(), self._handles)
            now = loop.time()
            for connection in list(self.open):
                if connection.is_late(now, self.limits):
                    self._count("connections_late")
                    connection.refuse(_LATE)


class Connection(HttpToolsProtocol):
    """One connection.

    Attributes:
        peer: Address of the other end.
    """

    def __init__(self, *args: Any, connections: Connections, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """Wait to be connected."""
        super().__init__(*args, **options)
        self._all = connections
        self.peer = ""
        self._since, self._answered = 0.0, 0.0
        self._in_head, self._head_bytes = True, 0
        self._chunks, self._body_bytes = 0, 0
        # The requests that are not answered yet, in order.
        self._cycles: deque[RequestResponseCycle] = deque()
        self._unsent, self._unsent_since, self._sending_since = 0, 0.0, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self._all.admit(self)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and the requests that wait on it."""
        self._all.drop(self)
        self.pipeline.clear()
        self._leave_unanswered()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the headers are too long."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > _LONGEST_HEAD:
                self.refuse(_TOO_LONG)
        else:
            super().data_received(data)
        if self.transport.is_closing():
            self._leave_unanswered()

    def on_message_begin(self) -> None:
        """Wait for the headers of a request."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise ValueError(_MOST_PIPELINED)
        super().on_message_begin()
        self._chunks = self._body_bytes = 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes behind a body is ignored."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin with the request, and wait for its body."""
        self._in_head = False
        super().on_headers_complete()
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._chunks += 1
        self._body_bytes += len(body)
        if self._chunks > _FREE_CHUNKS and self._body_bytes < self._chunks * _LEAST_CHUNK:
            raise ValueError(_LEAST_CHUNK)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Leave the request at work, or wait for the next if it was answered before its body was there."""
        super().on_message_complete()
        self._in_head, self._head_bytes, self._answered = True, 0, 0.0
        if self.cycle.response_complete:
            self._wait()
        else:
            self._since = 0.0
            self._all.waiting.pop(self, None)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the end of the one that was answered."""
        self._cycles.popleft()
        super().on_response_complete()
        if not self.cycle.response_complete:
            return
        if not self._in_head:
            self._answered = self.loop.time()
        elif not self._since:
            self._wait()

    def is_late(self, now: float, limits: ConnectionLimits) -> bool:
        """Return whether the client takes longer than it may."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent:
            self._sending_since = self._unsent_since = now
        elif unsent != self._unsent:
            self._unsent_since = now
        self._unsent = unsent
        if now - self._unsent_since > _STALLED_S or now - self._sending_since > _SENDING_S:
            return True
        if self._answered and now - self._answered > _LINGER_S:
            return True
        return self._since > 0 and now - self._since > (limits.head_s if self._in_head else limits.body_s)

    def refuse(self, why: tuple[int, str]) -> None:
        """Close the connection; where a request has begun and none is at work, with the reason."""
        status, message = why
        in_request = not self._in_head or (self.cycle is not None and not self.cycle.response_complete)
        if self.transport.is_closing() or self._unsent or (in_request and not self._answered):
            self.transport.abort()
            return
        if not in_request and (self._head_bytes or status != _LATE[0]):
            head = f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            rest = f"retry-after: 1\r\ncontent-length: {len(message)}\r\nconnection: close\r\n\r\n{message}"
            self.transport.write((head + rest).encode())
        self.transport.close()

    def _leave_unanswered(self) -> None:
        """Let requests at work end without an answer; uvicorn knows of the last one that came alone."""
        for cycle in self._cycles:
            cycle.disconnected = True

    def _wait(self) -> None:
        """Note that the worker waits for the client from now on."""
        self._since = self.loop.time()
        waiting = self._all.waiting
        waiting.pop(self, None)
        waiting[self] = None


def make_server(
    app: Callable[..., Awaitable[None]],
    connections: Connections,
    *,
    drain_seconds: float,
    on_signal: Callable[[], None],
    ssl_certfile: str | None = None,
    ssl_keyfile: str | None = None,
) -> Server:
    """Return the HTTP server of a worker; what is late is closed while :meth:`Connections.sweep` runs."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=2048,
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
    )
    return Server(config, connections, drain_seconds=drain_seconds, on_signal=on_signal)


class Server(DrainingServer):
    """uvicorn's server with connections of ours, which are drained at its end."""

    def __init__(
        self,
        config: uvicorn.Config,
        connections: Connections,
        *,
        drain_seconds: float,
        on_signal: Callable[[], None],
    ) -> None:
        """Serve by ``config``; the others as :class:`DrainingServer` takes them."""
        super().__init__(config, drain_seconds=drain_seconds, on_signal=on_signal)
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept from ``sockets``; a client that does not end its TLS handshake is as late as one without headers."""
        make = partial(
            Connection,
            config=self.config,
            server_state=self.server_state,
            app_state={},
            connections=self._connections,
        )
        handshake_s = self._connections.limits.head_s if self.config.is_ssl else None
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                make, sock=each, ssl=self.config.ssl, backlog=self.config.backlog, ssl_handshake_timeout=handshake_s
            )
            for each in sockets or ()
        ]
        self.started = True
