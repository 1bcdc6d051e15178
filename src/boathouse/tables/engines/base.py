"""The small interface that every engine has."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an engine offers beyond reading, writing and merging Delta tables.

    Attributes:
        table_names: Tables are addressed by their three-level name; otherwise by a path.
        table_services: OPTIMIZE, VACUUM, RESTORE and DESCRIBE HISTORY are SQL; otherwise they go
            through the package ``deltalake``.
        streaming: Structured Streaming reads and writes Delta tables.
        clustering: Liquid clustering (``CLUSTER BY``) has an effect.
        time_travel: Any version of a Delta table can be read, also one from before its newest checkpoint.
        change_feed: Delta's change data feed is read and written; Sail 0.7.2 ignores the first and then writes no
            table that has it.
    """

    table_names: bool
    table_services: bool
    streaming: bool
    clustering: bool
    time_travel: bool
    change_feed: bool


class Engine(ABC):
    """Owner of one session, which the first call starts; safe to call from any thread."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    def __init__(self) -> None:
        """Start nothing."""
        self._lock = threading.RLock()
        self._session: SparkSession | None = None

    @property
    def is_running(self) -> bool:
        """Whether a session has been started and not stopped."""
        return self._session is not None

    def session(self) -> SparkSession:
        """Return the session; the first call starts it.

        Raises:
            EngineError: If the engine cannot start; the message says what to install or set.
        """
        with self._lock:
            if self._session is None:
                self._session = self._start()
            return self._session

    def adopt(self, session: SparkSession) -> None:
        """Use ``session``, which was opened elsewhere, if this process has none: a worker of a stream is given one."""
        with self._lock:
            if self._session is None:
                self._session = session

    def stop(self) -> None:
        """Stop the session if there is one; a later :meth:`session` starts another."""
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                self._shut_down(session)

    def abandon(self) -> None:
        """Let go of the session without asking it anything: after a signal, what answers it may be gone.

        What runs in a process of its own ends when this one does. Takes no lock: the thread that
        has it may be the one that was interrupted.
        """
        self._session = None

    @abstractmethod
    def version(self) -> str:
        """Return the engine's own version, for the record of a run; starts no session."""

    @abstractmethod
    def check(self) -> None:
        """Check without starting anything that the engine could start here.

        Raises:
            EngineError: Naming what is missing and the command that installs it.
        """

    def note(self) -> str:
        """Return what a user should know although :meth:`check` finds nothing missing; empty for nothing."""
        return ""

    @abstractmethod
    def _start(self) -> SparkSession:
        """Return a new session in UTC."""

    def _shut_down(self, session: SparkSession) -> None:
        """End ``session`` and what was started for it."""
        session.stop()
