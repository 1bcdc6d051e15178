"""The catalog's classes for identity, ledger and registry aliases: pipelines import no adapters."""

from __future__ import annotations

from typing import Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.databricks.task_values import publish_values
from boathouse.errors import IdentityError, TableError
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.decision import DecisionRecord, record_decision
from boathouse.lifecycle.identity import read_claims
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.policy import Claims
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.steps import LifeCycle
from boathouse.lifecycle.sync import sync_registry
from boathouse.tables.location import TableLocation


class ClaimsDataset(AbstractDataset[Any, Any]):
    """Who runs this, as far as the process can know; see :func:`read_claims`."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Ask nothing yet."""
        self.metadata = metadata

    def load(self) -> Claims:
        """Return what is known now."""
        return read_claims()

    def save(self, data: object) -> None:  # noqa: ARG002 - the signature of datasets
        """Refuse: it is asked, not stored."""
        message = "Who runs this cannot be saved: it is asked of the platform or the system in each run."
        raise IdentityError(message)

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"of": "this process"}


class PromotionLedgerDataset(AbstractDataset[Any, Any]):
    """Table ``audit.promotions``: a saved decision is recorded with the events that follow from it."""

    def __init__(self, *, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where; open nothing.

        Args:
            table: ``<env>.audit.promotions``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._location = TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def save(self, data: DecisionRecord) -> None:
        """Record the decision, whatever it is.

        Raises:
            LifeCycleError: If it was made against another champion than there is now.
        """
        cycle = LifeCycle(
            name=data.decision.model,
            ledger=open_ledger(self._location),
            registry=ModelRegistry(data.decision.model),
            options=data.options,
            identity=data.identity,
        )
        record_decision(cycle, data.decision)

    def load(self) -> list[AuditRecord]:
        """Return all records in order."""
        return open_ledger(self._location).read()

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"table": self._location.table}


class RegistryAliasesDataset(AbstractDataset[Any, Any]):
    """Who is champion, challenger and previous in the registry: a saved state is shown there."""

    def __init__(
        self, *, name: str, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Remember which model; connect to nothing.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            table: The ledger, ``<env>.audit.promotions``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._registry = ModelRegistry(name)
        self._ledger = TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def save(self, data: ModelState) -> None:
        """Sync aliases, tags and descriptions; pass the outcome to the next task of a job.

        The ledger may have grown since ``data`` was projected: its present state is shown.
        """
        state = sync_registry(open_ledger(self._ledger), self._registry)
        publish_values(model_updated=data.is_updated, model_version=state.champion)

    def load(self) -> dict[str, str]:
        """Return the version at each alias; nothing for a model that is not registered yet."""
        return dict(self._registry.read().aliases)

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._registry.name}


class ModelStateDataset(AbstractDataset[Any, Any]):
    """What the ledger says of one model: its versions, its champion or why it has none."""

    def __init__(
        self, *, name: str, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Remember which model; read nothing.

        Args:
            name: Registered name, ``<env>.<schema>.<model>``.
            table: The ledger, ``<env>.audit.promotions``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._name, self._ledger = name, TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def load(self) -> ModelState:
        """Return the state as it is now; without versions if nothing is on record."""
        return project_events(open_ledger(self._ledger).read(self._name), name=self._name)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the state follows from the records."""
        raise TableError.read_only(self._ledger.table)

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"name": self._name}
