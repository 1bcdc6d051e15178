"""How a server ends without a reset: no new connections, idle ones closed, requests at work answered."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from types import FrameType

# A connection on which nothing has come for this time is closed; one that is being written to meanwhile is not.
_IDLE_S, _LOOK_S = 0.5, 0.02
# Of Linux: the option that attaches a filter to a socket, and the filter that takes no packet.
_ATTACH_FILTER = 26
_TAKE_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


def refuse_connections(listener: socket.socket) -> None:
    """Let no further connection come to ``listener``, in all processes that share it; those that have come stay.

    What is in the listener's queue when it is closed would be reset. A client that connects now gets no answer, and
    tries again when the listener is closed: then it is refused, or another server is there. Where the system has no
    such filter, connections come until the listener is closed.
    """
    code = ctypes.create_string_buffer(_TAKE_NOTHING, len(_TAKE_NOTHING))
    program = struct.pack("HP", 1, ctypes.addressof(code))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


class DrainingServer(uvicorn.Server):
    """uvicorn's server with an end that resets no connection."""

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float, on_signal: Callable[[], None]) -> None:
        """Serve nothing yet.

        Args:
            config: uvicorn's configuration.
            drain_seconds: Longest time in seconds for requests at work.
            on_signal: Called for a signal to stop; the server stops when ``should_exit`` is set.
        """
        super().__init__(config)
        self._drain_seconds, self._on_signal = drain_seconds, on_signal

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Leave it to the worker how to stop; unlike uvicorn's, the signal is not raised again afterwards."""
        self._on_signal()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, then each connection as soon as it is idle; after the time allowed, all."""
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._drain_seconds
        idle: dict[Any, tuple[Any, float]] = {}
        while self.server_state.connections and not self.force_exit and loop.time() < deadline:
            idle = self._close_idle(idle, loop.time())
            await asyncio.sleep(_LOOK_S)
        self.config.timeout_graceful_shutdown = 1
        await super().shutdown()

    def _close_idle(self, before: dict[Any, tuple[Any, float]], now: float) -> dict[Any, tuple[Any, float]]:
        """Close the connections that have been idle long enough; return the idle ones, with their last request."""
        idle = {}
        for connection in list(self.server_state.connections):
            last = getattr(connection, "cycle", None)
            if last is not None and not last.response_complete:
                continue
            seen, since = before.get(connection, (last, now))
            idle[connection] = (last, since if seen is last else now)
            if seen is last and now - since >= _IDLE_S:
                connection.shutdown()
        return idle
