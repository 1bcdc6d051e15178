"""Which registered models were trained on which feature views: read from the registry, never written."""

from __future__ import annotations

from typing import Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.errors import TableError
from boathouse.features.usage import ModelUse
from boathouse.registry.client import guard_store, open_client
from boathouse.registry.tags import read_tags
from boathouse.registry.versions import read_aliases, read_versions


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
            return [use for name in self._models for use in self._read(client, name)]

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the registry knows."""
        raise TableError.read_only("models.feature_usage")

    def _read(self, client: Any, name: str) -> list[ModelUse]:  # noqa: ANN401 - MLflow's client
        # A search gives no aliases; the registered model does, and on Unity Catalog only when got by name.
        aliases, _ = read_aliases(client, name)
        wanted = None if self._every_version else set(aliases.values())
        versions = reversed(read_versions(client, name, only=wanted) if wanted is None or wanted else [])
        return [
            ModelUse(
                model=name,
                version=str(each.version),
                aliases=tuple(sorted(alias for alias, number in aliases.items() if number == str(each.version))),
                views=read_tags(each.tags).get("feature_views", ""),
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
