"""Who may ask what, and how often."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from boathouse.core.endpoints import LimitOptions
from boathouse.core.errors import InvocationError
from boathouse.serving.tokens import Token, TokenFile

# Callers whose rate is remembered.
_CALLERS = 10_000
_SCHEME = "bearer "


@dataclass(frozen=True)
class Access:
    """The rule of one server.

    Attributes:
        tokens: The tokens that there are.
        required: Whether a query needs one; what manages the server always does.
    """

    tokens: TokenFile
    required: bool

    def admit(self, headers: Mapping[bytes, bytes], scope: Literal["query", "manage"]) -> Token | None:
        """Return the caller's token; None for a query without a valid one where none is required.

        Raises:
            InvocationError: 401 without a valid token, 403 for one without the scope.
        """
        token = self._find(headers.get(b"authorization"))
        if scope == "query" and not self.required:
            return token
        if token is None:
            raise InvocationError.unauthenticated()
        if scope not in token.scopes:
            raise InvocationError.forbidden(scope)
        return token

    def _find(self, header: bytes | None) -> Token | None:
        text = "" if header is None else header.decode("latin-1")
        if text[: len(_SCHEME)].lower() != _SCHEME:
            return None
        return self.tokens.find(text[len(_SCHEME) :].strip())


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
            raise InvocationError.too_often((1 - level) / rate)
        self._buckets[caller] = (level - 1, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
