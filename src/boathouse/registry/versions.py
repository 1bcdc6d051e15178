"""Versions of registered models as a server follows them: cheap questions, and files that were checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import ImageError
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.model_files import download_model
from boathouse.scoring.files import ModelFiles, digest_of, read_folder, write_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Tag of a registered model: how many of its records in the ledger the aliases and tags show.
SHOWN_TAG = "ledger_records"


def read_aliases(client: MlflowClient, name: str) -> tuple[dict[str, str], int]:
    """Return the version at each alias, and how many records of the ledger the registry was last synced with.

    Nothing and 0 for a model that is not registered.
    """
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}, 0
    aliases = {str(alias): str(version) for alias, version in (found.aliases or {}).items()}
    return aliases, parse_shown((found.tags or {}).get(SHOWN_TAG))


def parse_shown(tag: str | None) -> int:
    """Return the number that :data:`SHOWN_TAG` holds; 0 for none, or for what is no number."""
    return int(tag) if tag is not None and tag.isdecimal() else 0


class RegistryVersions:
    """Aliases, digests and files of every model in the registry that this process is configured for."""

    def aliases(self, name: str) -> tuple[dict[str, str], int]:
        """Return what :func:`read_aliases` does.

        Raises:
            ModelError: If the store cannot be reached.
        """
        with guard_store():
            return read_aliases(open_client(), name)

    def digest(self, name: str, version: str) -> str | None:
        """Return the digest that the version is tagged with; None without one, or if there is no such version.

        Raises:
            ModelError: If the store cannot be reached.
        """
        from mlflow.exceptions import MlflowException

        with guard_store():
            try:
                tags = open_client().get_model_version(name, version).tags
            except MlflowException as error:
                if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                    raise
                return None
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
    """``<folder>/<registered name>/<version>/``, with aliases, digests and decisions in ``<folder>/registry.json``."""

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

    def decision(self, name: str, version: str) -> dict[str, Any]:
        """Return what a ledger had decided on the version when it was written; empty if none was asked."""
        return dict(self._index.get(name, {}).get("decisions", {}).get(version) or {})

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


def write_versions(
    folder: Path,
    versions: Mapping[tuple[str, str], ModelFiles],
    aliases: Mapping[str, Any],
    decisions: Mapping[tuple[str, str], Mapping[str, Any]],
) -> None:
    """Write versions by name and number, and the index that :class:`FolderVersions` reads.

    Args:
        folder: Where to.
        versions: Files of each ``(registered name, version)``.
        aliases: For each registered name the version at each alias.
        decisions: What the ledger decided on each version, in plain values.
    """
    index: dict[str, Any] = {}
    for (name, version), files in versions.items():
        write_folder(files, folder / name / version)
        known = index.setdefault(name, {"aliases": dict(aliases.get(name, {})), "digests": {}, "decisions": {}})
        known["digests"][version] = digest_of(files)
        known["decisions"][version] = dict(decisions.get((name, version), {}))
    (folder / INDEX).write_text(json.dumps(index, indent=2), encoding="utf-8")
