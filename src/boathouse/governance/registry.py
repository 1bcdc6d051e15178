"""One registered model in MLflow's registry, on SQLite, a server or Unity Catalog."""

from __future__ import annotations

from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

from boathouse.core.promotion.registry_state import Change, RegisteredVersion, RegistryState
from boathouse.core.scoring.files import check_files, digest_of
from boathouse.datasets.model_download import download_model
from boathouse.datasets.registry_client import guard_store, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient


class ModelRegistry:
    """What the life cycle reads of one model, and the single steps that change it."""

    def __init__(self, name: str) -> None:
        """Remember which model; connect to nothing."""
        self.name = name

    def read(self) -> RegistryState:
        """Return all versions with their tags, and the aliases; nothing for a model that is not registered.

        Raises:
            ModelError: If the store cannot be reached.
        """
        with guard_store():
            client = open_client()
            versions = client.search_model_versions(f"name = '{self.name}'")
            aliases = self._read_aliases(client) if versions else {}
            found = [self._complete(client, each) for each in versions]
        ordered = sorted(found, key=lambda each: int(each.version))
        return RegistryState(versions={each.version: each for each in ordered}, aliases=aliases)

    def _read_aliases(self, client: MlflowClient) -> dict[str, str]:
        aliases = client.get_registered_model(self.name).aliases
        return {str(alias): str(version) for alias, version in aliases.items()}

    def _complete(self, client: MlflowClient, found: Any) -> RegisteredVersion:  # noqa: ANN401 - MLflow's ModelVersion
        """Return the version with its tags, which a search in Unity Catalog leaves out."""
        if not found.tags:
            found = client.get_model_version(self.name, str(found.version))
        return RegisteredVersion(
            version=str(found.version),
            tags=dict(found.tags or {}),
            description=found.description or "",
            created_by=str(found.user_id or ""),
            source=str(found.source or ""),
        )

    def apply(self, change: Change) -> None:
        """Carry out one step.

        Raises:
            ModelError: If the store cannot be reached.
        """
        with guard_store():
            client = open_client()
            if change.action == "set_alias":
                client.set_registered_model_alias(self.name, change.key, change.version)
            elif change.action == "delete_alias":
                client.delete_registered_model_alias(self.name, change.key)
            elif change.action == "set_tag":
                client.set_model_version_tag(self.name, change.version, change.key, change.value)
            elif change.action == "delete_tag":
                client.delete_model_version_tag(self.name, change.version, change.key)
            else:
                client.update_model_version(self.name, change.version, change.value)

    def tag(self, version: str, key: str, value: str) -> None:
        """Set one tag of a version."""
        self.apply(Change("set_tag", version, key, value))

    def compute_digest(self, version: str) -> str:
        """Return the digest of the version's files as they are now; nothing of them is executed.

        Raises:
            ModelError: If the store cannot be reached.
            UntrustedModelError: If the files are not those of their own manifest, or could execute code.
        """
        with guard_store(), redirect_stderr(StringIO()):
            files = download_model(self.name, version)
        check_files(files)
        return digest_of(files)

    def copy_from(self, source: str, version: str) -> str:
        """Copy ``version`` of the model ``source`` into this one; return the new version."""
        with guard_store(), redirect_stderr(StringIO()):
            copied = open_client().copy_model_version(f"models:/{source}/{version}", self.name)
        return str(copied.version)

    def delete(self, version: str) -> None:
        """Remove a version."""
        with guard_store():
            open_client().delete_model_version(self.name, version)
