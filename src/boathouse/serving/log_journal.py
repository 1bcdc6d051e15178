"""The journal of an inference log: what is on disk before it is in the table, one folder per running process."""

from __future__ import annotations

import json
import os
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.atomic_files import sync_folder, take_lock, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOCK, _STATE, _SUFFIX = "lock", "state.json", ".jsonl"


@dataclass(frozen=True)
class Segment:
    """A file of rows that becomes one commit.

    Attributes:
        path: JSON, one row per line; the last line may be torn if the process was killed.
        application: Id of the journal in the table's transactions.
        number: Place in the journal, ascending from 1; the table remembers the last one that it took.
    """

    path: Path
    application: str
    number: int


def acquire_slot(root: Path) -> Slot:
    """Return the first slot under ``root`` that no running process holds, made if all are held."""
    number = 0
    while True:
        slot = _try_slot(root / f"{number:03d}")
        if slot is not None:
            return slot
        number += 1


def acquire_abandoned(root: Path) -> Iterator[Slot]:
    """Give each slot that holds rows and that no running process holds: its process was killed."""
    for folder in sorted(path for path in root.glob("[0-9]*") if path.is_dir()):
        if any(folder.glob(f"*{_SUFFIX}")):
            slot = _try_slot(folder)
            if slot is not None:
                yield slot


def _try_slot(folder: Path) -> Slot | None:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    # Held by the process, not by the file: the system lets go when the process ends, however it ends.
    if take_lock(handle):
        return Slot(folder, handle)
    os.close(handle)
    return None


class Slot:
    """One folder of segments, held by this process.

    One thread appends and rotates; another may list and remove finished segments meanwhile.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        """Read what the process before left."""
        self._folder, self._lock = folder, lock
        self._turn = threading.RLock()
        self._state = self._read_state()
        self.was_killed = bool(self._state["running"])
        self.flush_seconds_before = float(self._state["flush_seconds"])
        self._file: int | None = None
        self._length = 0

    def _read_state(self) -> dict[str, Any]:
        path = self._folder / _STATE
        if path.exists():
            state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return state
        # A folder that was emptied gets another id: its numbers begin again, and the table must not take
        # its first segments for those it knows.
        return {"id": uuid.uuid4().hex, "next": 1, "running": False, "flush_seconds": 0.0}

    def _write_state(self, **changes: Any) -> None:  # noqa: ANN401 - plain values
        self._state |= changes
        write_file(self._folder / _STATE, json.dumps(self._state).encode())

    def begin(self, *, flush_seconds: float) -> None:
        """Note that a process runs here, and what it may lose if it is killed."""
        self._write_state(running=True, flush_seconds=flush_seconds)

    def append(self, lines: bytes) -> None:
        """Add ``lines`` and return when they are on disk.

        Raises:
            OSError: If the disk refuses; the segment then holds what it held before.
        """
        with self._turn:
            handle = self._open_segment()
            try:
                _write_all(handle, lines)
                os.fsync(handle)
            except OSError:
                self._undo(handle)
                raise
            self._length += len(lines)

    def _open_segment(self) -> int:
        if self._file is None:
            number = self._state["next"]
            # The number is spent before it is used: no two segments ever share one.
            self._write_state(next=number + 1)
            path = self._folder / f"{number:012d}{_SUFFIX}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._length = 0
            sync_folder(self._folder)
        return self._file

    def _undo(self, handle: int) -> None:
        try:
            os.ftruncate(handle, self._length)
            os.lseek(handle, self._length, os.SEEK_SET)
        except OSError:
            self.rotate()

    def rotate(self) -> None:
        """End the segment that is being written; the next row begins another."""
        with self._turn:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def finished(self) -> list[Segment]:
        """Return the segments that nothing is added to any more, in order."""
        with self._turn:
            last = self._state["next"] if self._file is None else self._state["next"] - 1
        found = [
            Segment(path, f"boathouse-log-{self._state['id']}", int(path.stem))
            for path in sorted(self._folder.glob(f"*{_SUFFIX}"))
        ]
        return [segment for segment in found if segment.number < last]

    def size(self) -> int:
        """Return the bytes of all segments."""
        return sum(path.stat().st_size for path in list(self._folder.glob(f"*{_SUFFIX}")) if path.exists())

    def release(self) -> None:
        """End in good order; segments that are still there are for the next process."""
        self.rotate()
        self._write_state(running=False)
        os.close(self._lock)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
