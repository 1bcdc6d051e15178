"""The folder of a running server: its workers leave their counts there; it ends with the server, however that ends."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.atomic_files import take_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "boathouse-serve-"


@contextmanager
def open_run_folder() -> Iterator[Path]:
    """Give a new folder that is removed after the block; those of servers that were killed are removed first."""
    _remove_abandoned()
    folder, descriptor = _make_locked()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def leave_run_folder(folder: Path, own: Path) -> None:
    """Remove a worker's file, and the folder with the last of them: their server was killed and removes nothing."""
    with suppress(OSError):
        own.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _make_locked() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        descriptor = os.open(folder, os.O_RDONLY)
        # Held by the process: workers do not inherit it. Before it was held another start may have removed the folder.
        if take_lock(descriptor) and folder.exists():
            return folder, descriptor
        os.close(descriptor)


def _remove_abandoned() -> None:
    """Remove the folders of this account that no running server holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if take_lock(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
