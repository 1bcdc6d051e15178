"""The inference log: requests and answers on their way to the table, without keeping an answer waiting."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.endpoints.keyed_hash import keep_salt, read_salt
from boathouse.endpoints.log_contract import LEFT_OUT, LogEntry
from boathouse.endpoints.routing import PLACES, locate_units
from boathouse.errors import BoathouseError
from boathouse.serving.log_journal import acquire_slot
from boathouse.serving.log_redaction import Redactor
from boathouse.serving.log_table import LogCommitter, LogTable
from boathouse.serving.watched import WatchedThread

if TYPE_CHECKING:
    from boathouse.endpoints.options import LogOptions
    from boathouse.serving.log_journal import Slot

__all__ = ["InferenceLog", "LogCounts", "LogEntry"]

_LOGGER = logging.getLogger(__name__)
# Bodies that wait in memory, and segments that wait on disk while the table cannot be written.
_QUEUE_BYTES, _JOURNAL_BYTES = 64_000_000, 1_000_000_000
# The writer lets other threads have Python's lock after this many entries, a fraction of a millisecond.
_YIELD_EVERY = 4
# What is written to the journal, and with it to one of its files, at a time.
_ROW_LIMIT, _WRITTEN_BYTES = 20_000, 8_000_000
# Attempts at the same entries that end the writer's thread, before these entries are given up.
_ATTEMPTS = 3


@dataclass
class LogCounts:
    """What became of the entries since the start.

    Attributes:
        recorded: Taken into the queue.
        not_sampled: Left out by the sampling fraction.
        left_out: Taken without their bodies: too many bytes were waiting.
        dropped_full: Refused because the queue was full.
        dropped_disk: Lost: the journal could not be written until the end of the process.
        on_disk: In the journal: a kill of the process loses none of them.
        committed: In the table, those that processes killed before had left included.
        failed_writes: Attempts to write the journal that failed; what they held is kept and tried again.
        failed_commits: Attempts to write the table that failed; what they held is kept and tried again.
    """

    recorded: int = 0
    not_sampled: int = 0
    left_out: int = 0
    dropped_full: int = 0
    dropped_disk: int = 0
    on_disk: int = 0
    committed: int = 0
    failed_writes: int = 0
    failed_commits: int = 0


class InferenceLog:
    """The log of one endpoint in one process; several processes may write the same table.

    An entry waits in memory for at most ``flush_seconds`` until it is on disk in the journal: this is what
    a kill can lose. From the journal it goes to the table, once, by this process or the next one. While the
    journal cannot be written, entries wait in memory, up to the length of the queue.
    """

    def __init__(  # noqa: PLR0913 - where it goes, and what is hidden of it
        self,
        table: str | Path,
        journal: str | Path,
        options: LogOptions,
        *,
        commit_seconds: float = 5.0,
        on_disk: Callable[[Sequence[str]], None] | None = None,
        always_hidden: Collection[str] = (),
        key_types: Mapping[str, str] | None = None,
    ) -> None:
        """Remember where; touch nothing.

        Args:
            table: Folder of ``<catalog>.inference.endpoint_log``.
            journal: Folder of the journals, of all processes that write this table on this machine.
            options: What is kept, and how much may wait.
            commit_seconds: From the journal to the table; fewer seconds make more and smaller files.
            on_disk: Called with the ids of entries as soon as they are in the journal, from the writer's thread.
            always_hidden: Columns that are hidden whatever the options: the keys of persons.
            key_types: Type of each key of the use case, by its column: hidden, it has one hash in all spellings.
        """
        self.counts = LogCounts()
        self._options, self._journal = options, Path(journal)
        self._table = LogTable(str(table))
        self._commit_seconds, self._on_disk = commit_seconds, on_disk
        self._always_hidden, self._key_types = frozenset(always_hidden), key_types
        self._waiting: deque[LogEntry] = deque()
        self._waiting_bytes = 0
        self._batch: list[LogEntry] = []
        self._attempts = 0
        self._rotated_at = time.monotonic()
        # Lines that were on disk in a file that was removed, until they are on disk again.
        self._kept = b""
        self._turn = threading.Lock()
        self._wake, self._stopping, self._rotated = (threading.Event() for _ in range(3))
        self._written = threading.Condition()
        self._taken = 0
        self._salt: bytes | None = None
        self._redactor: Redactor
        self._slot: Slot | None = None
        self._committer: LogCommitter | None = None
        self._journal_problem = ""
        self._threads = (
            WatchedThread("inference-log-journal", self._write_on, self._stopping),
            WatchedThread("inference-log-table", self._commit_on, self._stopping),
        )

    def start(self) -> None:
        """Take a journal, and begin to write; call it in the process that answers, after any fork.

        A journal that cannot be had is a problem of the log, not of the endpoint: it is tried again, and requests
        are answered meanwhile.
        """
        self._try_to_open()
        self.watch()

    def watch(self) -> None:
        """Replace threads that have ended; cheap, to be called about every second."""
        for thread in self._threads:
            thread.start()

    @property
    def problem(self) -> str:
        """Why entries do not reach the table now, or an empty text; names places and kinds of errors, no values."""
        threads = [thread.problem for thread in self._threads]
        full = "its queue is full: entries are dropped" if self._is_full else ""
        table = "" if self._committer is None else self._committer.problem
        return "; ".join(text for text in (full, self._journal_problem, table, *threads) if text)

    def use(self, options: LogOptions) -> None:
        """Apply other options from the next entry on; the length of the queue and the interval stay."""
        self._options = replace(
            options, queue_entries=self._options.queue_entries, flush_seconds=self._options.flush_seconds
        )
        if self._salt is not None:
            self._redactor = self._make_redactor(self._salt)

    def _make_redactor(self, salt: bytes) -> Redactor:
        return Redactor(self._options, salt, always=self._always_hidden, types=self._key_types)

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) + len(self._batch) >= self._options.queue_entries

    def record(self, entry: LogEntry) -> bool:
        """Take ``entry``, in microseconds and without waiting; return False if the queue is full.

        An entry that the sampling fraction leaves out counts as taken. Whether it does is decided by the
        request's id, alike in every process. Where too many bytes wait, the row is taken without its bodies.
        """
        if entry.sampling_fraction < 1 and not _is_sampled(entry):
            self.counts.not_sampled += 1
            return True
        size = entry.size
        with self._turn:
            if self._is_full:
                self.counts.dropped_full += 1
                return False
            if self._waiting_bytes + size > _QUEUE_BYTES:
                codes = (*entry.logging_error_codes, LEFT_OUT)
                entry = replace(
                    entry,
                    request=None,
                    response=None,
                    columns=None,
                    columns_size=0,
                    looked_up=(),
                    logging_error_codes=codes,
                )
                size = 0
                self.counts.left_out += 1
            self._waiting.append(entry)
            self._waiting_bytes += size
            self.counts.recorded += 1
            half = len(self._waiting) * 2 >= self._options.queue_entries or self._waiting_bytes * 2 >= _QUEUE_BYTES
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
        if self._slot is None or self._committer is None:
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
        self._stopping.set()
        self._wake.set()
        self._rotated.set()
        for thread in self._threads:
            thread.join(timeout_s)
        lost = len(self._batch) + len(self._waiting)
        if lost:
            self.counts.dropped_disk += lost
            _LOGGER.error("%d entries of the inference log are lost: its journal could not be written", lost)
            self._batch.clear()
            self._waiting.clear()
        if self._slot is None or self._committer is None:
            return not lost
        self._slot.rotate()
        done = self._committer.commit()
        try:
            self._slot.release()
        except OSError as error:
            _LOGGER.warning("%s: the end of the inference log could not be noted in its journal", type(error).__name__)
        self._slot = None
        return done and not lost

    def _try_to_open(self) -> bool:
        """Take a journal where none is held; return whether one is."""
        if self._slot is not None:
            return True
        try:
            self._slot = self._open()
        except (BoathouseError, OSError, ValueError) as error:
            self._note_journal(error)
            return False
        return True

    def _open(self) -> Slot:
        if self._salt is None:
            self._salt = read_salt(self._journal)
            self._redactor = self._make_redactor(self._salt)
        else:
            # The folder was removed: what is logged from now on keeps its hashes.
            keep_salt(self._journal, self._salt)
        slot = acquire_slot(self._journal)
        if slot.was_killed:
            _LOGGER.warning(
                "The process before ended without closing its inference log. What was in its journal goes to the "
                "table now; requests of its last %g s may be missing.",
                slot.flush_seconds_before,
            )
        slot.begin(flush_seconds=self._options.flush_seconds)
        self._committer = LogCommitter(self._table, slot, self._journal, self.counts)
        return slot

    def _note_journal(self, error: Exception) -> None:
        """Note why the journal cannot be written, once in the server's log."""
        why = str(error) if isinstance(error, BoathouseError) else f"{type(error).__name__}"
        if isinstance(error, OSError) and error.strerror:
            why = f"{why}: {error.strerror}"
        if not self._journal_problem:
            _LOGGER.error("%s: the journal of the inference log cannot be written; entries wait in memory", why)
        self._journal_problem = f"the journal {self._journal} cannot be written ({why}); entries wait in memory"

    def _write_on(self) -> None:
        # Half of what may be lost: the other half is for the disk.
        pause = self._options.flush_seconds / 2
        while True:
            stopping = self._stopping.is_set()
            self._wake.wait(0 if stopping else pause)
            self._wake.clear()
            done = self._write_waiting()
            if stopping:
                return
            if not done:
                # What failed is not tried without pause, also where the queue is half full.
                self._stopping.wait(pause)
            else:
                self._rotate_in_time()
            self._threads[0].works()

    def _rotate_in_time(self) -> None:
        """Let the table have what was written, every few seconds, also where there is always more to write."""
        if time.monotonic() - self._rotated_at >= self._commit_seconds and self._slot is not None:
            self._slot.rotate()
            self._rotated_at = time.monotonic()
            self._rotated.set()

    def _write_waiting(self) -> bool:
        """Move what waits to the journal, a bounded number of rows at a time; return whether that worked."""
        while self._batch or self._waiting:
            with self._turn:
                # Entries stay in the batch until they are on disk: an attempt that fails loses none.
                size = sum(entry.size for entry in self._batch)
                while self._waiting and len(self._batch) < _ROW_LIMIT and size < _WRITTEN_BYTES:
                    self._batch.append(self._waiting.popleft())
                    size += self._batch[-1].size
            self._attempts += 1
            if self._attempts <= _ATTEMPTS and not self._write(self._batch):
                self._attempts = 0
                return False
            self._finish_batch(given_up=self._attempts > _ATTEMPTS)
            self._rotate_in_time()
        return True

    def _finish_batch(self, *, given_up: bool) -> None:
        entries, self._batch, self._attempts = self._batch, [], 0
        if given_up:
            _LOGGER.error("%d entries of the inference log are lost: they ended its thread each time", len(entries))
            self.counts.dropped_disk += len(entries)
        with self._turn:
            self._waiting_bytes -= sum(entry.size for entry in entries)
        with self._written:
            self._taken += len(entries)
            self._written.notify_all()

    def _write(self, entries: Sequence[LogEntry]) -> bool:
        """Return whether the entries are on disk."""
        if not self._try_to_open():
            return False
        lines = []
        for number, entry in enumerate(entries):
            lines.append(self._redactor.encode(entry))
            if number % _YIELD_EVERY == 0:
                # Gives up Python's lock: a thread that answers gets it at once, not after 5 ms.
                time.sleep(0)
        try:
            self._append(b"".join(lines))
        except (BoathouseError, OSError, ValueError) as error:
            self.counts.failed_writes += 1
            self._note_journal(error)
            return False
        if self._journal_problem:
            _LOGGER.warning("The journal of the inference log can be written again.")
            self._journal_problem = ""
        self.counts.on_disk += len(entries)
        if self._on_disk is not None:
            self._on_disk([entry.databricks_request_id for entry in entries])
        return True

    def _append(self, lines: bytes) -> None:
        """Add to the journal; one whose folder was removed is made again, with what its open file still holds.

        Raises:
            OSError: If the disk refuses, or too much waits for the table.
        """
        slot = self._slot
        if slot is None or not slot.is_there:
            _LOGGER.error("The journal of the inference log was removed; it is made again in %s", self._journal)
            self._slot = self._open()
            if slot is not None:
                self._kept += slot.read_unfinished()
                slot.release()
            slot = self._slot
        if slot.size() > _JOURNAL_BYTES:
            raise OSError(errno.EDQUOT, f"{_JOURNAL_BYTES:,} bytes wait for the table")
        slot.append(self._kept + lines)
        self._kept = b""

    def _commit_on(self) -> None:
        pause = self._commit_seconds
        while not self._stopping.is_set():
            self._rotated.wait()
            self._rotated.clear()
            done = self._committer is None or self._committer.commit()
            # A store that is down is asked less and less often, but at least once a minute.
            pause = 0.0 if done else min(max(60.0, self._commit_seconds), max(pause, self._commit_seconds) * 2)
            self._threads[1].works()
            self._stopping.wait(pause)


def _is_sampled(entry: LogEntry) -> bool:
    [place] = locate_units("inference-log", [entry.databricks_request_id])
    return bool(place < entry.sampling_fraction * PLACES)
