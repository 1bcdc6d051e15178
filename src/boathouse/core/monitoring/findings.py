"""Everything one monitoring run found, and the alerts that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.monitoring.alerts import alert_on_drift, alert_on_labels, alert_on_performance, sort_alerts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.core.monitoring.alerts import Alert
    from boathouse.core.monitoring.drift import ColumnDrift
    from boathouse.core.monitoring.labels import LabelRate
    from boathouse.core.monitoring.options import DriftOptions, PerformanceOptions
    from boathouse.core.monitoring.performance import CohortPerformance


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What one run found.

    Attributes:
        features: Drift of the features against the training window, the largest first.
        scores: Drift of the probability against the cohort before; empty without one.
        labels: Drift of the label against the cohort before; empty without one.
        rates: Label rate of each cohort, oldest first.
        cohorts: Scored cohorts, oldest first.
    """

    features: Sequence[ColumnDrift]
    scores: Sequence[ColumnDrift]
    labels: Sequence[ColumnDrift]
    rates: Sequence[LabelRate]
    cohorts: Sequence[CohortPerformance]


def raise_alerts(findings: Findings, drift: DriftOptions, performance: PerformanceOptions) -> list[Alert]:
    """Return what crossed its limit, alarms first; performance before drift, its diagnosis."""
    return sort_alerts(
        [
            *alert_on_performance(findings.cohorts, options=performance),
            *alert_on_labels(findings.rates, options=performance),
            *alert_on_drift(findings.scores, kind="prediction_drift", options=drift),
            *alert_on_drift(findings.features, kind="feature_drift", options=drift),
        ]
    )
