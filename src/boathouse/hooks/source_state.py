"""The state of the source that runs, read from git or from the environment of a deployment."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path

from boathouse.lifecycle.evidence import NO_DIFFERENCE, UNKNOWN, SourceState

__all__ = ["SourceState", "parse_git_status", "read_source_state"]

# A hanging git (network file system, lock) must not hold up a run.
_GIT_PATIENCE_S = 10
# What decides what a run does, in the root of a checkout. Reports, tables and notes beside it change no run.
_RUNS = ("src", "conf", "pyproject.toml", "requirements.lock")
# Where installers put packages.
_INSTALLED = ("site-packages", "dist-packages")


def read_source_state(package: Path | None = None) -> SourceState:
    """Return the state of the checkout that ``package`` (default: this package) runs from.

    Only what decides what runs counts as a change: ``src``, ``conf``, ``pyproject.toml`` and ``requirements.lock``.

    An installed wheel has no checkout, even if it is run inside one: then ``BOATHOUSE_GIT_COMMIT``,
    ``BOATHOUSE_GIT_BRANCH`` and ``BOATHOUSE_GIT_TAG``, which a deployment may set, are taken, else ``unknown``.
    """
    code = package or Path(__file__).parents[1]
    root = code.parents[1]
    report = _ask_git(root, "status", "--porcelain=v2", "--branch", "--", *_RUNS) if (root / ".git").exists() else None
    if report is None:
        return replace(_read_environment(), is_wheel=code.parent.name in _INSTALLED)
    tags = (_ask_git(root, "tag", "--points-at", "HEAD", "--sort=-creatordate") or b"").decode().split()
    state = replace(parse_git_status(report.decode(errors="replace")), tag=tags[0] if tags else UNKNOWN)
    return replace(state, difference=NO_DIFFERENCE if state.dirty == "false" else _digest_difference(root))


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


def _digest_difference(root: Path) -> str:
    """Return the digest of the change of known files and of the content of unknown ones."""
    changed = _ask_git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--", *_RUNS)
    others = _ask_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *_RUNS)
    if changed is None or others is None:
        return UNKNOWN
    digest = hashlib.sha256(changed)
    for name in sorted(filter(None, others.split(b"\0"))):
        digest.update(name + b"\0" + _digest_file(root / os.fsdecode(name)))
    return digest.hexdigest()


def _digest_file(path: Path) -> bytes:
    """Return the digest of a file's content; nothing for what is no file or is gone by now."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def _ask_git(root: Path, *words: str) -> bytes | None:
    command = ["git", "-C", root.as_posix(), *words]
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603  # fixed words and a path of ours
            command, capture_output=True, check=True, timeout=_GIT_PATIENCE_S, env=environ
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
