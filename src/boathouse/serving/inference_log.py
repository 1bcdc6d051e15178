"""The inference log: requests and answers on their way to the table, without keeping an answer waiting."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.endpoints.log_contract import LogEntry
from boathouse.endpoints.routing import PLACES, locate_units
from boathouse.serving.log_journal import acquire_slot
from boathouse.serving.log_redaction import Redactor, read_salt
from boathouse.serving.log_table import LogCommitter, LogTable

if TYPE_CHECKING:
    from boathouse.endpoints.options import LogOptions
    from boathouse.serving.log_journal import Slot

__all__ = ["InferenceLog", "LogCounts", "LogEntry"]

_LOGGER = logging.getLogger(__name__)
# Bodies that wait in memory, and segments that wait on disk while the table cannot be written.
_QUEUE_BYTES, _JOURNAL_BYTES = 64_000_000, 1_000_000_000
# The writer lets other threads have Python's lock after this many entries, a fraction of a millisecond.
_YIELD_EVERY = 4
_ROW_LIMIT = 20_000


@dataclass
class LogCounts:
    """What became of the entries since the start.

    Attributes:
        recorded: Taken into the queue.
        not_sampled: Left out by the sampling fraction.
        dropped_full: Refused because the queue was full.
        dropped_disk: Lost because the journal could not be written, or waits for the table at its limit.
        on_disk: In the journal: a kill of the process loses none of them.
        committed: In the table, those that processes killed before had left included.
        failed_commits: Attempts to write the table that failed; what they held is kept and tried again.
    """

    recorded: int = 0
    not_sampled: int = 0
    dropped_full: int = 0
    dropped_disk: int = 0
    on_disk: int = 0
    committed: int = 0
    failed_commits: int = 0


class InferenceLog:
    """The log of one endpoint in one process; several processes may write the same table.

    An entry waits in memory for at most ``flush_seconds`` until it is on disk in the journal: this is what
    a kill can lose. From the journal it goes to the table, once, by this process or the next one.
    """

    def __init__(
        self,
        table: str | Path,
        journal: str | Path,
        options: LogOptions,
        *,
        commit_seconds: float = 5.0,
        on_disk: Callable[[Sequence[str]], None] | None = None,
        always_hidden: Collection[str] = (),
    ) -> None:
        """Remember where; touch nothing.

        Args:
            table: Folder of ``<env>.inference.endpoint_log``.
            journal: Folder of the journals, of all processes that write this table on this machine.
            options: What is kept, and how much may wait.
            commit_seconds: From the journal to the table; fewer seconds make more and smaller files.
            on_disk: Called with the ids of entries as soon as they are in the journal, from the writer's thread.
            always_hidden: Columns that are hidden whatever the options: the keys of persons.
        """
        self.counts = LogCounts()
        self._options, self._journal = options, Path(journal)
        self._table = LogTable(str(table))
        self._commit_seconds, self._on_disk = commit_seconds, on_disk
        self._always_hidden = frozenset(always_hidden)
        self._waiting: deque[LogEntry] = deque()
        self._waiting_bytes = 0
        self._turn = threading.Lock()
        self._wake, self._stopping, self._rotated = (threading.Event() for _ in range(3))
        self._written = threading.Condition()
        self._taken = 0
        self._slot: Slot | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take a journal, and begin to write; call it in the process that answers, after any fork."""
        self._salt = read_salt(self._journal)
        self._redactor = Redactor(self._options, self._salt, always=self._always_hidden)
        self._slot = acquire_slot(self._journal)
        if self._slot.was_killed:
            _LOGGER.warning(
                "The process before ended without closing its inference log. What was in its journal goes to the "
                "table now; requests of its last %g s may be missing.",
                self._slot.flush_seconds_before,
            )
        self._slot.begin(flush_seconds=self._options.flush_seconds)
        self._committer = LogCommitter(self._table, self._slot, self._journal, self.counts)
        self._threads = [
            threading.Thread(target=self._write_on, name="inference-log-journal", daemon=True),
            threading.Thread(target=self._commit_on, name="inference-log-table", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def use(self, options: LogOptions) -> None:
        """Apply other options from the next entry on; the length of the queue and the interval stay."""
        self._redactor = Redactor(options, self._salt, always=self._always_hidden)

    def record(self, entry: LogEntry) -> bool:
        """Take ``entry``, in microseconds and without waiting; return False if the queue is full.

        An entry that the sampling fraction leaves out counts as taken. Whether it does is decided by the
        request's id, alike in every process.
        """
        if entry.sampling_fraction < 1 and not _is_sampled(entry):
            self.counts.not_sampled += 1
            return True
        with self._turn:
            full = len(self._waiting) >= self._options.queue_entries or self._waiting_bytes >= _QUEUE_BYTES
            if full:
                self.counts.dropped_full += 1
                return False
            self._waiting.append(entry)
            self._waiting_bytes += entry.size
            self.counts.recorded += 1
            half = len(self._waiting) * 2 >= self._options.queue_entries
        if half:
            self._wake.set()
        return True

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Bring everything recorded so far into the table; return whether that was done in time."""
        goal, deadline = self.counts.recorded, time.monotonic() + timeout_s
        self._wake.set()
        with self._written:
            if not self._written.wait_for(lambda: self._taken >= goal, timeout_s):
                return False
        if self._slot is None:
            return False
        self._slot.rotate()
        while time.monotonic() < deadline:
            if self._committer.commit():
                return True
            time.sleep(0.1)
        return False

    def close(self, timeout_s: float = 30.0) -> bool:
        """Write what waits and end; return whether everything is in the table.

        If the table cannot be written now, the rows stay in the journal for the next process.
        """
        if self._slot is None:
            return True
        self._stopping.set()
        self._wake.set()
        self._rotated.set()
        for thread in self._threads:
            thread.join(timeout_s)
        self._slot.rotate()
        done = self._committer.commit()
        self._slot.release()
        self._slot = None
        return done

    def _write_on(self) -> None:
        # Half of what may be lost: the other half is for the disk.
        pause, rotated = self._options.flush_seconds / 2, time.monotonic()
        while True:
            stopping = self._stopping.is_set()
            self._wake.wait(0 if stopping else pause)
            self._wake.clear()
            self._drain()
            if stopping:
                return
            if time.monotonic() - rotated >= self._commit_seconds and self._slot is not None:
                self._slot.rotate()
                rotated = time.monotonic()
                self._rotated.set()

    def _drain(self) -> None:
        """Move what waits to the journal, a bounded number of rows at a time."""
        while self._waiting:
            with self._turn:
                entries = [self._waiting.popleft() for _ in range(min(len(self._waiting), _ROW_LIMIT))]
                self._waiting_bytes -= sum(entry.size for entry in entries)
            self._write(entries)
            with self._written:
                self._taken += len(entries)
                self._written.notify_all()

    def _write(self, entries: Sequence[LogEntry]) -> None:
        lines = []
        for number, entry in enumerate(entries):
            lines.append(self._redactor.encode(entry))
            if number % _YIELD_EVERY == 0:
                # Gives up Python's lock: a thread that answers gets it at once, not after 5 ms.
                time.sleep(0)
        try:
            if self._slot is None or self._slot.size() > _JOURNAL_BYTES:
                raise OSError("the journal is at its limit")  # noqa: TRY301 - counted with those of the disk
            self._slot.append(b"".join(lines))
        except OSError as error:
            if not self.counts.dropped_disk:
                _LOGGER.exception("%s: the journal of the inference log cannot be written", type(error).__name__)
            self.counts.dropped_disk += len(entries)
            return
        self.counts.on_disk += len(entries)
        if self._on_disk is not None:
            self._on_disk([entry.databricks_request_id for entry in entries])

    def _commit_on(self) -> None:
        pause = self._commit_seconds
        while not self._stopping.is_set():
            self._rotated.wait()
            self._rotated.clear()
            done = self._committer.commit()
            # A store that is down is asked less and less often, but at least once a minute.
            pause = 0.0 if done else min(max(60.0, self._commit_seconds), max(pause, self._commit_seconds) * 2)
            self._stopping.wait(pause)


def _is_sampled(entry: LogEntry) -> bool:
    [place] = locate_units("inference-log", [entry.databricks_request_id])
    return bool(place < entry.sampling_fraction * PLACES)
