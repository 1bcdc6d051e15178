"""The catalog's aliases of a registered model: a saved decision moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.io.core import AbstractDataset

from boathouse.core.promotion import PromotionDecision
from boathouse.datasets.registry_client import guard_store, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


class ModelAliasDataset(AbstractDataset[Any, Any]):
    """Who is champion, challenger and previous of one registered model."""

    def __init__(self, *, name: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._name = name
        self.metadata = metadata

    def save(self, data: PromotionDecision) -> None:
        """Carry out the decision; doing so again, after a kill at any step too, ends in the same state.

        The champion's alias moves before its follow-ups, so that every state on the way has one champion.
        """
        with guard_store():
            client = open_client()
            if data.outcome == "promoted":
                self._promote(client, data)
            else:
                self._keep(client, data)

    def load(self) -> dict[str, str]:
        """Return the version at each alias; nothing for a model that is not registered yet."""
        from mlflow.exceptions import MlflowException

        with guard_store():
            try:
                aliases = open_client().get_registered_model(self._name).aliases
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return {}
        return {alias: str(version) for alias, version in aliases.items()}

    def _promote(self, client: MlflowClient, decision: PromotionDecision) -> None:
        client.set_registered_model_alias(self._name, CHAMPION, decision.candidate)
        client.set_model_version_tag(self._name, decision.candidate, "stage", CHAMPION)
        client.set_model_version_tag(self._name, decision.candidate, "promotion", decision.reason)
        if decision.champion and decision.champion != decision.candidate:
            client.set_registered_model_alias(self._name, PREVIOUS, decision.champion)
            client.set_model_version_tag(self._name, decision.champion, "stage", PREVIOUS)
        if self.load().get(CHALLENGER) == decision.candidate:
            client.delete_registered_model_alias(self._name, CHALLENGER)

    def _keep(self, client: MlflowClient, decision: PromotionDecision) -> None:
        if decision.candidate == decision.champion:
            return
        if decision.outcome == "kept":
            client.set_registered_model_alias(self._name, CHALLENGER, decision.candidate)
        stage = CHALLENGER if decision.outcome == "kept" else "rejected"
        client.set_model_version_tag(self._name, decision.candidate, "stage", stage)
        client.set_model_version_tag(self._name, decision.candidate, "comparison", "failed")
        client.set_model_version_tag(self._name, decision.candidate, "promotion", decision.reason)

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._name}
