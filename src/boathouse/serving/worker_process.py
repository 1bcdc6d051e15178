"""A worker as the supervisor holds it: its process and the line to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field

from boathouse.serving.wire import Word

# An estimator that waits for threads of its own is slower on a row, by far where processors are shared.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Few heaps that are given back: with one for each thread, what the log has used stays with the process.
_FEW_HEAPS = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072", "ARROW_DEFAULT_MEMORY_POOL": "system"}


@dataclass
class WorkerProcess:
    """A running worker."""

    process: subprocess.Popen[bytes]
    writer: asyncio.StreamWriter
    started: float = field(default_factory=time.monotonic)

    def tell(self, word: Word) -> None:
        """Send a message; a worker that has gone does not hear it."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.writer.write(word.encode())


async def start_worker(listener: socket.socket, module: str) -> tuple[WorkerProcess, asyncio.StreamReader]:
    """Start ``module`` as a worker that accepts from ``listener``; give it and what it says."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", module]
    command += ["--control", str(theirs.fileno()), "--listener", str(listener.fileno())]
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - it returns at once; nothing of it comes from outside
        command,
        pass_fds=(theirs.fileno(), listener.fileno()),
        start_new_session=True,
        env={**_ONE_THREAD, **_FEW_HEAPS, **os.environ},
    )
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    return WorkerProcess(process, writer), reader
