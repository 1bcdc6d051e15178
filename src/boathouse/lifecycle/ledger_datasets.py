"""The catalog's classes for ledgers: what a run records in them, and what it decides from."""

from __future__ import annotations

from typing import Any

from kedro.io.core import AbstractDataset

from boathouse.lifecycle.anchors import choose_anchors
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.decision import DecisionRecord, record_decision
from boathouse.lifecycle.identity import read_identity
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.sealed_results import SealedResult, record_result
from boathouse.lifecycle.steps import LifeCycle
from boathouse.tables.location import TableLocation


class LedgerDataset(AbstractDataset[Any, Any]):
    """A table of records in a chain; what is saved is a step of its own for each kind."""

    def __init__(self, *, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where; open nothing.

        Args:
            table: ``<catalog>.audit.<ledger>``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._location = TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def load(self) -> list[AuditRecord]:
        """Return all records in order, once the chain was looked at.

        Raises:
            AuditError: If a record was changed, removed or moved: nothing is decided from it.
        """
        return open_ledger(self._location).read_verified()

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"table": self._location.table}


class PromotionLedgerDataset(LedgerDataset):
    """Table ``audit.promotions``: a saved decision is recorded with the events that follow from it."""

    def save(self, data: DecisionRecord) -> None:
        """Record the decision, whatever it is.

        Raises:
            LifeCycleError: If it was made against another champion than there is now.
        """
        cycle = LifeCycle(
            name=data.decision.model,
            ledger=open_ledger(self._location, choose_anchors(self._location, data.options.anchors)),
            registry=ModelRegistry(data.decision.model),
            options=data.options,
            identity=data.identity,
            in_force=data.in_force,
        )
        record_decision(cycle, data.decision)


class EvidenceLedgerDataset(LedgerDataset):
    """Table ``audit.evidence``: a saved result is recorded as it is; what a promotion is decided from."""

    def save(self, data: SealedResult) -> None:
        """Record the result, unless the newest about the same is equal."""
        record_result(open_ledger(self._location), data, actor=read_identity())
