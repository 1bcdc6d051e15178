"""Versions of models in a folder, as an image carries them: the questions a server asks, without a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from boathouse.core.errors import ImageError
from boathouse.core.scoring.files import ModelFiles, digest_of, read_folder, write_folder

INDEX = "registry.json"


class FolderVersions:
    """``<folder>/<registered name>/<version>/``, with aliases and digests in ``<folder>/registry.json``."""

    def __init__(self, folder: Path) -> None:
        """Read the index.

        Raises:
            ImageError: If the folder holds no models.
        """
        self._folder = folder
        try:
            self._index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ImageError.no_models(folder.as_posix()) from error

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version at each alias; nothing for a model that is not there."""
        return dict(self._index.get(name, {}).get("aliases", {}))

    def digest(self, name: str, version: str) -> str | None:
        """Return the digest that the version was written with, or None."""
        found: str | None = self._index.get(name, {}).get("digests", {}).get(version)
        return found

    def files(self, name: str, version: str) -> ModelFiles:
        """Return the files of a version; whoever loads them checks their digests.

        Raises:
            ImageError: If the version is not there.
            UntrustedModelError: If its folder holds what a model has not.
        """
        if self.digest(name, version) is None:
            raise ImageError.no_version(name, version, self._folder.as_posix())
        return read_folder(self._folder / name / version)


def write_versions(folder: Path, versions: Mapping[tuple[str, str], ModelFiles], aliases: Mapping[str, Any]) -> None:
    """Write versions by name and number, and the index that :class:`FolderVersions` reads.

    Args:
        folder: Where to.
        versions: Files of each ``(registered name, version)``.
        aliases: For each registered name the version at each alias.
    """
    index: dict[str, Any] = {}
    for (name, version), files in versions.items():
        write_folder(files, folder / name / version)
        known = index.setdefault(name, {"aliases": dict(aliases.get(name, {})), "digests": {}})
        known["digests"][version] = digest_of(files)
    (folder / INDEX).write_text(json.dumps(index, indent=2), encoding="utf-8")
