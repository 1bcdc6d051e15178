"""Threads for what would keep other requests waiting, a bounded number of tasks at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any, TypeVar

from boathouse.errors import InvocationError
from boathouse.errors.invocations import UNAVAILABLE

# Up to this number of rows a score takes less time than handing it to a thread and back would cost others.
_ROWS_AT_ONCE = 32

# What is done at once is wanted until it is done.
_NEVER = Event()

Result = TypeVar("Result")


class WorkThreads:
    """Some threads, and a queue in front of them that is never longer than stated."""

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        """Start no thread yet.

        Args:
            name: Name of the threads.
            threads: How many work at a time.
            most: Tasks at work or waiting, at most.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most, self._lock = most, Lock()
        self.at_work = 0

    async def run(self, work: Callable[[], Result], stop: Event) -> Result:
        """Return what ``work`` returns; ``stop`` is set once its result is not wanted any more.

        A task counts until it has ended, also after its caller gave up.

        Raises:
            InvocationError: 503 if there are too many tasks.
        """
        with self._lock:
            if self.at_work >= self._most:
                message = f"{self._most:,} large requests are at work or waiting. Try again."
                raise InvocationError(503, UNAVAILABLE, message, retry_after=1)
            self.at_work += 1
        task = self._pool.submit(work)
        task.add_done_callback(self._end)
        try:
            return await asyncio.wrap_future(task)
        finally:
            stop.set()
            # An error refers to this frame, and the task to the error: body and columns would stay in memory.
            del task

    def close(self) -> None:
        """Let running work end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end(self, _task: Future[Any]) -> None:
        with self._lock:
            self.at_work -= 1


class ScoringThreads:
    """As many threads as there are processors, for requests of many rows."""

    def __init__(self) -> None:
        """Start no thread yet."""
        # The length of the queue is that of the requests at work.
        self._threads = WorkThreads("score", threads=os.cpu_count() or 1, most=10**9)

    @property
    def at_work(self) -> int:
        """Tasks at work or waiting."""
        return self._threads.at_work

    async def run(self, rows: int, work: Callable[[Event], Result]) -> Result:
        """Return what ``work`` returns, from a thread if it has many rows to do; it ends when the event is set."""
        if rows <= _ROWS_AT_ONCE:
            return work(_NEVER)
        stop = Event()
        return await self._threads.run(lambda: work(stop), stop)

    def close(self) -> None:
        """Let running work end."""
        self._threads.close()
