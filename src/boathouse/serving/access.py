"""Access to the server: tokens and their scopes, rate limits, and the access log."""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Literal

import orjson

from boathouse.endpoints.options import LimitOptions
from boathouse.errors import InvocationError, TokenError
from boathouse.errors.invocations import UNAVAILABLE
from boathouse.serving.tokens import Token, TokenFile

# Callers whose rate is remembered.
_CALLERS = 10_000
_SCHEME = "bearer "


@dataclass(frozen=True)
class Access:
    """Token check of one server.

    Attributes:
        tokens: The tokens that there are.
        required: Whether a query needs one; what manages the server always does.
    """

    tokens: TokenFile
    required: bool

    def admit(self, headers: Mapping[bytes, bytes], scope: Literal["query", "manage"]) -> Token | None:
        """Return the caller's token; None for a query without a valid one where none is required.

        Raises:
            InvocationError: 401 without a valid token, 403 for one without the scope, 503 if the file of tokens cannot
                be read: then it is not known which were revoked.
        """
        if scope == "query" and not self.required:
            return self.identify(headers)
        token = self._find(headers.get(b"authorization"))
        if token is None:
            # One message for a missing header and a wrong token.
            raise InvocationError(401, "UNAUTHENTICATED", "A valid token is needed: 'Authorization: Bearer TOKEN'.")
        if scope not in token.scopes:
            raise InvocationError(403, "PERMISSION_DENIED", f"The token lacks the scope '{scope}'.")
        return token

    def identify(self, headers: Mapping[bytes, bytes]) -> Token | None:
        """Return the caller's token for the log; None without a valid one, or where tokens cannot be read now."""
        try:
            return self._find(headers.get(b"authorization"))
        except InvocationError:
            return None

    def _find(self, header: bytes | None) -> Token | None:
        text = "" if header is None else header.decode("latin-1")
        if text[: len(_SCHEME)].lower() != _SCHEME:
            return None
        try:
            return self.tokens.find(text[len(_SCHEME) :].strip())
        except TokenError as error:
            message = "Tokens cannot be checked now. The server's log has the reason."
            raise InvocationError(503, UNAVAILABLE, message, retry_after=1) from error


class Rates:
    """A bucket of requests for each caller: filled at the allowed rate, emptied by one a request."""

    def __init__(self) -> None:
        """Start with full buckets."""
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, limits: LimitOptions) -> None:
        """Count one request of ``caller``.

        Raises:
            InvocationError: 429 with the time after which there is room again.
        """
        rate = limits.requests_per_second
        if rate is None:
            return
        now = time.monotonic()
        level, since = self._buckets.get(caller, (float(limits.burst), now))
        level = min(limits.burst, level + (now - since) * rate)
        if level < 1:
            message, wait_s = "More requests than this token may send.", (1 - level) / rate
            raise InvocationError(429, "REQUEST_LIMIT_EXCEEDED", message, retry_after=wait_s)
        self._buckets[caller] = (level - 1, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)


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
        """Log an unexpected error: its type and where it happened, not its text, which may hold values."""
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        self.event("error", event, error=type(error).__name__, where=where, **fields)

    def flush(self) -> None:
        """Write the buffered lines; those for a pipe without a reader, or a full disk, are lost."""
        with self._lock:
            lines, self._waiting = self._waiting, []
            if lines:
                with suppress(OSError, ValueError):
                    self._stream.write(b"".join(lines))
                    self._stream.flush()


def _line(level: str, event: str, fields: dict[str, Any]) -> bytes:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    content = {"time": time, "level": level, "event": event, **fields}
    try:
        return orjson.dumps(content, default=str) + b"\n"
    except TypeError:
        # Half of a surrogate pair, or a number beyond 64 bits: Python's own writer takes both.
        return json.dumps(content, default=str).encode() + b"\n"
