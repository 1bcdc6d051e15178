"""Contracts of the tables that do not depend on the use case, gathered by name.

A module of ``core`` that owns a table exports its contract; it is added here by one line.
"""

from __future__ import annotations

from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.evaluation.tables import COMPARISONS, EVALUATIONS
from boathouse.features.consistency import LOOK_UPS
from boathouse.features.registry import REFRESHES, REGISTRY, STATISTICS
from boathouse.lifecycle.contracts import DELIVERIES, PROMOTIONS
from boathouse.lineage.governed import MODEL_VERSIONS
from boathouse.monitoring.tables import ALERTS, DRIFT_METRICS, PERFORMANCE
from boathouse.problem.scored_tables import STREAM_PROGRESS
from boathouse.tables.contract import TableContract
from boathouse.tables.quality import DATA_QUALITY

_ALL: tuple[TableContract, ...] = (
    ALERTS,
    COMPARISONS,
    DATA_QUALITY,
    DELIVERIES,
    DRIFT_METRICS,
    ENDPOINT_LOG,
    EVALUATIONS,
    LOOK_UPS,
    MODEL_VERSIONS,
    PERFORMANCE,
    PROMOTIONS,
    REFRESHES,
    REGISTRY,
    STATISTICS,
    STREAM_PROGRESS,
)

CONTRACTS: dict[str, TableContract] = {contract.name: contract for contract in _ALL}
