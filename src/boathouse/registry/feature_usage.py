"""Which registered models were trained on which feature views: read from the registry, never written."""

from __future__ import annotations

from typing import Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.errors import TableError
from boathouse.features.usage import ModelUse
from boathouse.registry.client import guard_store, open_client


class FeatureUsageDataset(AbstractDataset[Any, Any]):
    """The versions of some registered models that an alias points to, or all, with the views they look up."""

    def __init__(
        self,
        *,
        models: list[str],
        every_version: bool = False,
        with_inputs: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember which models.

        Args:
            models: Registered names.
            every_version: Whether versions without an alias are listed too.
            with_inputs: Whether the signature of each version is read, for its inputs.
            metadata: For plugins such as Kedro-Viz.
        """
        self._models, self._every_version, self._with_inputs = models, every_version, with_inputs
        self.metadata = metadata

    def load(self) -> list[ModelUse]:
        """Return one entry a version, the newest first."""
        with guard_store():
            client = open_client()
            found = [use for name in self._models for use in self._read(client, name)]
        return found if self._every_version else [use for use in found if use.aliases]

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the registry knows."""
        raise TableError.read_only("models.feature_usage")

    def _read(self, client: Any, name: str) -> list[ModelUse]:  # noqa: ANN401 - MLflow's client
        from mlflow.exceptions import MlflowException

        try:
            # A search gives no aliases; the registered model does, and on Unity Catalog only when got by name.
            aliases: dict[str, str] = client.get_registered_model(name).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return []
            raise
        versions = sorted(client.search_model_versions(f"name = '{name}'"), key=lambda each: -int(each.version))
        return [
            ModelUse(
                model=name,
                version=str(each.version),
                aliases=tuple(sorted(alias for alias, number in aliases.items() if str(number) == str(each.version))),
                views=str((each.tags or {}).get("feature_views", "")),
                inputs=_read_inputs(name, str(each.version)) if self._with_inputs else None,
            )
            for each in versions
        ]

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"models": self._models}


def _read_inputs(name: str, version: str) -> tuple[str, ...] | None:
    """Return the columns that the version's signature names, or None where its files or its signature are gone."""
    from mlflow.exceptions import MlflowException
    from mlflow.models import get_model_info

    try:
        signature = get_model_info(f"models:/{name}/{version}").signature
    except (MlflowException, OSError):
        return None
    return None if signature is None or signature.inputs is None else tuple(signature.inputs.input_names())
