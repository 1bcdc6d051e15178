"""Which state of the code a run used."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

UNKNOWN = "unknown"
# A hanging git (network file system, lock) must not hold up a run.
_GIT_PATIENCE_S = 10
# Where installers put packages.
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """Commit and branch of the code, ``unknown`` where nobody can tell.

    Attributes:
        commit: Full hash of the commit.
        branch: Branch name, or ``(detached)``.
        dirty: ``true`` if files differ from the commit or are not in it, ``false``, or ``unknown``.
        tag: Newest tag of the commit, or ``unknown`` if it has none.
        is_wheel: Whether the code runs from an installed package, not from a checkout.
    """

    commit: str = UNKNOWN
    branch: str = UNKNOWN
    dirty: str = UNKNOWN
    tag: str = UNKNOWN
    is_wheel: bool = False


def read_source_state(package: Path | None = None) -> SourceState:
    """Return the state of the checkout that ``package`` (default: this package) runs from.

    An installed wheel has no checkout, even if it is run inside one: then ``BOATHOUSE_GIT_COMMIT``,
    ``BOATHOUSE_GIT_BRANCH`` and ``BOATHOUSE_GIT_TAG``, which a deployment may set, are taken, else ``unknown``.
    """
    code = package or Path(__file__).parents[1]
    root = code.parents[1]
    report = _ask_git(root, "status", "--porcelain=v2", "--branch") if (root / ".git").exists() else None
    if report is None:
        return replace(_read_environment(), is_wheel=code.parent.name in _INSTALLED)
    tags = (_ask_git(root, "tag", "--points-at", "HEAD", "--sort=-creatordate") or "").split()
    return replace(parse_git_status(report), tag=tags[0] if tags else UNKNOWN)


def parse_git_status(report: str) -> SourceState:
    """Return the state told by ``git status --porcelain=v2 --branch``.

    Headers start with ``#``; every other line is a file that differs from the commit.
    """
    lines = report.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    dirty = any(not line.startswith("#") for line in lines)
    return SourceState(
        commit=heads.get("branch.oid", UNKNOWN),
        branch=heads.get("branch.head", UNKNOWN),
        dirty=str(dirty).lower(),
    )


def _ask_git(root: Path, *words: str) -> str | None:
    command = ["git", "-C", root.as_posix(), *words]
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603  # fixed words and a path of ours
            command, capture_output=True, text=True, check=True, timeout=_GIT_PATIENCE_S, env=environ
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _read_environment() -> SourceState:
    return SourceState(
        commit=os.environ.get("BOATHOUSE_GIT_COMMIT", UNKNOWN),
        branch=os.environ.get("BOATHOUSE_GIT_BRANCH", UNKNOWN),
        tag=os.environ.get("BOATHOUSE_GIT_TAG", UNKNOWN),
    )
