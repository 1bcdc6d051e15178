"""Contracts of the tables that do not depend on the use case, gathered by name.

A module of ``core`` that owns a table exports its contract; it is added here by one line.
"""

from __future__ import annotations

from boathouse.core.endpoints.log_contract import ENDPOINT_LOG
from boathouse.core.evaluation.contracts import COMPARISONS, EVALUATIONS
from boathouse.core.features.look_ups import LOOK_UPS
from boathouse.core.features.refreshes import REFRESHES
from boathouse.core.features.registry import REGISTRY
from boathouse.core.features.statistics import STATISTICS
from boathouse.core.inference.stream_contracts import STREAM_PROGRESS
from boathouse.core.lineage.contracts import MODEL_VERSIONS
from boathouse.core.monitoring.contracts import ALERTS, DRIFT_METRICS, PERFORMANCE
from boathouse.core.promotion.contracts import DELIVERIES, PROMOTIONS
from boathouse.core.quality.report import DATA_QUALITY
from boathouse.core.tables import TableContract

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
