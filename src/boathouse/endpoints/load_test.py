"""Load on an endpoint: arrivals that do not wait for answers, measured from when each was due."""

from __future__ import annotations

import asyncio
import math
import random
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from boathouse.endpoints.sizing import Measurement
from boathouse.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Beyond this many requests at the same time the test machine, not the endpoint, is what is measured.
_MOST_CONNECTIONS = 1_000
# Servers close connections that are idle for some seconds; one that is closed at that moment is no failure.
_IDLE_SECONDS = 1.0
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """One run.

    Attributes:
        rate: Requests per second on average, above 0.
        seconds: Length of the measured part.
        warm_up_seconds: Load before it that is not counted.
        timeout_seconds: An answer that takes longer counts as failed.
        seed: Of the arrivals' gaps.
        token: Bearer token, or None.
    """

    rate: float
    seconds: float
    warm_up_seconds: float = 1.0
    timeout_seconds: float = 10.0
    seed: int = 0
    token: str | None = None


@dataclass
class _Seen:
    """What happened to the requests of the measured part."""

    durations_ms: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    last_answer: float = 0.0


def measure_load(url: str, bodies: Sequence[bytes], options: LoadOptions) -> Measurement:
    """Return what clients would see at ``options.rate``.

    Arrivals are a Poisson process: many independent clients. A request that is due is
    sent whether or not earlier ones were answered, and its time counts from when it was due: an endpoint
    that stalls for a second is seen to have kept all waiting who came in that second (no coordinated
    omission).

    Args:
        url: Of the invocations.
        bodies: JSON bodies, sent in turn.
        options: Rate and length.

    Raises:
        RolloutError: If nothing listens at ``url``.
    """
    return asyncio.run(_Load(url, bodies, options).run())


class _Load:
    def __init__(self, url: str, bodies: Sequence[bytes], options: LoadOptions) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._url, self._options = url, options
        self._requests = [_build_request(parts.path or "/invocations", parts.netloc, body, options) for body in bodies]
        self._idle: list[tuple[float, Connection]] = []
        self._open = 0
        self._seen = _Seen()

    async def run(self) -> Measurement:
        await self._check_listens()
        start = time.perf_counter()
        tasks = set()
        for number, due in enumerate(arrivals(self._options)):
            wait = start + due - time.perf_counter()
            # Also when late: answers have to be read between the requests of a burst.
            await asyncio.sleep(max(wait, 0))
            counted = due >= self._options.warm_up_seconds
            task = asyncio.create_task(self._ask(self._requests[number % len(self._requests)], start + due, counted))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        for _, connection in self._idle:
            self._drop(connection)
        return self._summarise(start + self._options.warm_up_seconds)

    async def _check_listens(self) -> None:
        try:
            self._keep(await self._connect())
        except OSError as error:
            raise RolloutError.no_server(self._url, type(error).__name__) from error

    async def _ask(self, request: bytes, due: float, counted: bool) -> None:  # noqa: FBT001 - private
        try:
            status = await asyncio.wait_for(self._send_request(request), self._options.timeout_seconds)
            error = None if status == 200 else f"status {status}"
        except TimeoutError:
            error = "timeout"
        except (OSError, asyncio.IncompleteReadError, ValueError) as raised:
            error = type(raised).__name__
        if not counted:
            return
        now = time.perf_counter()
        self._seen.sent += 1
        if error is None:
            self._seen.durations_ms.append((now - due) * 1000)
            self._seen.last_answer = now
        else:
            self._seen.errors[error] += 1

    async def _send_request(self, request: bytes) -> int:
        connection = self._reuse() or await self._connect()
        try:
            reader, writer = connection
            writer.write(request)
            status, reusable = await _read_answer(reader)
        except BaseException:
            self._drop(connection)
            raise
        if reusable:
            self._keep(connection)
        else:
            self._drop(connection)
        return status

    def _keep(self, connection: Connection) -> None:
        self._idle.append((time.perf_counter(), connection))

    def _reuse(self) -> Connection | None:
        """Return the connection used last, unless it was idle for so long that the server may be closing it."""
        while self._idle:
            used, connection = self._idle.pop()
            if time.perf_counter() - used < _IDLE_SECONDS and not connection[0].at_eof():
                return connection
            self._drop(connection)
        return None

    async def _connect(self) -> Connection:
        if self._open >= _MOST_CONNECTIONS:
            raise ConnectionRefusedError
        self._open += 1
        try:
            return await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        except BaseException:
            self._open -= 1
            raise

    def _drop(self, connection: Connection) -> None:
        self._open -= 1
        connection[1].close()

    def _summarise(self, start: float) -> Measurement:
        durations = sorted(self._seen.durations_ms)
        elapsed = max(self._seen.last_answer - start, self._options.seconds)
        return Measurement(
            rate=self._options.rate,
            sent=self._seen.sent,
            failed=self._seen.errors.total(),
            p50_ms=pick_quantile(durations, 0.5),
            p90_ms=pick_quantile(durations, 0.9),
            p99_ms=pick_quantile(durations, 0.99),
            longest_ms=pick_quantile(durations, 1.0),
            achieved=len(durations) / elapsed,
            errors=tuple(sorted(self._seen.errors.items())),
        )


def arrivals(options: LoadOptions) -> Iterator[float]:
    """Give the seconds at which requests are due, from 0: gaps are exponential, the same for the same seed."""
    generator = random.Random(options.seed)  # noqa: S311 - arrivals, not secrets
    due, end = 0.0, options.warm_up_seconds + options.seconds
    while True:
        due += generator.expovariate(options.rate)
        if due >= end:
            return
        yield due


def pick_quantile(ranked: Sequence[float], share: float) -> float:
    """Return the smallest of ``ranked`` values that ``share`` of them do not exceed; NaN of none."""
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)] if ranked else math.nan


def _build_request(path: str, host: str, body: bytes, options: LoadOptions) -> bytes:
    headers = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if options.token is not None:
        headers.append(f"Authorization: Bearer {options.token}")
    return "\r\n".join([*headers, "", ""]).encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Return the status, and whether the connection can be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" not in headers:
        return status, False
    await reader.readexactly(int(headers["content-length"]))
    return status, headers.get("connection") != "close"
