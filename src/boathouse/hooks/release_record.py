"""What a wheel knows of the release that it is: its commit, and the configuration that belongs to it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.lifecycle.evidence import UNKNOWN

if TYPE_CHECKING:
    from importlib.metadata import Distribution

# In the package; written when a wheel is built, in no checkout.
RELEASE_FILE = "release.json"
# What Python or an editor leaves beside code.
_LEFT_BEHIND = ("__pycache__", ".pyc", ".egg-info")


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """One release, as the wheel that was built from it says.

    Attributes:
        commit: Commit that the wheel was built from, or ``unknown``.
        branch: Its branch.
        tag: Its newest tag, or ``unknown``.
        dirty: Whether the files differed from the commit: ``true``, ``false`` or ``unknown``.
        conf: Git's id of each file of the configuration, by its path below ``conf``.
        released_runs: For each environment what becomes of runs that are not released: ``off``, ``warn``, ``enforce``.
    """

    commit: str = UNKNOWN
    branch: str = UNKNOWN
    tag: str = UNKNOWN
    dirty: str = UNKNOWN
    conf: Mapping[str, str] = field(default_factory=dict)
    released_runs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def read_release(package: Path) -> ReleaseRecord | None:
    """Return the record of the installed ``package``, or None for one that was built without."""
    path = package / RELEASE_FILE
    return ReleaseRecord(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def counts_as_code(path: Path) -> bool:
    """Return whether a file of a package decides what runs: not what Python or an editor leaves beside it."""
    return not any(part.startswith(".") or part.endswith(_LEFT_BEHIND) for part in path.parts)


def find_changed_files(package: Path) -> tuple[str, ...]:
    """Return the files of an installed ``package`` that are not as its wheel installed them, sorted.

    All of them where no list of an installer (``RECORD``) is found: nothing says what was installed.
    """
    here = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
    names = {name for name in here if counts_as_code(Path(name))}
    recorded = _read_record(package)
    gone = {name for name in recorded if name not in names}
    return tuple(sorted({name for name in names if recorded.get(name) != _digest(package.parent / name)} | gone))


def _read_record(package: Path) -> dict[str, str]:
    """Return the digest of each file of ``package`` in the list of its installer; no file without a list."""
    for found in distributions(path=[package.parent.as_posix()]):
        digests = _digests(found, package.name)
        if digests:
            return digests
    return {}


def _digests(installed: Distribution, package: str) -> dict[str, str]:
    return {
        file.as_posix(): file.hash.value
        for file in installed.files or ()
        if file.parts[0] == package and file.hash is not None and file.hash.mode == "sha256"
    }


def _digest(path: Path) -> str:
    """Return the SHA-256 as installers write it: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
