"""The server's log: a JSON object a line, with the request's id and never with a value of a request."""

from __future__ import annotations

import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import IO, Any

import orjson

# Lines of answered requests that wait for the next flush, at most.
_WAITING = 200


class AccessLog:
    """Lines on standard error; those of answered requests are written together, all others at once."""

    def __init__(self, stream: IO[bytes] | None = None, *, requests: bool = True) -> None:
        """Write to ``stream``.

        Args:
            stream: Where to; default: standard error.
            requests: Whether answered requests are logged too.
        """
        self._stream = sys.stderr.buffer if stream is None else stream
        self._requests = requests
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()

    def request(self, **fields: Any) -> None:  # noqa: ANN401 - plain values
        """Log an answered request."""
        if self._requests:
            self._waiting.append(_line("info", "request", fields))
            if len(self._waiting) >= _WAITING:
                self.flush()

    def event(self, level: str, event: str, **fields: Any) -> None:  # noqa: ANN401 - plain values
        """Log anything else."""
        self._waiting.append(_line(level, event, fields))
        self.flush()

    def failure(self, event: str, error: BaseException, **fields: Any) -> None:  # noqa: ANN401 - plain values
        """Log an error that nobody expected: its type and where it happened, not its text, which may hold values."""
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        self.event("error", event, error=type(error).__name__, where=where, **fields)

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            lines, self._waiting = self._waiting, []
            if lines:
                self._stream.write(b"".join(lines))
                self._stream.flush()


def _line(level: str, event: str, fields: dict[str, Any]) -> bytes:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return orjson.dumps({"time": time, "level": level, "event": event, **fields}) + b"\n"
