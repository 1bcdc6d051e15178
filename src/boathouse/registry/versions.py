"""Versions of registered models as a server follows them: cheap questions, and files that were checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from boathouse.errors import ImageError
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.model_files import download_model
from boathouse.scoring.files import ModelFiles, digest_of, read_folder, write_folder


class RegistryVersions:
    """Aliases, digests and files of every model in the registry that this process is configured for.

    ``dataset.RegisteredVersions`` loads the versions of one model, ready to score.
    """

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version at each alias; nothing for a model that is not registered.

        Raises:
            ModelError: If the store cannot be reached.
        """
        from mlflow.exceptions import MlflowException

        with guard_store():
            try:
                found = open_client().get_registered_model(name).aliases
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return {}
        return {alias: str(version) for alias, version in found.items()}

    def digest(self, name: str, version: str) -> str | None:
        """Return the digest of the files that the version was registered with, or None.

        Raises:
            ModelError: If the store cannot be reached.
        """
        with guard_store():
            tags = open_client().get_model_version(name, version).tags
        return None if tags is None else tags.get("model_digest")

    def files(self, name: str, version: str) -> ModelFiles:
        """Return the version's own files, after a look at what MLflow would execute.

        Raises:
            ModelError: If the store cannot be reached.
            UntrustedModelError: If loading it would execute anything but our loader.
        """
        with guard_store():
            return download_model(name, version)


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
            message = (
                f"The folder {folder.as_posix()} holds no models: registry.json is missing or no JSON. "
                "Make one: boathouse models build-context VERSION --to FOLDER."
            )
            raise ImageError(message) from error

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version at each alias; nothing for a model that is not there."""
        return dict(self._index.get(name, {}).get("aliases", {}))

    def digest(self, name: str, version: str) -> str | None:
        """Return the digest that the version was written with, or None."""
        found: str | None = self._index.get(name, {}).get("digests", {}).get(version)
        return found

    def files(self, name: str, version: str) -> ModelFiles:
        """Return the files of a version; their digests are checked when they are loaded.

        Raises:
            ImageError: If the version is not there.
            UntrustedModelError: If its folder holds what a model has not.
        """
        if self.digest(name, version) is None:
            message = (
                f"The folder {self._folder.as_posix()} holds no version {version} of '{name}'. "
                "Serve one it holds, or build it again."
            )
            raise ImageError(message)
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
