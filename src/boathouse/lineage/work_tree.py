"""A commit checked out into a temporary folder, which is gone afterwards whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from boathouse.atomic_files import take_lock
from boathouse.errors import ReproductionError
from boathouse.lineage.git_files import environ_of_git

_PREFIX, _LOCK = "boathouse-reproduce-", "lock"


@dataclass(frozen=True)
class WorkTree:
    """A temporary folder with the project at some commit.

    Attributes:
        folder: The temporary folder, for whatever else is needed for a while.
        project: The project in it.
        lock: Descriptor of the lock that keeps the folder; a child that has it too keeps the folder as well.
    """

    folder: Path
    project: Path
    lock: int


@contextmanager
def check_out(project: Path, commit: str) -> Iterator[WorkTree]:
    """Give ``commit`` of the repository of ``project`` in a temporary folder; the checkout itself stays as it is.

    The folder is removed at the end, after Ctrl-C and SIGTERM too. What a killed process left behind is
    removed by the next call: no process holds its lock any more.
    """
    sweep(project)
    folder, lock = _make_folder()
    with _ended_by_signals():
        try:
            tree = folder / "tree"
            run_git(project, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", tree.as_posix(), commit)
            inside = run_git(project, "rev-parse", "--show-prefix").strip()
            yield WorkTree(folder, tree / inside, lock)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            _forget(project)


def sweep(project: Path) -> list[str]:
    """Remove what killed calls of this user have left; return the folders removed."""
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if folder.stat().st_uid == os.getuid() and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.as_posix())
    _forget(project)
    return removed


def _forget(project: Path) -> None:
    """Have git forget our work trees that are gone.

    Not by ``git worktree prune``: that would forget somebody else's tree on a disk that is not mounted, too.
    """
    for line in run_git(project, "worktree", "list", "--porcelain").splitlines():
        path = Path(line.removeprefix("worktree "))
        if line.startswith("worktree ") and path.parent.name.startswith(_PREFIX) and not path.exists():
            run_git(project, "worktree", "remove", "--force", path.as_posix())


def run_git(project: Path, *words: str) -> str:
    """Return what git says.

    Raises:
        ReproductionError: If it fails, with its last line.
    """
    command = ["git", "-C", project.as_posix(), *words]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, capture_output=True, text=True, check=True, env=environ_of_git()
        )
    except FileNotFoundError as error:
        raise _git_error("be started", "it is not installed") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise _git_error(" ".join(words[:2]), reason) from error
    return done.stdout


def _git_error(command: str, reason: str) -> ReproductionError:
    return ReproductionError(f"git could not {command}: {reason}")


def _make_folder() -> tuple[Path, int]:
    """Return a new folder and its lock, held."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
        take_lock(lock)
        if (folder / _LOCK).exists():  # else another call swept it away in between
            return folder, lock
        os.close(lock)


def _is_abandoned(folder: Path) -> bool:
    """Return whether no process holds the folder's lock; one without a lock is only being made."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        return take_lock(lock)
    finally:
        os.close(lock)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the block as Ctrl-C does, so that it can tidy up."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            before[int(number)] = signal.signal(number, leave)
    except ValueError:  # not the main thread: signals are somebody else's
        before = {}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
