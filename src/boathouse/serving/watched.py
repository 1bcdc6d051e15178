"""Work that goes on in a thread or a task: what ends it is noted, and it is begun again."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from boathouse.serving.access import AccessLog

_LOGGER = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


class WatchedThread:
    """Work that goes on until it returns by itself, in a thread that is replaced should it end."""

    def __init__(self, name: str, work: Callable[[], None], stopping: threading.Event) -> None:
        """Remember the work; begin nothing.

        Args:
            name: Name of the thread.
            work: Called again whenever it raises; it returns once ``stopping`` is set.
            stopping: Set when the work is to end.
        """
        self._name, self._work, self._stopping = name, work, stopping
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pause_s = _FIRST_PAUSE_S
        self.failures = 0
        self.problem = ""

    def start(self) -> None:
        """Begin, unless the thread runs; also called to replace a thread that has ended."""
        with self._turn:
            if self._stopping.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            if self._thread is not None:
                self._note("ThreadEnded")
            thread = threading.Thread(target=self._go_on, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system gives no more threads now: the next call tries again.
                self._note("RuntimeError")
                return
            self._thread = thread

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the work."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def works(self) -> None:
        """Note that a round of the work is done: what stopped it before does so no more."""
        self.problem, self._pause_s = "", _FIRST_PAUSE_S

    def _go_on(self) -> None:
        while True:
            try:
                self._work()
            except BaseException as error:  # noqa: BLE001 - a library's panic is no Exception
                self._note(type(error).__name__)
            else:
                return
            self._stopping.wait(self._pause_s)
            self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)

    def _note(self, kind: str) -> None:
        """Log the kind of an error, not its text: it may quote values."""
        self.failures += 1
        self.problem = f"the thread '{self._name}' ended ({kind}) and is begun again"
        _LOGGER.error("%s: the thread '%s' ended and is begun again", kind, self._name)


async def go_on(name: str, work: Callable[[], Awaitable[None]], log: AccessLog) -> None:
    """Await ``work`` again whenever it raises, until it returns; errors are in the server's log, by kind and place."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - no error ends what keeps the server running
            log.failure("task_failed", error, task=name)
        await asyncio.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
