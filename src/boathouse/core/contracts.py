"""Contracts of the tables that do not depend on the use case, gathered by name.

A module of ``core`` that owns a table exports its contract; it is added here by one line.
"""

from __future__ import annotations

from boathouse.core.evaluation.contracts import EVALUATIONS
from boathouse.core.features.look_ups import LOOK_UPS
from boathouse.core.features.refreshes import REFRESHES
from boathouse.core.features.registry import REGISTRY
from boathouse.core.features.statistics import STATISTICS
from boathouse.core.inference.stream_contracts import STREAM_PROGRESS
from boathouse.core.monitoring.contracts import ALERTS, DRIFT_METRICS, PERFORMANCE
from boathouse.core.promotion.decision import PROMOTIONS
from boathouse.core.quality.report import DATA_QUALITY
from boathouse.core.tables import TableContract

_ALL: tuple[TableContract, ...] = (
    ALERTS,
    DATA_QUALITY,
    DRIFT_METRICS,
    EVALUATIONS,
    LOOK_UPS,
    PERFORMANCE,
    PROMOTIONS,
    REFRESHES,
    REGISTRY,
    STATISTICS,
    STREAM_PROGRESS,
)

CONTRACTS: dict[str, TableContract] = {contract.name: contract for contract in _ALL}
