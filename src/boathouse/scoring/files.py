"""The files of a model: named, sealed by digests, and refused when either is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from boathouse.errors import UntrustedModelError
from boathouse.scoring.feature_spec import FEATURE_SPEC

MANIFEST = "manifest.json"
SPEC = "spec.json"
# Everything a model folder may hold; anything else is refused unread.
ALLOWED_FILES = frozenset({MANIFEST, SPEC, FEATURE_SPEC, "booster.json", "estimator.json", "estimator.skops"})
# What earlier versions wrote: refused like any other foreign file, but said to be old.
RETIRED_FILES = frozenset({"estimator.ubj"})

# The largest boosters of tables have some ten megabytes.
MAX_FILE_BYTES = 500_000_000

ModelFiles = Mapping[str, bytes]


def seal_files(files: ModelFiles) -> ModelFiles:
    """Return ``files`` with a manifest that holds the SHA-256 of each."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    return {**files, MANIFEST: json.dumps(digests, indent=2).encode()}


def check_files(files: ModelFiles) -> None:
    """Check names and digests; nothing is parsed but the manifest.

    Raises:
        UntrustedModelError: For a missing manifest, a name that is not allowed, a file that the manifest
            does not list or that is missing, or a digest that differs.
    """
    _check_names(sorted(set(files) - ALLOWED_FILES))
    if MANIFEST not in files:
        raise UntrustedModelError.without_manifest()
    digests = _read_manifest(files[MANIFEST])
    present = set(files) - {MANIFEST}
    if set(digests) != present:
        raise UntrustedModelError.manifest_differs(sorted(set(digests) ^ present))
    changed = sorted(name for name in present if hashlib.sha256(files[name]).hexdigest() != digests[name])
    if changed:
        raise UntrustedModelError.changed_files(changed)


def digest_of(files: ModelFiles) -> str:
    """Return the SHA-256 of the manifest, which identifies the model."""
    return hashlib.sha256(files[MANIFEST]).hexdigest()


def read_folder(folder: Path) -> ModelFiles:
    """Return the content of the files directly in ``folder``; links are not followed.

    Raises:
        UntrustedModelError: If it holds a folder, a link or a file that a model has not.
    """
    entries = list(folder.iterdir())
    _check_names(
        sorted(each.name for each in entries if each.name not in ALLOWED_FILES or each.is_symlink() or each.is_dir())
    )
    odd = sorted(each.name for each in entries if not each.is_file())
    if odd:
        raise UntrustedModelError.odd_file(folder.name, odd[0])
    size = sum(each.stat().st_size for each in entries)
    if size > MAX_FILE_BYTES:
        raise UntrustedModelError.too_large(folder.name, len(entries), size, MAX_FILE_BYTES)
    return {each.name: each.read_bytes() for each in entries}


def write_folder(files: ModelFiles, folder: Path) -> None:
    """Write ``files`` into ``folder``, which is made if it is missing."""
    check_files(files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _check_names(foreign: Sequence[str]) -> None:
    """Refuse a model with ``foreign`` files; one of an older version is named as such."""
    if foreign and set(foreign) <= RETIRED_FILES:
        raise UntrustedModelError.retired_format(foreign)
    if foreign:
        raise UntrustedModelError.foreign_files(foreign, ALLOWED_FILES)


def _read_manifest(content: bytes) -> dict[str, str]:
    try:
        digests = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UntrustedModelError.unreadable(MANIFEST) from error
    if not isinstance(digests, dict) or not all(isinstance(each, str) for each in digests.values()):
        raise UntrustedModelError.unreadable(MANIFEST)
    return digests
