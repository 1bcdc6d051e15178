"""Versions of registered models as a server follows them: cheap questions, and files that were checked."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.errors import ImageError
from boathouse.registry.client import guard_store, ignore_missing, open_client
from boathouse.scoring.files import ModelFiles, digest_of, read_folder, write_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# Tag of a registered model: how many of its records in the ledger the aliases and tags show.
SHOWN_TAG = "ledger_records"
# Status of a version whose files are all there.
READY = "READY"


def read_aliases(client: MlflowClient, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the version at each alias, and the tags of the registered model; nothing for one that is not there."""
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}, {}
    aliases = {str(alias): str(version) for alias, version in (found.aliases or {}).items()}
    return aliases, dict(found.tags or {})


def list_numbers(client: MlflowClient, name: str) -> list[str]:
    """Return the numbers of a model's versions, ascending; none for a model that is not there.

    A version whose files are still being written, or were never written, is not there yet.
    """
    return [str(each.version) for each in _search(client, name)]


def read_versions(client: MlflowClient, name: str, *, only: Collection[str] | None = None) -> list[ModelVersion]:
    """Return a model's versions with their tags, by number, ascending; none for a model that is not there.

    Args:
        client: Of the registry.
        name: Registered name.
        only: Numbers of the versions to read; None for all of them.
    """
    found = [each for each in _search(client, name) if only is None or str(each.version) in only]
    return [complete for each in found if (complete := _complete(client, each)) is not None]


def _search(client: MlflowClient, name: str) -> list[ModelVersion]:
    """Return what a search finds, page by page: a page may hold less than was asked for, or nothing."""
    from mlflow.exceptions import MlflowException

    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        try:
            page = client.search_model_versions(f"name = '{name}'", page_token=token)
        except MlflowException as error:
            # SQLite finds no version of a model that is not there; Unity Catalog refuses the question.
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return []
        found += page
        token = page.token
        if not token:
            return sorted((each for each in found if each.status == READY), key=lambda each: int(each.version))


def _complete(client: MlflowClient, found: ModelVersion) -> ModelVersion | None:
    """Return a hit with its tags, or None if the version was deleted since.

    A hit of Unity Catalog has none: its ``tags`` and ``aliases`` are methods that raise.
    """
    if isinstance(found.tags, Mapping) and found.tags:
        return found
    complete = None
    with ignore_missing():
        complete = client.get_model_version(found.name, str(found.version))
    return complete  # noqa: RET504 - None where it was deleted


def copy_registered(client: MlflowClient, source: str, version: str, target: str) -> ModelVersion:
    """Copy a version of the model ``source`` to the model ``target``; return the new version.

    In Unity Catalog a version without MLflow's id of a logged model has an empty one, which MLflow's own copy takes for
    an id and refuses (mlflow/mlflow#22012).
    """
    uri = f"models:/{source}/{version}"
    found = client.get_model_version(source, version)
    if found.model_id != "":
        return client.copy_model_version(uri, target)
    if not _is_registered(client, target):
        client.create_registered_model(target)
    return client.create_model_version(
        target, uri, run_id=found.run_id or None, tags=found.tags, description=found.description or None
    )


def _is_registered(client: MlflowClient, name: str) -> bool:
    found = None
    with ignore_missing():
        found = client.get_registered_model(name)
    return found is not None


def parse_shown(tag: str | None) -> int:
    """Return the number that :data:`SHOWN_TAG` holds; 0 for none, or for what is no number."""
    return int(tag) if tag is not None and tag.isdecimal() else 0


class RegistryVersions:
    """Aliases, digests and files of every model in the registry that this process is configured for."""

    def aliases(self, name: str) -> tuple[dict[str, str], int]:
        """Return the version at each alias, and how many records of the ledger the registry was last synced with.

        Raises:
            ModelError: If the store cannot be reached.
        """
        with guard_store():
            aliases, tags = read_aliases(open_client(), name)
        return aliases, parse_shown(tags.get(SHOWN_TAG))

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
        from boathouse.registry.model_files import download_model

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
