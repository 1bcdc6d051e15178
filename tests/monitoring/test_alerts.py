"""Which findings become alerts, in what order, with which action."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from boathouse.monitoring.alerts import (
    Alert,
    alert_on_baseline,
    alert_on_drift,
    alert_on_labels,
    alert_on_performance,
    sort_alerts,
)
from boathouse.monitoring.distances import Comparison, Shift
from boathouse.monitoring.drift import ColumnDrift, grade_nulls
from boathouse.monitoring.effects import Certainty, Effect, measure_shares
from boathouse.monitoring.options import DriftOptions, PerformanceOptions
from boathouse.monitoring.performance import CohortPerformance, LabelRate
from boathouse.monitoring.reference import Baseline

DRIFT = DriftOptions(
    tolerated_effect=0.05,
    windows_between_alarms=10,
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
    reference_rows=1_000,
    current_rows=1_000,
    psi=0.3,
    js_distance=0.1,
    ks=None,
    chi_squared=None,
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


MOVED = Effect(distance=0.32, chance=0.02, low=0.25, high=0.4)


def drift(severity: str, **changes: object) -> ColumnDrift:
    moved = {"effect": MOVED} if severity == "alarm" else {}
    comparison = count_empty(replace(COMPARISON, **moved | changes))
    nulls = grade_nulls(comparison, DRIFT)
    return ColumnDrift(column="x", comparison=comparison, p_adjusted=0.0, severity=severity, null_severity=nulls)


def count_empty(compared: Comparison) -> Comparison:
    """Return the comparison with the effects of its nulls and infinite numbers."""
    rows = np.array([compared.reference_rows, compared.current_rows])
    nulls, infinite = (
        measure_shares(np.column_stack([rows - count, count]).astype(float), Certainty(0.05))
        for count in (
            np.array([compared.reference_nulls, compared.current_nulls]),
            np.array([compared.reference_infinite, compared.current_infinite]),
        )
    )
    return replace(compared, null_effect=nulls, infinite_effect=infinite)


def test_a_drift_alert_names_effect_bound_and_the_bin_that_moved() -> None:
    (alert,) = alert_on_drift([drift("alarm"), drift("none")], kind="feature_drift", options=DRIFT)
    assert (alert.kind, alert.severity, alert.subject, alert.limit) == ("feature_drift", "alarm", "x", 0.05)
    assert alert.value == pytest.approx(0.3)
    assert alert.message == (
        "x moved by 0.30, at least 0.25 for sure; the share of '1' went from 0.0% to 12.0% (tolerated: 0.05)."
    )
    assert "how the feature is generated" in alert.action


def test_an_effect_that_is_not_proven_is_said_to_be_perhaps_chance() -> None:
    effect = replace(MOVED, low=0.0)
    (alert,) = alert_on_drift([drift("warning", effect=effect)], kind="prediction_drift", options=DRIFT)
    assert alert.severity == "warning"
    assert alert.message.startswith("x moved by 0.30, which may be chance; ")
    assert "retraining alone is no answer" in alert.action


@pytest.mark.parametrize(("before", "now", "change"), [(0, 80, "+8.0%"), (300, 200, "-10.0%")])
def test_nulls_that_came_or_went_are_a_finding_of_the_source(before: int, now: int, change: str) -> None:
    found = drift("none", reference_nulls=before, current_nulls=now)
    (alert,) = alert_on_drift([found], kind="feature_drift", options=DRIFT)
    assert (alert.kind, alert.severity) == ("data", "alarm")
    assert alert.message == (
        f"The share of nulls in x went from {before / 1_000:.1%} to {now / 1_000:.1%}, by {change} (tolerated: 5.0%)."
    )
    assert alert.action.startswith("Check the source")


def test_a_column_that_is_gone_says_so() -> None:
    found = replace(drift("none"), null_severity="alarm", problem="it is not in the current window")
    (alert,) = alert_on_drift([found], kind="feature_drift", options=DRIFT)
    assert (alert.kind, alert.severity) == ("data", "alarm")
    assert alert.message == "x cannot be compared: it is not in the current window."


def test_nulls_of_a_handful_of_rows_may_be_chance() -> None:
    few = replace(COMPARISON, reference_rows=20, current_rows=20, current_nulls=2)
    assert grade_nulls(count_empty(few), DRIFT) != "alarm"
    assert grade_nulls(count_empty(replace(few, current_nulls=20)), DRIFT) == "alarm"


@pytest.mark.parametrize("severity", ["alarm", "warning"])
@pytest.mark.parametrize("kind", ["feature_drift", "prediction_drift"])
def test_a_column_that_drifted_and_lost_values_has_one_alert_and_one_action(severity: str, kind: str) -> None:
    """ "Retrain on new data" and "do not retrain before" for the same column would contradict each other."""
    found = [drift(severity, current_nulls=300, effect=MOVED), replace(drift("alarm"), column="y")]
    nulls, moved = alert_on_drift(found, kind=kind, options=DRIFT)
    assert (nulls.kind, nulls.severity, nulls.subject, nulls.value) == ("data", "alarm", "x", 0.3)
    assert nulls.message == (
        "The share of nulls in x went from 0.0% to 30.0%, by +30.0% (tolerated: 5.0%). "
        "x moved by 0.30, at least 0.25 for sure; the share of '1' went from 0.0% to 12.0% (tolerated: 0.05)."
    )
    assert "do not retrain" in nulls.action
    assert (moved.kind, moved.subject) == (kind, "y")


def test_an_alert_names_the_values_that_came_and_went() -> None:
    found = drift("alarm", new_values=("a", "b", "c", "d"), new_share=0.25, vanished_values=("z",), vanished_share=0.1)
    (alert,) = alert_on_drift([found], kind="feature_drift", options=DRIFT)
    assert alert.message.endswith(
        "went from 0.0% to 12.0%; new: 'a', 'b', 'c' and 1 more (25.0% of the current rows); "
        "vanished: 'z' (10.0% of the earlier rows) (tolerated: 0.05)."
    )


def test_a_rare_new_category_is_said_in_its_own_words() -> None:
    changes = {"data_type": "string", "psi": 0.01, "is_surprising": True, "new_values": ("d",), "new_share": 0.002}
    (alert,) = alert_on_drift([drift("warning", **changes)], kind="feature_drift", options=DRIFT)
    assert alert.message == "x has other categories than before: new: 'd' (0.2% of the current rows)."
    assert (alert.severity, alert.value, alert.limit) == ("warning", 0.002, 0.0)


def test_a_column_that_the_model_does_not_take_is_no_reason_to_retrain() -> None:
    (alert,) = alert_on_drift([replace(drift("alarm"), is_input=False)], kind="feature_drift", options=DRIFT)
    assert alert.kind == "unused_feature_drift"
    assert alert.action.endswith("nothing to retrain.")


def test_rows_that_cannot_be_read_are_a_finding_of_their_own() -> None:
    other = Baseline(title="the cohort of 2005-08-31", problem="Vacuumed.", cohort=date(2005, 8, 31))
    (instead,) = alert_on_baseline(other)
    assert (instead.kind, instead.severity) == ("reference", "warning")
    assert "compared with the cohort of 2005-08-31, since" in instead.message
    (nothing,) = alert_on_baseline(Baseline(title="", problem="Vacuumed."))
    assert nothing.severity == "alarm"
    assert "not compared with anything" in nothing.message
    assert alert_on_baseline(Baseline(title="dev.model_input.training_set@3")) == []


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


@pytest.mark.parametrize(
    ("infinite", "severity", "alert"),
    [((0, 0), "none", None), ((0, 1), "none", "warning"), ((5, 0), "none", None), ((0, 100), "none", "alarm")],
)
def test_infinite_numbers_are_an_alert_of_the_data(infinite: tuple[int, int], severity: str, alert: str | None) -> None:
    """One is worth watching; a share of them beyond the limit of nulls is an alarm."""
    found = alert_on_drift(
        [drift(severity, reference_infinite=infinite[0], current_infinite=infinite[1])],
        kind="feature_drift",
        options=DRIFT,
    )
    assert [each.severity for each in found] == ([] if alert is None else [alert])
    if alert is not None:
        assert f"{infinite[1]} of 1,000 values of x are infinite, 0 of 1,000 before" in found[0].message
        assert found[0].kind == "data"
