"""The catalog's registered model: saved as a new version, loaded only after its files are checked."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from kedro.io.core import AbstractDataset

from boathouse.core.errors import ConfigError, ModelError, UntrustedModelError
from boathouse.core.modelling import LoadedModel, NoModel, TrainedModel
from boathouse.core.options import require_choice
from boathouse.core.scoring import read_folder
from boathouse.datasets.model_files import check_flavour, log_model
from boathouse.datasets.registry_client import guard_store, open_client

ALIASES = ("challenger", "champion", "previous")
NEWEST = "newest"


class ModelVersionDataset(AbstractDataset[Any, Any]):
    """One registered model, at an alias or at its newest version."""

    def __init__(
        self,
        *,
        name: str,
        alias: str | None = None,
        version: str | None = None,
        missing_ok: bool = False,
        environment: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            alias: ``champion``, ``challenger`` or ``previous``; None for the newest version.
            version: This version, whatever points to it; not with an alias.
            missing_ok: Whether a load returns :class:`NoModel` where there is no such version.
            environment: Environment for the message when there is none; the name's first part by default.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            OptionError: If the alias is none of those.
            ConfigError: If alias and version are given.
        """
        if alias is not None and version is not None:
            raise ConfigError.in_catalog(name, "give 'alias' or 'version', not both")
        if alias is not None:
            require_choice("alias", alias, ALIASES)
        self._name, self._alias, self._missing_ok = name, alias, missing_ok
        self._version = version
        self._environment = environment or name.split(".", maxsplit=1)[0]
        self.metadata = metadata
        self.last_saved_version: str | None = None
        self.last_loaded_version: str | None = None

    def save(self, data: TrainedModel) -> None:
        """Register ``data`` as a new version; its stage is ``registered`` until a promotion moves it."""
        with guard_store():
            self.last_saved_version = log_model(data, self._name, environment=self._environment)

    def load(self) -> LoadedModel | NoModel:
        """Return the version, its MLmodel file, file names and digests checked; nothing of it is executed.

        Raises:
            ModelError: If there is no such version, or the store cannot be reached.
            UntrustedModelError: If the version could execute foreign code or was changed.
        """
        with guard_store():
            found = self._find_version()
            if found is None:
                return self._without_version()
            loaded = LoadedModel(
                name=self._name,
                version=str(found.version),
                files=self._download(str(found.version)),
                tags=dict(found.tags or {}),
                alias=self._alias,
            )
        self.last_loaded_version = loaded.version
        return loaded

    def _without_version(self) -> NoModel:
        """Return the marker, or raise, as the entry says."""
        if self._missing_ok:
            return NoModel(self._name, self._alias or NEWEST)
        pipelines = "training" if self._alias is None else "training,evaluation,promotion"
        command = f"kedro run --pipelines {pipelines} --env {self._environment}"
        wanted = f"alias '{self._alias}'" if self._alias else f"version {self._version or ''}".rstrip()
        raise ModelError.not_registered(self._name, wanted, command)

    def _find_version(self) -> Any | None:  # noqa: ANN401 - MLflow's ModelVersion
        """Return the version that is meant, or None."""
        from mlflow.exceptions import MlflowException

        client = open_client()
        try:
            if self._version is not None:
                return client.get_model_version(self._name, self._version)
            if self._alias is not None:
                return client.get_model_version_by_alias(self._name, self._alias)
            versions = client.search_model_versions(f"name = '{self._name}'")
            return max(versions, key=lambda each: int(each.version), default=None)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def _download(self, version: str) -> dict[str, bytes]:
        """Return the model's own files, after a look at what MLflow would execute."""
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            uri = f"models:/{self._name}/{version}"
            path = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
            data = check_flavour(path, self._name)
            if not data.is_dir():
                raise UntrustedModelError.foreign_loader(self._name, "a missing data folder")
            return dict(read_folder(data))

    def _exists(self) -> bool:
        """Return whether there is such a version."""
        with guard_store():
            return self._find_version() is not None

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._name, "version": f"@{self._alias}" if self._alias else self._version or NEWEST}
