"""What git says of the files of a folder: asked of that folder's repository, whatever the environment names."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# A hanging git (network file system, lock) must not hold up a run.
_PATIENCE_S = 10
# Variables that lead git to another repository, index or set of objects than those of the folder.
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)


def environ_of_git() -> dict[str, str]:
    """Return the environment for git: a call of ours takes no lock, and asks the folder that it names."""
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"}


def ask_git(folder: Path, *words: str, given: bytes | None = None) -> bytes | None:
    """Return what git says in ``folder``, or None if it fails, hangs or is not there."""
    command = ["git", "-C", folder.as_posix(), *words]
    try:
        done = subprocess.run(  # noqa: S603  # fixed words and a path of ours
            command, capture_output=True, check=True, timeout=_PATIENCE_S, env=environ_of_git(), input=given
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def list_committed(root: Path, *folders: str) -> dict[str, str]:
    """Return the id of each file of the commit below ``folders``, by its path from ``root``; none without a commit."""
    said = ask_git(root, "ls-tree", "-r", "-z", "HEAD", "--", *folders) or b""
    files = {}
    for line in filter(None, said.split(b"\0")):
        kind, _, path = line.partition(b"\t")
        _, name, identity = kind.decode().split(" ")
        if name == "blob":
            files[os.fsdecode(path)] = identity
    return files


def read_committed(root: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Return the content of each of ``files``, given with its id, in the commit; those that git lacks are left out."""
    asked = "".join(f"{identity}\n" for identity in files.values()).encode()
    said = ask_git(root, "cat-file", "--batch", given=asked) or b""
    found = {}
    for name in files:
        head, _, said = said.partition(b"\n")
        if not head.endswith(b" missing") and head:
            size = int(head.rsplit(b" ", 1)[1])
            found[name], said = said[:size], said[size + 1 :]
    return found


def identify_files(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the id that git would give each file of ``names`` as it is now; those that cannot be read are left out."""
    readable = [name for name in names if (root / name).is_file() and "\n" not in name]
    said = ask_git(root, "hash-object", "--stdin-paths", given="".join(f"{name}\n" for name in readable).encode())
    return dict(zip(readable, (said or b"").decode().split(), strict=False))


def identify_content(content: bytes) -> str:
    """Return git's id of a file with ``content``, in a repository of SHA-1."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def find_differences(root: Path, folder: str, counts: Callable[[Path], bool]) -> tuple[str, ...]:
    """Return the files of ``folder`` that are not as in the commit, by their path from ``root``, sorted.

    Their content is compared: a file that an ignore rule, another repository's commit or ``git update-index
    --assume-unchanged`` keeps out of ``git status`` is found too.

    Args:
        root: Folder of the checkout.
        folder: Path below it.
        counts: Whether a file counts, by its path from ``root``.
    """
    committed = {name: each for name, each in list_committed(root, folder).items() if counts(Path(name))}
    here = (path.relative_to(root) for path in (root / folder).rglob("*") if path.is_file())
    names = sorted(path.as_posix() for path in here if counts(path))
    found = identify_files(root, names)
    changed = {name for name in names if name not in found or found[name] != committed.get(name)}
    return tuple(sorted(changed | (committed.keys() - set(names))))
