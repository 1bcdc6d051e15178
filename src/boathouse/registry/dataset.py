"""The catalog's registered model: saved as a new version, loaded only after its files are checked."""

from __future__ import annotations

from typing import Any, cast

from kedro.io.core import AbstractDataset, DatasetError

from boathouse.errors import BoathouseError, ModelError
from boathouse.modelling.result import LoadedModel, NoModel, TrainedModel
from boathouse.namespaces import name_environment
from boathouse.options import require_choice
from boathouse.registry.checks import check_digest, check_name
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.model_files import download_version, log_model
from boathouse.registry.tags import read_tags
from boathouse.registry.versions import list_numbers
from boathouse.registry.wheels import NONE, check_option

NEWEST = "newest"


class ModelVersionDataset(AbstractDataset[Any, Any]):
    """One registered model, at a version or at its newest one.

    Who scores goes by an alias, which the ledger decides: ``lifecycle.datasets.DecidedVersionDataset``.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        name: str,
        version: str | None = None,
        missing_ok: bool = False,
        environment: str | None = None,
        schema_evolution: str = "refuse",
        owner: str = "",
        description: str = "",
        wheel: str = NONE,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<catalog>.<schema>.<model>``.
            version: A version, as text; None for the newest one.
            missing_ok: Whether a load returns :class:`NoModel` where there is no such version.
            environment: Environment for the message when there is none; the one the model belongs to by default.
            schema_evolution: ``additive`` lets a loaded model look up views to which features were added since it was
                trained; ``refuse`` does not.
            owner: Who answers for the versions saved; their tag ``owner``.
            description: What the versions saved are, in a sentence; their description in the registry.
            wheel: What the environment of the versions saved installs this package from: ``carried`` (a wheel beside
                the model), the absolute path of a folder, or ``none``.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            OptionError: If the name is not one of a registered model.
            ConfigError: If ``wheel`` is none of these.
        """
        check_name(name)
        check_option(wheel)
        require_choice("schema_evolution", schema_evolution, ("refuse", "additive"))
        self._name, self._version, self._missing_ok = name, version, missing_ok
        self._environment = environment or name_environment(name)
        self._extended_views = schema_evolution == "additive"
        self._owner, self._description = owner, description
        self._wheel = wheel
        self.metadata = metadata
        self.last_saved_version: str | None = None
        self.last_loaded_version: str | None = None

    def save(self, data: TrainedModel) -> None:
        """Register ``data`` as a new version; its stage is ``registered`` until a promotion moves it."""
        with guard_store():
            self.last_saved_version = log_model(
                data,
                self._name,
                environment=self._environment,
                owner=self._owner,
                description=self._description,
                wheel=self._wheel,
            )

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
            tags = read_tags(found.tags)
            files, schema = download_version(self._name, str(found.version), tags)
            check_digest(files, found.tags or {}, self._name)
            loaded = LoadedModel(
                name=self._name,
                version=str(found.version),
                files=files,
                tags=tags,
                description=found.description or "",
                schema=schema,
                extended_views=self._extended_views,
            )
        self.last_loaded_version = loaded.version
        return loaded

    def _without_version(self) -> NoModel:
        """Return the marker, or raise, as the entry says."""
        if self._missing_ok:
            return NoModel(self._name, self._version or NEWEST)
        command = f"kedro run --pipelines training --env {self._environment}"
        wanted = f"version {self._version or ''}".rstrip()
        message = f"Registered model '{self._name}' has no {wanted}. Make one: {command}"
        raise ModelError(message)

    def _find_version(self) -> Any | None:  # noqa: ANN401 - MLflow's ModelVersion
        """Return the version that is meant, or None."""
        from mlflow.exceptions import MlflowException

        client = open_client()
        if self._version is None:
            known = list_numbers(client, self._name)
            if not known:
                return None
        try:
            return client.get_model_version(self._name, str(self._version or known[-1]))
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def _exists(self) -> bool:
        """Return whether there is such a version."""
        with guard_store():
            return self._find_version() is not None

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._name, "version": self._version or NEWEST}


def load_registered(name: str, version: str, *, schema_evolution: str = "refuse") -> LoadedModel:
    """Return a version by its number, its files checked; whether it may score is for the ledger to say.

    Raises:
        ModelError: If there is no such version.
        UntrustedModelError: If it could execute foreign code or was changed.
    """
    try:
        loaded = ModelVersionDataset(name=name, version=version, schema_evolution=schema_evolution).load()
    except DatasetError as error:
        # Outside of a run the reason is the error, not that a dataset has one.
        if isinstance(error.__cause__, BoathouseError):
            raise error.__cause__ from error
        raise
    return cast("LoadedModel", loaded)
