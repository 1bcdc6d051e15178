"""The catalog's class for sealed results: what a promotion is decided from."""

from __future__ import annotations

from typing import Any

from kedro.io.core import AbstractDataset

from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.identity import read_identity
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.sealed_results import SealedResult, record_result
from boathouse.tables.location import TableLocation


class EvidenceLedgerDataset(AbstractDataset[Any, Any]):
    """Table ``audit.evidence``: a saved result is recorded as it is; what a promotion is decided from."""

    def __init__(self, *, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where; open nothing.

        Args:
            table: ``<env>.audit.evidence``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._location = TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def save(self, data: SealedResult) -> None:
        """Record the result, unless the newest about the same is equal."""
        record_result(open_ledger(self._location), data, actor=read_identity())

    def load(self) -> list[AuditRecord]:
        """Return all records in order, once the chain was looked at.

        Raises:
            AuditError: If a record was changed, removed or moved: nothing is decided from it.
        """
        return open_ledger(self._location).read_verified()

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"table": self._location.table}
