"""One request and its answer over ASGI."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from boathouse.errors import InvocationError
from boathouse.errors.invocations import UNAVAILABLE
from boathouse.serving.answers import Answer

AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
_OWN_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


# Bodies of full length that a worker holds at a time.
_BODIES = 8
# A body that comes in one part is not longer than this, and is not counted.
_UNCOUNTED = 262_144

Result = TypeVar("Result")


class DisconnectedError(Exception):
    """The caller has gone before the request was answered."""


@dataclass
class BodyMemory:
    """The bytes of all large bodies that a worker holds at a time.

    Attributes:
        held: Bytes held now.
    """

    held: int = 0

    def take(self, length: int, most: int) -> None:
        """Count ``length`` bytes more.

        Raises:
            InvocationError: 503 if that makes more than ``most``.
        """
        if self.held + length > most:
            message = "Other large requests have to be answered first. Try again."
            raise InvocationError(503, UNAVAILABLE, message, retry_after=1)
        self.held += length

    def give(self, length: int) -> None:
        """Count ``length`` bytes less."""
        self.held -= length


@dataclass
class Request:
    """One request.

    Attributes:
        scope: ASGI's connection scope.
        receive: Gives the next part of the body.
        send: Takes the next part of the answer.
        request_id: Unique id that this server gives it.
        started_ns: Arrival, in nanoseconds of the performance counter.
        status: HTTP status of the answer; 0 until it was sent.
        is_last: Whether the connection ends with the answer, asked when it is sent.
        held: Bytes of its body that were counted.
    """

    scope: Mapping[str, Any]
    receive: Receive
    send: Send
    request_id: str = field(default_factory=lambda: os.urandom(16).hex())
    started_ns: int = field(default_factory=time.perf_counter_ns)
    status: int = 0
    is_last: Callable[[], bool] = lambda: False
    held: int = 0

    @property
    def path(self) -> str:
        """The path, decoded; forwarding headers of proxies are not used."""
        return str(self.scope["path"])

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return str(self.scope["method"])

    @cached_property
    def headers(self) -> dict[bytes, bytes]:
        """The headers, their names in small letters; of a repeated one the last."""
        return dict(self.scope["headers"])

    @property
    def content_type(self) -> str | None:
        """The content type, or None."""
        header = self.headers.get(b"content-type")
        return None if header is None else header.decode("latin-1")

    @property
    def caller(self) -> str:
        """The address of the other end of the connection."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    @property
    def callers_id(self) -> str | None:
        """The id that the caller or a proxy gave the request by its header X-Request-Id, or None."""
        given = self.headers.get(b"x-request-id")
        return given.decode() if given is not None and _OWN_ID.fullmatch(given) else None

    @property
    def seconds(self) -> float:
        """Time since the request came."""
        return (time.perf_counter_ns() - self.started_ns) / 1e9

    async def read_body(self, limit: int, memory: BodyMemory) -> bytes:
        """Return the body; what of it is counted in ``memory`` has to be given back.

        Raises:
            InvocationError: 413 as soon as it is known to be longer than ``limit`` bytes; 415 if it is packed; 503 if
                other large bodies have to be answered first.
            DisconnectedError: If the caller goes away before its end.
        """
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise InvocationError.too_large("bytes", limit)
        if (packed := self.headers.get(b"content-encoding", b"identity")) != b"identity":
            name = packed.decode("latin-1")[:40]
            raise InvocationError(415, "", f"The body has to come without Content-Encoding. Got '{name}'.")
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return self._checked(message.get("body", b""), limit)
        parts, length = [], 0
        while message["type"] == "http.request":
            part = message.get("body", b"")
            parts.append(part)
            length += len(part)
            if length > limit:
                raise InvocationError.too_large("bytes", limit)
            if length > _UNCOUNTED:
                memory.take(length - self.held, _BODIES * limit)
                self.held = length
            if not message.get("more_body"):
                return b"".join(parts)
            message = await self.receive()
        raise DisconnectedError

    async def unless_gone(self, work: Awaitable[Result]) -> Result:
        """Return what ``work`` returns; it is cancelled once the caller has gone. The body has to be read before.

        Raises:
            DisconnectedError: If the caller goes away meanwhile.
        """
        task, gone = asyncio.current_task(), False

        async def watch() -> None:
            nonlocal gone
            while (await self.receive())["type"] != "http.disconnect":
                pass
            gone = True
            if task is not None:
                task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            return await work
        except asyncio.CancelledError:
            if not gone or task is None:
                raise
            task.uncancel()
            raise DisconnectedError from None
        finally:
            watcher.cancel()

    async def answer(self, answer: Answer) -> None:
        """Send the answer, with the request's id."""
        self.status = answer.status
        headers = [
            (b"content-type", answer.media_type),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", self.request_id.encode()),
            *answer.headers,
        ]
        if self.is_last():
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": answer.body})

    def _checked(self, body: bytes, limit: int) -> bytes:
        if len(body) > limit:
            raise InvocationError.too_large("bytes", limit)
        return body
