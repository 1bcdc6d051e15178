"""The catalog's classes for alerts: the events, and those who are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.errors import TableError
from boathouse.lifecycle.ledger_datasets import LedgerDataset
from boathouse.monitoring.alert_delivery import AlertOutbox, tell_quietly
from boathouse.monitoring.alert_log import open_alert_ledger
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.lifecycle.chain import AuditEvent, AuditRecord
    from boathouse.monitoring.alert_rules import AlertOptions


class AlertEventsDataset(LedgerDataset):
    """Table ``monitoring.alert_events``: saved events are appended, each once."""

    def load(self) -> list[AuditRecord]:
        """Return all records in order; none before the first."""
        return open_alert_ledger(self._location).read()

    def save(self, data: Sequence[AuditEvent]) -> None:
        """Append the events that are not on record, in one commit."""
        if data:
            open_alert_ledger(self._location).append(data)


class AlertOutboxDataset(AbstractDataset[Any, Any]):
    """Those who are told of alerts: what is saved is who is told, and what waits for them is sent."""

    def __init__(self, *, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where the events are; open nothing.

        Args:
            table: ``<catalog>.monitoring.alert_events``.
            lakehouse: Engine and folder of the tables.
            metadata: For plugins such as Kedro-Viz.
        """
        self._location = TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def save(self, data: AlertOptions) -> None:
        """Send what waits; a receiver that does not take it is tried again by the next run and fails none."""
        environment = self._location.environment
        ledger = open_alert_ledger(self._location)
        tell_quietly(AlertOutbox(ledger, data, environment=environment, actor="boathouse"), environment)

    def load(self) -> NoReturn:
        """Refuse: what was sent is in the table of events."""
        raise TableError(f"Messages about alerts cannot be loaded. What was sent is in {self._location.table}.")

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry in messages."""
        return {"table": self._location.table}
