"""The audit trail of one model or version, read for reports; tolerant of a trail that is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.governance.ledger import open_ledger
from boathouse.tables.location import TableLocation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boathouse.core.audit import AuditRecord, Break


@dataclass(frozen=True)
class Trail:
    """What an environment's audit tables say.

    Attributes:
        records: Records in order.
        breaks: Where a chain does not hold, as ``table: place and problem``.
        missing: Tables of the trail that are not there or hold no chain.
    """

    records: tuple[AuditRecord, ...]
    breaks: tuple[str, ...]
    missing: tuple[str, ...]

    def about(self, subject: str, version: str | None = None) -> list[AuditRecord]:
        """Return the records about a model, or about one version of it."""
        found = [each for each in self.records if each.subject == subject]
        return found if version is None else [each for each in found if each.version == version]


def read_trail(environment: str, lakehouse: Mapping[str, str], *tables: str) -> Trail:
    """Return the trail of the audit tables named, ``promotions`` and ``deployments`` by default."""
    records: list[AuditRecord] = []
    breaks: list[str] = []
    missing: list[str] = []
    for name in tables or ("promotions", "deployments"):
        place = TableLocation.from_lakehouse(f"{environment}.audit.{name}", dict(lakehouse))
        found = _read(place)
        if found is None:
            missing.append(place.table)
            continue
        records += found[0]
        breaks += [f"{place.table}, place {each.sequence}: {each.problem}" for each in found[1]]
    return Trail(tuple(sorted(records, key=lambda each: each.occurred_at)), tuple(breaks), tuple(missing))


def _read(place: TableLocation) -> tuple[list[AuditRecord], list[Break]] | None:
    """Return records and breaks, or None if there is no such table or it is no chain."""
    from boathouse.tables.delta_log import open_log

    if not open_log(place).exists():
        return None
    ledger = open_ledger(place)
    try:
        return ledger.read(), ledger.verify()
    except (KeyError, ValueError):  # a table of decisions from before there was a chain
        return None
