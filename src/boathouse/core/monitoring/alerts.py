"""What crossed its limit, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.core.monitoring.drift import ColumnDrift
    from boathouse.core.monitoring.labels import LabelRate
    from boathouse.core.monitoring.options import DriftOptions, PerformanceOptions
    from boathouse.core.monitoring.performance import CohortPerformance

Kind = Literal["feature_drift", "prediction_drift", "label_drift", "performance", "fairness", "data"]
Urgency = Literal["warning", "alarm"]

# A drift is a symptom: the first step is always to look at what produces the values, and a person decides.
ACTIONS: dict[Kind, str] = {
    "feature_drift": "Investigate how the feature is generated; then retrain on new data.",
    "label_drift": "Investigate how the label is generated; then retrain on new data.",
    "prediction_drift": (
        "Investigate the training process and assess the business impact of the change; retraining alone is no answer."
    ),
    "performance": (
        "The relation of features and label may have changed: try more feature engineering or another approach, "
        "or retrain and tune on new data."
    ),
    "fairness": "Review the decisions by group with the risk officer before the next scoring.",
    "data": "Check the deliveries and the preparation step that fill this; do not retrain on them before.",
}


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One limit crossed.

    Attributes:
        kind: What crossed it.
        severity: ``warning`` (watch) or ``alarm`` (act).
        subject: The column, cohort or table it is about.
        value: Value found.
        limit: Limit crossed, in the unit of ``value``.
        message: What happened, in one sentence without values of single persons.
    """

    kind: Kind
    severity: Urgency
    subject: str
    value: float
    limit: float
    message: str

    @property
    def action(self) -> str:
        """What to do about this kind of alert."""
        return ACTIONS[self.kind]


def alert_on_drift(drifts: Iterable[ColumnDrift], *, kind: Kind, options: DriftOptions) -> list[Alert]:
    """Return at most one alert for each column: that its distribution moved, or that its share of nulls changed.

    A change of nulls moves the distribution too. Such a column gets the data alert alone, whose message has both: the
    action for a drift ends with a retraining, which has to wait until the deliveries are checked.
    """
    alerts = []
    for drift in drifts:
        moved = _drift_alert(drift, kind, options) if drift.severity != "none" else None
        if abs(drift.comparison.null_delta) >= options.null_alarm:
            alerts.append(_null_alert(drift, moved, options))
        elif moved:
            alerts.append(moved)
    return alerts


def alert_on_performance(cohorts: Iterable[CohortPerformance], *, options: PerformanceOptions) -> list[Alert]:
    """Return alerts for measured cohorts that rank too badly or whose probabilities miss the observed rate."""
    alerts: list[Alert] = []
    for cohort in cohorts:
        if cohort.roc_auc is not None and cohort.roc_auc < options.minimum_roc_auc:
            alerts.append(_ranking_alert(cohort, cohort.roc_auc, options.minimum_roc_auc))
        if cohort.gap is not None and abs(cohort.gap) > options.calibration_gap:
            alerts.append(_calibration_alert(cohort, cohort.gap, options.calibration_gap))
    return alerts


def alert_on_labels(rates: Sequence[LabelRate], *, options: PerformanceOptions) -> list[Alert]:
    """Return an alert if the newest cohort's label rate left that of all earlier ones together.

    Args:
        rates: Oldest cohort first.
        options: ``label_shift`` is the change allowed.
    """
    if len(rates) < 2:
        return []
    *earlier, newest = rates
    before = sum(each.rows * each.rate for each in earlier) / sum(each.rows for each in earlier)
    change = newest.rate - before
    if abs(change) < options.label_shift:
        return []
    return [
        Alert(
            kind="label_drift",
            severity="alarm",
            subject=newest.cohort.isoformat(),
            value=change,
            limit=options.label_shift,
            message=(
                f"The label rate of cohort {newest.cohort} is {newest.rate:.1%}; "
                f"in all earlier ones it was {before:.1%}."
            ),
        )
    ]


def sort_alerts(alerts: Iterable[Alert]) -> list[Alert]:
    """Return alarms before warnings, otherwise in the order given, without repeats of kind and subject."""
    unique: dict[tuple[str, str], Alert] = {}
    for alert in sorted(alerts, key=lambda each: each.severity != "alarm"):
        unique.setdefault((alert.kind, alert.subject), alert)
    return list(unique.values())


def _drift_alert(drift: ColumnDrift, kind: Kind, options: DriftOptions) -> Alert:
    severity: Urgency = "alarm" if drift.severity == "alarm" else "warning"
    found = drift.comparison
    by_index = found.psi >= (options.psi_alarm if severity == "alarm" else options.psi_warning)
    limit = options.psi_alarm if severity == "alarm" else options.psi_warning
    measure, value, crossed = ("PSI", found.psi, limit) if by_index else ("JS", found.js_distance, options.js_alarm)
    return Alert(
        kind=kind,
        severity=severity,
        subject=drift.column,
        value=value,
        limit=crossed,
        message=(
            f"{drift.column} moved: {measure} {value:.2f} (limit {crossed:g}); the share of "
            f"'{found.shift.bin}' went from {found.shift.reference:.1%} to {found.shift.current:.1%}."
        ),
    )


def _null_alert(drift: ColumnDrift, moved: Alert | None, options: DriftOptions) -> Alert:
    change = drift.comparison.null_delta
    nulls = f"The share of nulls in {drift.column} changed by {change:+.1%} (limit {options.null_alarm:.1%})."
    return Alert(
        kind="data",
        severity="alarm",
        subject=drift.column,
        value=change,
        limit=options.null_alarm,
        message=f"{nulls} {moved.message}" if moved else nulls,
    )


def _ranking_alert(cohort: CohortPerformance, value: float, limit: float) -> Alert:
    return Alert(
        kind="performance",
        severity="alarm",
        subject=f"{cohort.cohort} v{cohort.model_version} roc_auc",
        value=value,
        limit=limit,
        message=f"ROC AUC of cohort {cohort.cohort} is {value:.3f}, below {limit:.3f}.",
    )


def _calibration_alert(cohort: CohortPerformance, gap: float, limit: float) -> Alert:
    return Alert(
        kind="performance",
        severity="warning",
        subject=f"{cohort.cohort} v{cohort.model_version} calibration",
        value=gap,
        limit=limit,
        message=(
            f"In cohort {cohort.cohort} the observed rate is {cohort.observed_rate:.1%} "
            f"and the mean probability {cohort.mean_probability:.1%}: {gap:+.1%} (limit {limit:.1%})."
        ),
    )
