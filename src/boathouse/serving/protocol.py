"""How the supervisor starts a worker, and their messages: JSON of known length, followed by files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_LENGTH = struct.Struct(">I")
# No message is longer; models have hundreds of kilobytes.
_LIMIT = 2**31
# An estimator that waits for threads of its own is slower on a row, by far where processors are shared.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Few heaps that are given back: with one for each thread, what the log has used stays with the process.
_FEW_HEAPS = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072", "ARROW_DEFAULT_MEMORY_POOL": "system"}


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        kind: Message type.
        content: Plain values.
        files: Files by name.
    """

    kind: str
    content: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the bytes that :func:`read_message` reads."""
        sizes = [[name, len(content)] for name, content in self.files.items()]
        head = json.dumps({"kind": self.kind, "content": dict(self.content), "files": sizes}).encode()
        return b"".join([_LENGTH.pack(len(head)), head, *self.files.values()])


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """Return the next message, or None when the other side has gone."""
    try:
        [length] = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        head = json.loads(await reader.readexactly(min(length, _LIMIT)))
        files = {name: await reader.readexactly(size) for name, size in head["files"]}
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Message(head["kind"], head["content"], files)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The first message of the supervisor.

    Attributes:
        slot: Number of the worker.
        endpoints: Documents by name; the first answers ``/invocations``.
        tokens: Path of the file of tokens.
        token_required: Whether every request needs one.
        environment: Name of the environment that owns endpoints and online store.
        owner: Catalog and schemas that the online store belongs to; empty: those of the environment's name.
        store: URL of the online store.
        run_folder: Folder of the counts of all workers.
        mlflow_version: What ``/version`` answers.
        log_requests: Whether answered requests are logged.
        log_table: Folder of the inference log's table; empty: nothing is logged.
        log_journal: Folder of its journals.
        drain_seconds: Longest time for running requests when the worker stops.
        notice_seconds: How long /ready answers 503 before that.
        ssl_certfile: Certificate in PEM form; None for plain HTTP.
        ssl_keyfile: Its key.
    """

    slot: int
    endpoints: Mapping[str, Any]
    tokens: str
    token_required: bool
    environment: str
    store: str
    run_folder: str
    mlflow_version: str
    log_requests: bool
    drain_seconds: float
    notice_seconds: float = 0.0
    log_table: str = ""
    log_journal: str = ""
    owner: str = ""
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


@dataclass
class WorkerProcess:
    """A running worker."""

    process: subprocess.Popen[bytes]
    writer: asyncio.StreamWriter
    started: float = field(default_factory=time.monotonic)

    def send(self, message: Message) -> None:
        """Send a message; a worker that has ended does not get it."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.writer.write(message.encode())


async def start_worker(listener: socket.socket, module: str) -> tuple[WorkerProcess, asyncio.StreamReader]:
    """Start ``module`` as a worker that accepts from ``listener``; return it and the reader of its messages."""
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
