"""Contracts of the tables that do not depend on the use case, gathered by name.

A module of ``core`` that owns a table exports its contract; it is added here by one line.
"""

from __future__ import annotations

from boathouse.core.monitoring.contracts import ALERTS, DRIFT_METRICS, PERFORMANCE
from boathouse.core.tables import TableContract

_ALL: tuple[TableContract, ...] = (
    ALERTS,
    DRIFT_METRICS,
    PERFORMANCE,
)

CONTRACTS: dict[str, TableContract] = {contract.name: contract for contract in _ALL}
