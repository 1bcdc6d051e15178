"""What crossed its limit, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from boathouse.modelling.task import BINARY, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from boathouse.monitoring.distances import Comparison
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.options import DriftOptions, PerformanceOptions
    from boathouse.monitoring.performance import CohortPerformance, LabelRate
    from boathouse.monitoring.reference import Baseline


Kind = Literal[
    "feature_drift",
    "unused_feature_drift",
    "prediction_drift",
    "label_drift",
    "performance",
    "fairness",
    "data",
    "reference",
]
Urgency = Literal["warning", "alarm"]

# A drift is a symptom: the first step is always to look at what produces the values, and a person decides.
ACTIONS: dict[Kind, str] = {
    "feature_drift": "Investigate how the feature is generated; then retrain on new data.",
    "unused_feature_drift": "Investigate how the feature is generated; the model does not take it: nothing to retrain.",
    "label_drift": "Investigate how the label is generated; then retrain on new data.",
    "prediction_drift": (
        "Investigate the training process and assess the business impact of the change; retraining alone is no answer."
    ),
    "performance": (
        "The relation of features and label may have changed: try more feature engineering or another approach, "
        "or retrain and tune on new data."
    ),
    "fairness": "Review the decisions by group with the risk officer before the next scoring.",
    "data": "Check the source: the deliveries and the preparation step that fill this; do not retrain on them before.",
    "reference": "Restore that version of the table, or train and promote again; do not vacuum what a champion needs.",
}
# Values named in a message; the report and the table of drift have more.
NAMED_VALUES = 3


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
    """Return one alert for each column whose distribution or share of nulls moved, or that has infinite numbers.

    A column whose nulls crossed their limit, or with infinite numbers, is an alert of its data, also if its known
    values moved: there is one thing to do, which is to check the source before retraining. A column that conf leaves
    out raises none.
    """
    alerts = []
    for drift in drifts:
        if drift.null_severity != "none":
            alerts.append(_null_alert(drift, options))
        elif drift.severity != "none":
            own = kind if drift.is_input or kind != "feature_drift" else "unused_feature_drift"
            alerts.append(_drift_alert(drift, own, options))
    return alerts


def alert_on_baseline(baseline: Baseline | None) -> list[Alert]:
    """Return an alert if the features were not compared with the rows that the model was trained on."""
    if baseline is None or not baseline.problem:
        return []
    instead = f"compared with {baseline.title}" if baseline.title else "not compared with anything"
    return [
        Alert(
            kind="reference",
            severity="warning" if baseline.title else "alarm",
            subject="rows trained on",
            value=0.0,
            limit=0.0,
            message=f"The features were {instead}, since the rows the model was trained on are not there: "
            f"{baseline.problem}",
        )
    ]


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
    compared, limit = drift.comparison, options.tolerated_effect
    if compared.is_replaced:
        return 1.0, 1.0, f"{drift.column} moved: no value is one of before; {describe_values(compared)}."
    if compared.effect.value <= limit and drift.severity != "alarm":
        # A category that came or went is worth watching however little it weighs.
        value = max(compared.new_share, compared.vanished_share)
        return value, 0.0, f"{drift.column} has other categories than before: {describe_values(compared)}."
    return compared.effect.value, limit, f"{describe_effect(drift)} (tolerated: {limit:g})."


def describe_effect(drift: ColumnDrift) -> str:
    """Return by how much a column moved for sure, in which bin most, and which values came and went."""
    compared = drift.comparison
    effect, shift, values = compared.effect, compared.shift, describe_values(compared)
    proven = f"at least {effect.low:.2f} for sure" if effect.low > 0 else "which may be chance"
    return (
        f"{drift.column} moved by {effect.value:.2f}, {proven}; the share of "
        f"'{shift.bin}' went from {shift.reference:.1%} to {shift.current:.1%}{f'; {values}' if values else ''}"
    )


def describe_values(compared: Comparison) -> str:
    """Return which values came and went, with their share of the rows; empty where none did."""
    parts = [
        f"{word} {_name_some(values)} ({share:.1%} of the {rows} rows)"
        for word, values, share, rows in (
            ("new:", compared.new_values, compared.new_share, "current"),
            ("vanished:", compared.vanished_values, compared.vanished_share, "earlier"),
        )
        if values
    ]
    return "; ".join(parts)


def _name_some(values: Sequence[str]) -> str:
    named = ", ".join(f"'{value}'" for value in values[:NAMED_VALUES])
    return named if len(values) <= NAMED_VALUES else f"{named} and {len(values) - NAMED_VALUES:,} more"


def _null_alert(drift: ColumnDrift, options: DriftOptions) -> Alert:
    compared, limit = drift.comparison, options.tolerated_effect
    value, message = compared.null_delta, f"{describe_nulls(drift)} (tolerated: {limit:.1%})."
    if drift.problem:
        message = f"{drift.column} cannot be compared: {drift.problem}."
    elif compared.current_infinite:
        value = compared.current_infinite_share - compared.reference_infinite_share
        before, now = compared.reference_infinite, compared.current_infinite
        message = (
            f"{now:,} of {compared.current_rows:,} values of {drift.column} are infinite, {before:,} of "
            f"{compared.reference_rows:,} before; no statistic counts them. {message}"
        )
    if drift.severity != "none":
        message += f" {_describe_drift(drift, options)[2]}"
    return Alert(
        kind="data",
        severity="alarm" if "alarm" in {drift.severity, drift.null_severity} else "warning",
        subject=drift.column,
        value=value,
        limit=limit,
        message=message,
    )


def describe_nulls(drift: ColumnDrift) -> str:
    """Return how the share of nulls of a column changed."""
    compared = drift.comparison
    return (
        f"The share of nulls in {drift.column} went from {compared.reference_null_share:.1%} to "
        f"{compared.current_null_share:.1%}, by {compared.null_delta:+.1%}"
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
        features: Drift of the features against the rows trained on, the largest first, those not judged last.
        scores: Drift of the answers against the cohort before; empty without one.
        labels: Drift of the label against the cohort before; empty without one.
        rates: Label rate of each cohort, oldest first.
        cohorts: Scored cohorts, oldest first.
        baseline: What the features were compared with; None where no feature was compared.
    """

    features: Sequence[ColumnDrift]
    scores: Sequence[ColumnDrift]
    labels: Sequence[ColumnDrift]
    rates: Sequence[LabelRate]
    cohorts: Sequence[CohortPerformance]
    baseline: Baseline | None = None


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
            *alert_on_baseline(findings.baseline),
        ]
    )
