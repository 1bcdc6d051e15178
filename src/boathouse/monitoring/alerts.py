"""What crossed its limit, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from boathouse.modelling.task import BINARY, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.options import DriftOptions, PerformanceOptions
    from boathouse.monitoring.performance import CohortPerformance, LabelRate


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
        value: Value measured.
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
    """Return one alert for each column whose distribution or share of nulls moved.

    A column whose nulls crossed their limit is an alert of its data, also if its distribution moved: values that
    are missing move it as well, and there is one thing to do, which is to check the deliveries before retraining.
    """
    alerts = []
    for drift in drifts:
        if abs(drift.comparison.null_delta) >= options.null_alarm:
            alerts.append(_null_alert(drift, options))
        elif drift.severity != "none":
            alerts.append(_drift_alert(drift, kind, options))
    return alerts


def alert_on_performance(
    cohorts: Iterable[CohortPerformance], *, options: PerformanceOptions, task: Task = BINARY
) -> list[Alert]:
    """Return alerts for measured cohorts that rank too badly, or of which the predicted misses the observed."""
    alerts: list[Alert] = []
    for cohort in cohorts:
        ranking, gap = cohort.figures.get("roc_auc"), cohort.gap(task)
        if ranking is not None and ranking < options.minimum_roc_auc:
            alerts.append(_ranking_alert(cohort, ranking, options.minimum_roc_auc))
        if gap is not None and abs(gap) > options.calibration_gap:
            alerts.append(_calibration_alert(cohort, gap, options.calibration_gap, task))
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
    value, limit, message = _describe_drift(drift, options)
    severity: Urgency = "alarm" if drift.severity == "alarm" else "warning"
    return Alert(kind=kind, severity=severity, subject=drift.column, value=value, limit=limit, message=message)


def _describe_drift(drift: ColumnDrift, options: DriftOptions) -> tuple[float, float, str]:
    """Return the value that crossed its limit, the limit, and both in a sentence."""
    compared = drift.comparison
    limit = options.psi_alarm if drift.severity == "alarm" else options.psi_warning
    by_index = compared.psi >= limit
    measure, value, crossed = (
        ("PSI", compared.psi, limit) if by_index else ("JS", compared.js_distance, options.js_alarm)
    )
    shift = compared.shift
    message = (
        f"{drift.column} moved: {measure} {value:.2f} (limit {crossed:g}); the share of "
        f"'{shift.bin}' went from {shift.reference:.1%} to {shift.current:.1%}."
    )
    return value, crossed, message


def _null_alert(drift: ColumnDrift, options: DriftOptions) -> Alert:
    change = drift.comparison.null_delta
    message = f"The share of nulls in {drift.column} changed by {change:+.1%} (limit {options.null_alarm:.1%})."
    if drift.severity != "none":
        message += f" {_describe_drift(drift, options)[2]}"
    return Alert(
        kind="data",
        severity="alarm",
        subject=drift.column,
        value=change,
        limit=options.null_alarm,
        message=message,
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


def _calibration_alert(cohort: CohortPerformance, gap: float, limit: float, task: Task) -> Alert:
    observed, predicted = (
        f"the {task.figure(name).title} is {cohort.figures[name]:.1%}" for name in (task.observed, task.predicted)
    )
    return Alert(
        kind="performance",
        severity="warning",
        subject=f"{cohort.cohort} v{cohort.model_version} calibration",
        value=gap,
        limit=limit,
        message=f"In cohort {cohort.cohort} {observed} and {predicted}: {gap:+.1%} (limit {limit:.1%}).",
    )


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that one run measured.

    Attributes:
        features: Drift of the features against the training window, the largest first.
        scores: Drift of the answers against the cohort before; empty without one.
        labels: Drift of the label against the cohort before; empty without one.
        rates: Label rate of each cohort, oldest first.
        cohorts: Scored cohorts, oldest first.
    """

    features: Sequence[ColumnDrift]
    scores: Sequence[ColumnDrift]
    labels: Sequence[ColumnDrift]
    rates: Sequence[LabelRate]
    cohorts: Sequence[CohortPerformance]


def raise_alerts(
    findings: Findings, drift: DriftOptions, performance: PerformanceOptions, *, task: Task = BINARY
) -> list[Alert]:
    """Return what crossed its limit, alarms first; performance before drift, its diagnosis."""
    return sort_alerts(
        [
            *alert_on_performance(findings.cohorts, options=performance, task=task),
            *alert_on_labels(findings.rates, options=performance),
            *alert_on_drift(findings.scores, kind="prediction_drift", options=drift),
            *alert_on_drift(findings.features, kind="feature_drift", options=drift),
        ]
    )
