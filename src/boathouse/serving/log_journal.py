"""The journal of an inference log: what is on disk before it is in the table, one folder per running process."""

from __future__ import annotations

import json
import os
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.atomic_files import sync_folder, take_lock, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOCK, _STATE, _SUFFIX = "lock", "state.json", ".jsonl"
# A longer segment is ended: it becomes one commit, and is read whole for that.
_SEGMENT_BYTES = 4_000_000

_STATE_TYPES: dict[str, type] = {"id": str, "next": int, "running": bool, "flush_seconds": float}


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
        if any(_list_segments(folder)):
            slot = _try_slot(folder)
            if slot is not None:
                yield slot


def _try_slot(folder: Path) -> Slot | None:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Held by the process, not by the file: the system lets go when the process ends, however it ends.
        if take_lock(handle) and _is_at(handle, folder / _LOCK):
            return Slot(folder, handle)
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _is_at(handle: int, path: Path) -> bool:
    """Return whether the opened file is still the one of that name."""
    try:
        found, opened = path.stat(), os.fstat(handle)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def _list_segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isascii() and path.stem.isdigit())


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
        self._path: Path | None = None
        self._length = 0

    def _read_state(self) -> dict[str, Any]:
        path = self._folder / _STATE
        last = max((int(each.stem) for each in _list_segments(self._folder)), default=0)
        new = {"id": uuid.uuid4().hex, "next": last + 1, "running": path.exists(), "flush_seconds": 0.0}
        try:
            state: dict[str, Any] = json.loads(path.read_bytes())
            read = {name: kind(state[name]) for name, kind in _STATE_TYPES.items()}
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            # A folder that was emptied, or whose state was overwritten, gets another id: its numbers begin again,
            # and the table must not take its first segments for those it knows.
            return new
        return {**read, "next": max(read["next"], last + 1)}

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
            if self._length > _SEGMENT_BYTES:
                self.rotate()
            handle = self._open_segment()
            try:
                _write_all(handle, lines)
                os.fsync(handle)
            except OSError:
                self._undo(handle)
                raise
            self._length += len(lines)

    @property
    def is_there(self) -> bool:
        """Whether the folder, and the segment that is being written, are still those of this process."""
        path = self._path
        return _is_at(self._lock, self._folder / _LOCK) and (
            self._file is None or path is None or _is_at(self._file, path)
        )

    def read_unfinished(self) -> bytes:
        """Return what is in the segment that is being written, also where its file was removed."""
        with self._turn:
            return b"" if self._file is None else os.pread(self._file, self._length, 0)

    def _open_segment(self) -> int:
        if self._file is None:
            number = self._state["next"]
            # The number is spent before it is used: no two segments ever share one.
            self._write_state(next=number + 1)
            path = self._folder / f"{number:012d}{_SUFFIX}"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self._path, self._length = path, 0
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
                self._file, self._length = None, 0

    def finished(self) -> list[Segment]:
        """Return the segments that nothing is added to any more, in order."""
        with self._turn:
            last = self._state["next"] if self._file is None else self._state["next"] - 1
        found = [
            Segment(path, f"boathouse-log-{self._state['id']}", int(path.stem)) for path in _list_segments(self._folder)
        ]
        return [segment for segment in found if segment.number < last]

    def size(self) -> int:
        """Return the bytes of all segments."""
        total = 0
        for path in _list_segments(self._folder):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def release(self) -> None:
        """End in good order; segments that are still there are for the next process."""
        self.rotate()
        try:
            # A folder that was removed is not made again for this.
            if self.is_there:
                self._write_state(running=False)
        finally:
            os.close(self._lock)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
