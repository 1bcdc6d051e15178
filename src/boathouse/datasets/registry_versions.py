"""Versions of registered models as a server follows them: cheap questions, and files that were checked."""

from __future__ import annotations

from boathouse.core.scoring.files import ModelFiles
from boathouse.datasets.model_download import download_model
from boathouse.datasets.registry_client import guard_store, open_client


class RegistryVersions:
    """The registry that this process is configured for."""

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
