"""A receiver on this machine that takes calls, or fails on purpose."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
from contextlib import contextmanager

HANG_S = 0.6


@dataclass
class Receiver:
    """What arrived, and how the next calls are answered.

    Attributes:
        port: Where it listens.
        plan: Answers to the next calls, in order: a status, ``hang``, ``reset`` or ``redirect``; then 200.
        calls: Headers and body of every call, whatever the answer.
        taken: Bodies of the calls that were answered with 200.
    """

    port: int = 0
    plan: list[Any] = field(default_factory=list)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def deliveries(self) -> list[str]:
        return [headers["X-Boathouse-Delivery"] for headers, _ in self.calls]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.calls.append((dict(self.headers), body))
        answer = self.receiver.plan.pop(0) if self.receiver.plan else 200
        if answer == "reset":
            self.connection.close()
            return
        if answer == "hang":
            time.sleep(HANG_S)
            return
        if answer == 200:
            self.receiver.taken.append(body)
        self.send_response(307 if answer == "redirect" else answer)
        if answer == "redirect":
            self.send_header("Location", self.receiver.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, ValueError):
            self.close_connection = True


@contextmanager
def receiving(*plan: Any) -> Iterator[Receiver]:
    """Listen while the context lasts."""
    receiver = Receiver(plan=list(plan))
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
