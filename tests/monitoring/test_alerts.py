"""Which findings become alerts, in what order, with which action."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from boathouse.monitoring.alerts import Alert, alert_on_drift, alert_on_labels, alert_on_performance, sort_alerts
from boathouse.monitoring.distances import Comparison, Shift
from boathouse.monitoring.drift import ColumnDrift
from boathouse.monitoring.options import DriftOptions, PerformanceOptions
from boathouse.monitoring.performance import CohortPerformance, LabelRate
from boathouse.monitoring.tables import alert_rows

DRIFT = DriftOptions(
    psi_warning=0.1,
    psi_alarm=0.25,
    js_alarm=0.2,
    null_alarm=0.05,
    alpha=0.01,
    discrete_values=20,
    max_rows=1_000,
    reference_cohorts=1,
    ignored=(),
)
LIMITS = PerformanceOptions(
    minimum_roc_auc=0.65,
    calibration_gap=0.05,
    minimum_rows=50,
    bootstraps=100,
    confidence=0.95,
    seed=1,
    label_shift=0.05,
)
COMPARISON = Comparison(
    data_type="double",
    reference_rows=100,
    current_rows=100,
    psi=0.3,
    js_distance=0.1,
    ks=None,
    chi_squared=None,
    null_delta=0.0,
    shift=Shift("1", 0.0, 0.12),
    distinct_delta=0.0,
)
MEASURED = CohortPerformance(
    cohort=date(2005, 8, 31),
    model_version="3",
    status="measured",
    labels_known_on=date(2005, 9, 30),
    rows=100,
    labelled=100,
    figures={"mean_probability": 0.2, "decision_rate": 0.3, "observed_rate": 0.21, "roc_auc": 0.8},
)


def drift(severity: str, **changes: float) -> ColumnDrift:
    return ColumnDrift(column="x", comparison=replace(COMPARISON, **changes), p_adjusted=0.0, severity=severity)


def test_a_drift_alert_names_measure_limit_and_the_bin_that_moved() -> None:
    (alert,) = alert_on_drift([drift("alarm"), drift("none")], kind="feature_drift", options=DRIFT)
    assert (alert.kind, alert.severity, alert.subject, alert.value, alert.limit) == (
        "feature_drift",
        "alarm",
        "x",
        0.3,
        0.25,
    )
    assert alert.message == "x moved: PSI 0.30 (limit 0.25); the share of '1' went from 0.0% to 12.0%."
    assert "how the feature is generated" in alert.action


def test_an_alarm_by_distance_names_the_distance() -> None:
    (alert,) = alert_on_drift([drift("alarm", psi=0.2, js_distance=0.4)], kind="prediction_drift", options=DRIFT)
    assert (alert.value, alert.limit) == (0.4, 0.2)
    assert "retraining alone is no answer" in alert.action


@pytest.mark.parametrize("change", [0.06, -0.06])
def test_nulls_that_came_or_went_are_a_data_alert(change: float) -> None:
    (alert,) = alert_on_drift([drift("none", null_delta=change)], kind="feature_drift", options=DRIFT)
    assert (alert.kind, alert.severity) == ("data", "alarm")
    assert f"{change:+.1%}" in alert.message


@pytest.mark.parametrize(("severity", "limit"), [("alarm", "0.25"), ("warning", "0.1")])
def test_a_column_that_drifted_and_lost_values_has_one_alert_and_one_action(severity: str, limit: str) -> None:
    found = [drift(severity, null_delta=0.3), replace(drift("alarm"), column="y")]
    nulls, moved = alert_on_drift(found, kind="feature_drift", options=DRIFT)
    assert (nulls.kind, nulls.severity, nulls.subject, nulls.value) == ("data", "alarm", "x", 0.3)
    assert f"x moved: PSI 0.30 (limit {limit})" in nulls.message
    assert "do not retrain" in nulls.action
    assert (moved.kind, moved.subject) == ("feature_drift", "y")


@pytest.mark.parametrize("kind", ["feature_drift", "prediction_drift"])
def test_a_column_that_moved_because_of_its_nulls_gets_one_action(kind: str) -> None:
    """ "Retrain on new data" and "do not retrain before" for the same column would contradict each other."""
    (alert,) = alert_on_drift([drift("alarm", null_delta=0.2)], kind=kind, options=DRIFT)
    assert (alert.kind, alert.severity, alert.value, alert.limit) == ("data", "alarm", 0.2, 0.05)
    assert alert.message == (
        "The share of nulls in x changed by +20.0% (limit 5.0%). "
        "x moved: PSI 0.30 (limit 0.25); the share of '1' went from 0.0% to 12.0%."
    )
    assert "do not retrain" in alert.action


def test_good_performance_raises_nothing() -> None:
    pending = replace(MEASURED, status="pending", figures={"mean_probability": 0.2, "decision_rate": 0.3})
    assert alert_on_performance([MEASURED, pending], options=LIMITS) == []


def test_bad_ranking_and_bad_calibration_are_told_apart() -> None:
    worse = replace(MEASURED, figures={**MEASURED.figures, "roc_auc": 0.6, "observed_rate": 0.3})
    ranking, calibration = alert_on_performance([worse], options=LIMITS)
    assert (ranking.severity, ranking.value, ranking.limit) == ("alarm", 0.6, 0.65)
    assert calibration.severity == "warning"
    assert calibration.value == pytest.approx(0.1)
    assert calibration.message == (
        "In cohort 2005-08-31 the observed rate is 30.0% and the mean probability is 20.0%: +10.0% (limit 5.0%)."
    )


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(0.2, 0), (0.23, 1), (0.08, 1)],
)
def test_the_label_rate_is_held_against_all_earlier_cohorts(newest: float, expected: int) -> None:
    # 100 rows of 10 % and 300 of 18 % make 16 %.
    rates = [
        LabelRate(date(2005, 6, 30), 100, 0.10),
        LabelRate(date(2005, 7, 31), 300, 0.18),
        LabelRate(date(2005, 8, 31), 100, newest),
    ]
    alerts = alert_on_labels(rates, options=LIMITS)
    assert len(alerts) == expected
    assert all(alert.kind == "label_drift" and alert.subject == "2005-08-31" for alert in alerts)


@pytest.mark.parametrize("rates", [[], [LabelRate(date(2005, 6, 30), 100, 0.9)]])
def test_a_first_cohort_has_nothing_to_differ_from(rates: list[LabelRate]) -> None:
    assert alert_on_labels(rates, options=LIMITS) == []


def test_alarms_come_first_and_nothing_twice() -> None:
    warning = Alert(kind="data", severity="warning", subject="a", value=1, limit=0, message="w")
    alarm = replace(warning, severity="alarm", message="a")
    other = replace(warning, subject="b")
    assert sort_alerts([warning, other, alarm]) == [alarm, other]


def test_no_alert_is_a_row_too() -> None:
    (row,) = alert_rows([], as_of=date(2005, 9, 30))
    assert row[1:4] == ("none", "none", "all checks")
