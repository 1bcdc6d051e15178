"""A client that sends requests when they are due, answered or not, and looks at every answer."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

TIMEOUT_S, _MOST_CONNECTIONS, _IDLE_S = 10.0, 2_000, 1.0
# A rate that is beyond what the server can do: answers of the slowest hundredth take longer than this.
_LATE_MS = 250.0
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TooManyOpenError(OSError):
    """The client has as many connections open as it may."""


@dataclass(frozen=True)
class Probe:
    """A request whose answers are known.

    Attributes:
        body: JSON.
        expected: Probability by version.
    """

    body: bytes
    expected: dict[str, float]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was scored; times in seconds of the performance counter."""

    request_id: str
    version: str
    sent: float
    received: float


@dataclass
class Tally:
    """What came of the requests.

    Attributes:
        answered: Those that were scored.
        wrong: Scores that are not those of the version named, or not the same digits as before.
        errors: When each of the others came to its end, and why.
        durations_ms: Of the scored ones, from when they were due.
        sent: All.
    """

    answered: list[Answered] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[tuple[float, str]] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)
    sent: int = 0

    def quantile(self, share: float) -> float:
        """Return the duration that ``share`` of the scored requests do not exceed, in milliseconds."""
        return float(np.quantile(self.durations_ms, share)) if self.durations_ms else float("nan")


class Client:
    """One client; it holds connections open and goes round them, so that every worker has its share."""

    def __init__(self, port: int, probes: Sequence[Probe]) -> None:
        """Connect to nothing yet."""
        self._port, self._probes = port, probes
        self._requests = [_build_request(probe.body) for probe in probes]
        self._idle: deque[tuple[float, Connection]] = deque()
        self._open = 0
        self._digits: dict[tuple[int, str], bytes] = {}

    async def load(self, rate: float, seconds: float, seed: int = 0) -> Tally:
        """Return what came of ``rate`` requests a second, whose gaps are those of many independent callers."""
        tally, tasks, start = Tally(), set[asyncio.Task[None]](), time.perf_counter()
        for number, due in enumerate(_arrivals(rate, seconds, seed)):
            await asyncio.sleep(max(start + due - time.perf_counter(), 0))
            task = asyncio.create_task(self._ask(number % len(self._probes), start + due, tally))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return tally

    async def find_saturation(self) -> tuple[float, list[Answered]]:
        """Return the scored requests a second at the highest rate that was kept up with, and all that were scored.

        The rate grows by a third each one and a half seconds until an error comes, or one answer in a hundred is late.
        """
        rate, best, answered, seconds = 150.0, 0.0, [], 1.5
        await self.load(50, 1.0)
        while True:
            began = time.perf_counter()
            tally = await self.load(rate, seconds)
            answered += tally.answered
            reached = len(tally.answered) / (time.perf_counter() - began)
            best = max(best, reached)
            if tally.errors or tally.quantile(0.99) > _LATE_MS or reached < 0.9 * rate:
                return best, answered
            rate *= 4 / 3

    async def _ask(self, probe: int, due: float, tally: Tally) -> None:
        tally.sent += 1
        sent = time.perf_counter()
        try:
            status, headers, body = await asyncio.wait_for(self._exchange(self._requests[probe]), TIMEOUT_S)
            cause = "" if status == 200 else f"{status}: {_read_message(body)}"
        except TimeoutError:
            cause = f"no answer within {TIMEOUT_S:g} s"
        except asyncio.IncompleteReadError:
            cause = "connection closed before an answer"
        except OSError as error:
            cause = type(error).__name__
        now = time.perf_counter()
        if cause:
            tally.errors.append((now, cause))
            return
        version = headers["served-model-version"]
        tally.durations_ms.append((now - due) * 1000)
        tally.answered.append(Answered(headers["x-request-id"], version, sent, now))
        if not self._is_right(probe, version, body):
            tally.wrong.append(f"request {probe}, version {version}: {body[:100]!r}")

    def _is_right(self, probe: int, version: str, body: bytes) -> bool:
        """Return whether the answer is the version's, with the same digits each time."""
        if (probe, version) not in self._digits:
            [row] = json.loads(body)["predictions"]
            if abs(row["probability"] - self._probes[probe].expected[version]) > 1e-6:
                return False
            self._digits[probe, version] = body
        return self._digits[probe, version] == body

    async def _exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = self._reuse() or await self._connect()
        try:
            reader, writer = connection
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head[:-4].split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            self._drop(connection)
            raise
        if headers.get("connection") == "close":
            self._drop(connection)
        else:
            self._idle.append((time.perf_counter(), connection))
        return int(first.split(" ", 2)[1]), headers, body

    def _reuse(self) -> Connection | None:
        while self._idle:
            used, connection = self._idle.popleft()
            if time.perf_counter() - used < _IDLE_S and not connection[0].at_eof():
                return connection
            self._drop(connection)
        return None

    async def _connect(self) -> Connection:
        if self._open >= _MOST_CONNECTIONS:
            raise TooManyOpenError
        self._open += 1
        try:
            return await asyncio.open_connection("127.0.0.1", self._port)
        except BaseException:
            self._open -= 1
            raise

    def _drop(self, connection: Connection) -> None:
        self._open -= 1
        connection[1].close()

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._drop(self._idle.popleft()[1])


def _arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    generator, due = random.Random(seed), 0.0  # noqa: S311 - arrivals, not secrets
    while (due := due + generator.expovariate(rate)) < seconds:
        yield due


def _build_request(body: bytes) -> bytes:
    head = "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


def _read_message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])[:70]
    except (ValueError, KeyError, TypeError):
        return "without a message"
