"""The catalog's registered model with all its versions: one is loaded when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from kedro.io.core import AbstractDataset, DatasetError

from boathouse.core.errors import BoathouseError, TableError
from boathouse.datasets.model_version import ModelVersionDataset

if TYPE_CHECKING:
    from boathouse.core.modelling import LoadedModel


class RegisteredVersions:
    """The versions of one registered model."""

    def __init__(self, name: str) -> None:
        """Remember the model; connect to nothing."""
        self._name = name

    def load(self, version: str) -> LoadedModel:
        """Return ``version``, its files checked.

        Raises:
            ModelError: If there is no such version.
            UntrustedModelError: If it could execute foreign code or was changed.
        """
        try:
            loaded = ModelVersionDataset(name=self._name, version=version).load()
        except DatasetError as error:
            # Outside of a run the reason is the error, not that a dataset has one.
            if isinstance(error.__cause__, BoathouseError):
                raise error.__cause__ from error
            raise
        return cast("LoadedModel", loaded)


class ModelVersionsDataset(AbstractDataset[Any, Any]):
    """All versions of one registered model."""

    def __init__(self, *, name: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember which model.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._name = name
        self.metadata = metadata

    def load(self) -> RegisteredVersions:
        """Return the versions; none is loaded yet."""
        return RegisteredVersions(self._name)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: training registers versions."""
        raise TableError.read_only(self._name)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}
