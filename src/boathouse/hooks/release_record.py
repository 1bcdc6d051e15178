"""What a wheel knows of the release that it is: its commit, and the configuration that belongs to it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse import __version__
from boathouse.lifecycle.evidence import NO_COMMIT, NO_DIFFERENCE, UNKNOWN, SourceState

if TYPE_CHECKING:
    from importlib.metadata import Distribution

# In the package; written when a wheel is built, in no checkout.
RELEASE_FILE = "release.json"
# The run of the workflow manager, set by it or by ``boathouse run --job-run-id``.
JOB_RUN_VARIABLE = "BOATHOUSE_JOB_RUN_ID"
# What Python or an editor leaves beside code.
_LEFT_BEHIND = ("__pycache__", ".pyc", ".egg-info")
# Digits of a commit, and of a difference, in a version: git's own short form of a large repository, and one more.
_COMMIT_DIGITS, _DIFFERENCE_DIGITS = 12, 12


@dataclass(frozen=True, kw_only=True)
class ReleaseRecord:
    """One release, as the wheel that was built from it says.

    Attributes:
        version: Version of the wheel, as :func:`name_version` gives it.
        commit: Commit that the wheel was built from, or ``unknown``.
        branch: Its branch.
        tag: Its tag of the version, else its newest, or ``unknown``.
        dirty: Whether the files differed from the commit: ``true``, ``false`` or ``unknown``.
        difference: SHA-256 of that difference; ``none`` or ``unknown``.
        lock_digest: SHA-256 of ``requirements.lock``, or ``unknown``.
        built_at: Time of the build, ISO 8601 in UTC, to the second; the same for two builds of a clean commit.
        built_at_is: Where that time is from: ``commit`` (its time, of a clean checkout), ``SOURCE_DATE_EPOCH`` (the
            variable, in seconds since 1970) or ``clock``.
        conf: Git's id of each file of the configuration, by its path below ``conf``.
        released_runs: For each environment what becomes of runs that are not released: ``off``, ``warn``, ``enforce``.
    """

    version: str = UNKNOWN
    commit: str = UNKNOWN
    branch: str = UNKNOWN
    tag: str = UNKNOWN
    dirty: str = UNKNOWN
    difference: str = UNKNOWN
    lock_digest: str = UNKNOWN
    built_at: str = UNKNOWN
    built_at_is: str = UNKNOWN
    conf: Mapping[str, str] = field(default_factory=dict)
    released_runs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def read_release(package: Path) -> ReleaseRecord | None:
    """Return the record of the installed ``package``, or None for one that was built without."""
    path = package / RELEASE_FILE
    if not path.is_file():
        return None
    known = {each.name for each in fields(ReleaseRecord)}
    found = json.loads(path.read_text(encoding="utf-8"))
    # A later version may record more.
    return ReleaseRecord(**{name: value for name, value in found.items() if name in known})


def name_version(source: SourceState) -> str:
    """Return the version of the code in ``source``: two builds of different code never have the same.

    A clean commit with a tag of the version, ``0.1.0`` or ``v0.1.0``, has the bare version. Every other one has a
    local part, by the rules of Python's versions: ``0.1.0+g1a2b3c4d5e6f`` with the commit, and
    ``.dirty0123456789ab`` with the digest of the difference where files differ from it; ``.unknown`` where nothing
    says whether they do. An installed wheel has what it was built with.
    """
    if source.is_wheel:
        return __version__
    base = __version__.partition("+")[0]
    has_commit = source.commit not in {UNKNOWN, NO_COMMIT, ""}
    if has_commit and source.dirty == "false":
        return base if source.tag in release_tags() else f"{base}+g{source.commit[:_COMMIT_DIGITS]}"
    known = source.difference not in {UNKNOWN, NO_DIFFERENCE}
    parts = [f"g{source.commit[:_COMMIT_DIGITS]}"] if has_commit else []
    parts.append(f"dirty{source.difference[:_DIFFERENCE_DIGITS]}" if known else UNKNOWN)
    return f"{base}+{'.'.join(parts)}"


def release_tags() -> tuple[str, str]:
    """Return the tags that say of a commit that it is this version."""
    base = __version__.partition("+")[0]
    return f"v{base}", base


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
