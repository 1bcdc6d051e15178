"""Files and folders that appear as a whole or not at all, and locks that end with their process."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import BoathouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A process that holds a lock for longer hangs: what is done under one takes seconds.
PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.02
_DRAFT, _REPLACED = ".draft-", ".replaced-"


@contextmanager
def new_file(path: Path, *, mode: int = 0o644, durable: bool = True) -> Iterator[Path]:
    """Give an empty file that gets the name ``path`` when the block ends without an error.

    Until then ``path`` stays as it was. What a killed process left of an earlier attempt is removed by the next.

    Args:
        path: The file; its folder is made if need be.
        mode: Permissions of the file, less the process's umask.
        durable: Whether to return only when it is on disk.

    Raises:
        OSError: If the disk refuses; nothing is left behind.
    """
    with _draft_file(path, mode) as (draft, descriptor):
        yield draft
        if durable:
            os.fsync(descriptor)
        draft.replace(path)
    if durable:
        sync_folder(path.parent)


def write_file(path: Path, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Write ``data`` to ``path``, which afterwards holds all of it, or what it held before; see :func:`new_file`."""
    with new_file(path, mode=mode, durable=durable) as draft:
        draft.write_bytes(data)


def write_once(path: Path, data: bytes, *, mode: int = 0o644) -> bytes:
    """Return what ``path`` holds; ``data`` is written if it is not there, and of several writers the first counts."""
    if not path.exists():
        with _draft_file(path, mode) as (draft, descriptor):
            draft.write_bytes(data)
            os.fsync(descriptor)
            # A link is made whole or not at all, and never over another file.
            with suppress(FileExistsError):
                os.link(draft, path)
        sync_folder(path.parent)
    return path.read_bytes()


@contextmanager
def _draft_file(path: Path, mode: int) -> Iterator[tuple[Path, int]]:
    """Give an empty file beside ``path`` and its descriptor; it is gone after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    draft, descriptor = _locked_draft(path, lambda name: os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield draft, descriptor
    finally:
        draft.unlink(missing_ok=True)
        os.close(descriptor)


def _locked_draft(path: Path, create: Callable[[Path], int]) -> tuple[Path, int]:
    """Return a new name beside ``path`` and the descriptor, locked, of what ``create`` made there."""
    while True:
        draft = path.with_name(f".{path.name}{_DRAFT}{secrets.token_hex(8)}")
        descriptor = create(draft)
        take_lock(descriptor)
        if draft.exists():  # otherwise another process removed it before it was locked
            return draft, descriptor
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts of ``path`` whose processes were killed: no one holds their locks."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}{_DRAFT}*"):
        with suppress(OSError):
            descriptor = os.open(draft, os.O_RDONLY)
            try:
                if take_lock(descriptor):
                    _remove(draft)
            finally:
                os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Return when the names in ``folder`` are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderDraft:
    """A new folder without its final name; :meth:`publish` gives it the name, :meth:`discard` removes it."""

    def __init__(self, folder: Path) -> None:
        """Make the draft beside ``folder``; what a killed process left of an earlier one is removed.

        Raises:
            OSError: If the draft cannot be made.
        """
        self._folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder.parent, purpose=f"write {folder.name}"):
            _restore_replaced(folder)
        _remove_abandoned(folder)
        self.path, self._lock = _locked_draft(folder, _make_folder)

    def publish(self, *, replace: bool) -> None:
        """Give the draft its name; what stood under the name stays until then and is removed afterwards.

        Args:
            replace: Whether a folder of that name is replaced; otherwise of several writers the first wins.

        Raises:
            FileExistsError: If a folder with content has that name and is not to be replaced.
        """
        with folder_lock(self._folder.parent, purpose=f"write {self._folder.name}"):
            if replace and self._folder.exists():
                self._folder.rename(_replaced_name(self._folder))
            try:
                # A rename replaces an empty folder, never one with content.
                self.path.rename(self._folder)
            except OSError as error:
                if not self._folder.exists():
                    raise
                raise FileExistsError(f"{self._folder.as_posix()} is there already; nothing was replaced.") from error
            finally:
                _restore_replaced(self._folder)
        sync_folder(self._folder.parent)

    def discard(self) -> None:
        """Remove what was not published, and let go."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


@contextmanager
def new_folder(folder: Path, *, replace: bool) -> Iterator[Path]:
    """Give an empty folder that gets the name ``folder`` when the block ends without an error.

    An error, an interrupt or a full disk leaves what stood there as it was, and nothing else.

    Args:
        folder: The name; its parent is made if need be.
        replace: As for :meth:`FolderDraft.publish`.

    Raises:
        FileExistsError: If a folder with content has that name by the end and is not to be replaced.
    """
    draft = FolderDraft(folder)
    try:
        yield draft.path
        draft.publish(replace=replace)
    finally:
        draft.discard()


def _make_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def _replaced_name(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_REPLACED}{secrets.token_hex(8)}")


def _restore_replaced(folder: Path) -> None:
    """Give a replaced folder its name back if nothing has taken it, else remove it; for the holder of the lock."""
    for old in sorted(folder.parent.glob(f".{glob.escape(folder.name)}{_REPLACED}*")):
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(folder)


@contextmanager
def folder_lock(folder: Path, *, purpose: str, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Let one thread of one process at a time into the block, for ``folder``, which is made if need be.

    The lock is held on the folder itself: it leaves no file behind, needs no right to write in the folder and ends
    with its process, however that ends.

    Args:
        folder: What is locked.
        purpose: What is done under the lock, for the message: "create tables".
        patience_seconds: How long to wait for others.

    Raises:
        BoathouseError: If others hold it for longer.
        OSError: If the folder cannot be made or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _wait_for_lock(descriptor, folder, purpose, patience_seconds)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: Path, purpose: str, patience_seconds: float) -> None:
    until = time.monotonic() + patience_seconds
    while not take_lock(descriptor):
        if time.monotonic() >= until:
            raise BoathouseError(
                f"Waited {patience_seconds:g} s for the lock on {path.as_posix()} to {purpose}; another process of "
                "this machine holds it. Wait for that process or stop it, then run again."
            )
        time.sleep(_POLL_SECONDS)


def take_lock(descriptor: int) -> bool:
    """Return whether the lock of the opened file or folder is held now; it ends when the descriptor is closed.

    A child process that inherits the descriptor holds the lock as well.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
