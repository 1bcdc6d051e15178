"""The catalog's registered model: saved as a new version, loaded only after its files are checked."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from kedro.io.core import AbstractDataset, DatasetError

from boathouse.errors import BoathouseError, ModelError, OptionError, TableError
from boathouse.modelling.result import LoadedModel, NoModel, TrainedModel
from boathouse.options import require_choice
from boathouse.registry.checks import check_digest, check_name
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.model_files import download_version, log_model
from boathouse.registry.tags import read_tags

ALIASES = ("challenger", "champion", "previous")
NEWEST = "newest"


class ModelVersionDataset(AbstractDataset[Any, Any]):
    """One registered model, at an alias, at a version or at its newest one."""

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        name: str,
        alias: str | None = None,
        version: str | None = None,
        missing_ok: bool = False,
        environment: str | None = None,
        schema_evolution: str = "refuse",
        owner: str = "",
        description: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            alias: ``champion``, ``challenger`` or ``previous``; None for ``version`` or the newest one.
            version: A version, as text; None for ``alias`` or the newest one.
            missing_ok: Whether a load returns :class:`NoModel` where there is no such version.
            environment: Environment for the message when there is none; the name's first part by default.
            schema_evolution: ``additive`` lets a loaded model look up views to which features were added since it was
                trained; ``refuse`` does not.
            owner: Who answers for the versions saved; their tag ``owner``.
            description: What the versions saved are, in a sentence; their description in the registry.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            OptionError: If the alias is none of those, both an alias and a version are given, or the name is not one of
                a registered model.
        """
        check_name(name)
        require_choice("schema_evolution", schema_evolution, ("refuse", "additive"))
        if alias is not None:
            require_choice("alias", alias, ALIASES)
        if alias is not None and version is not None:
            raise OptionError.unknown_choice("version", version, ("none beside an alias",))
        self._name, self._alias, self._version, self._missing_ok = name, alias, version, missing_ok
        self._environment = environment or name.split(".", maxsplit=1)[0]
        self._extended_views = schema_evolution == "additive"
        self._owner, self._description = owner, description
        self.metadata = metadata
        self.last_saved_version: str | None = None
        self.last_loaded_version: str | None = None

    def save(self, data: TrainedModel) -> None:
        """Register ``data`` as a new version; its stage is ``registered`` until a promotion moves it."""
        with guard_store():
            self.last_saved_version = log_model(
                data, self._name, environment=self._environment, owner=self._owner, description=self._description
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
            files, schema = download_version(self._name, str(found.version))
            check_digest(files, found.tags or {}, self._name)
            loaded = LoadedModel(
                name=self._name,
                version=str(found.version),
                files=files,
                tags=read_tags(found.tags),
                alias=self._alias,
                description=found.description or "",
                schema=schema,
                extended_views=self._extended_views,
            )
        self.last_loaded_version = loaded.version
        return loaded

    def _without_version(self) -> NoModel:
        """Return the marker, or raise, as the entry says."""
        if self._missing_ok:
            return NoModel(self._name, self._alias or self._version or NEWEST)
        pipelines = "training" if self._alias is None else "training,evaluation,promotion"
        command = f"kedro run --pipelines {pipelines} --env {self._environment}"
        wanted = f"alias '{self._alias}'" if self._alias else f"version {self._version or ''}".rstrip()
        message = f"Registered model '{self._name}' has no {wanted}. Make one: {command}"
        raise ModelError(message)

    def _find_version(self) -> Any | None:  # noqa: ANN401 - MLflow's ModelVersion
        """Return the version that is meant, or None."""
        from mlflow.exceptions import MlflowException

        client = open_client()
        if self._version is None and self._alias is None:
            versions = client.search_model_versions(f"name = '{self._name}'")
            return max(versions, key=lambda each: int(each.version), default=None)
        try:
            if self._alias is not None:
                return client.get_model_version_by_alias(self._name, self._alias)
            return client.get_model_version(self._name, str(self._version))
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
        return {"name": self._name, "version": f"@{self._alias}" if self._alias else self._version or NEWEST}


class RegisteredVersions:
    """The versions of one registered model, each loaded as a checked model with its tags.

    ``versions.RegistryVersions`` has every model, but only aliases, digests and files.
    """

    def __init__(self, name: str, schema_evolution: str = "refuse") -> None:
        """Remember the model; connect to nothing."""
        self._name, self._schema_evolution = name, schema_evolution

    def load(self, version: str) -> LoadedModel:
        """Return ``version``, its files checked.

        Raises:
            ModelError: If there is no such version.
            UntrustedModelError: If it could execute foreign code or was changed.
        """
        try:
            loaded = ModelVersionDataset(
                name=self._name, version=version, schema_evolution=self._schema_evolution
            ).load()
        except DatasetError as error:
            # Outside of a run the reason is the error, not that a dataset has one.
            if isinstance(error.__cause__, BoathouseError):
                raise error.__cause__ from error
            raise
        return cast("LoadedModel", loaded)


class ModelVersionsDataset(AbstractDataset[Any, Any]):
    """All versions of one registered model."""

    def __init__(self, *, name: str, schema_evolution: str = "refuse", metadata: dict[str, Any] | None = None) -> None:
        """Remember which model.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            schema_evolution: As of :class:`ModelVersionDataset`.
            metadata: For plugins such as Kedro-Viz.
        """
        self._name, self._schema_evolution = name, schema_evolution
        self.metadata = metadata

    def load(self) -> RegisteredVersions:
        """Return the versions; none is loaded yet."""
        return RegisteredVersions(self._name, self._schema_evolution)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: training registers versions."""
        raise TableError.read_only(self._name)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}
