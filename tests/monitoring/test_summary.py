"""The closing lines of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from boathouse.monitoring.alerts import Alert
from boathouse.monitoring.performance import CohortPerformance
from boathouse.monitoring.summary import RunFacts, describe_evaluation, describe_promotion, summarise_run

METRICS = {
    "roc_auc": {"value": 0.78, "low": 0.77, "high": 0.79},
    "brier_score": {"value": 0.1, "low": None, "high": None},
}
EVALUATION = {
    "subject": {"version": "7"},
    "rows": 30_000,
    "period": ["2005-08-31", "2005-08-31"],
    "seen": {"candidate": 0, "champion": 3},
    "metrics": METRICS,
    "champion": {"subject": {"version": "6"}, "metrics": {"roc_auc": {"value": 0.7, "low": 0.69, "high": 0.71}}},
}
COHORT = CohortPerformance(
    cohort=date(2005, 9, 30),
    model_version="7",
    status="pending",
    labels_known_on=date(2005, 10, 31),
    rows=30_000,
    labelled=0,
    figures={"mean_probability": 0.2, "decision_rate": 0.3},
)


def make_alert(number: int) -> Alert:
    return Alert(kind="data", severity="alarm", subject=f"c{number}", value=1.0, limit=0.5, message=f"c{number} broke.")


def test_a_summary_of_many_alerts_stays_short() -> None:
    facts = RunFacts(
        environment="dev",
        as_of=date(2005, 9, 30),
        champion="dev.models.m version 7",
        metrics=describe_evaluation(EVALUATION, "7"),
        promotion="version 7 promoted: better",
        cohorts=[replace(COHORT, cohort=date(2005, 8, 31)), COHORT],
        drifts=[],
        alerts=[make_alert(number) for number in range(30)],
        report="monitoring.html",
    )
    lines = summarise_run(facts).splitlines()
    assert len(lines) <= 15
    assert lines[-1] == "  report      monitoring.html"
    assert any("30 to act on, 0 to watch" in line for line in lines)
    assert any("60,000 rows: 2005-08-31 (labels known on 2005-10-31), 2005-09-30 (labels" in line for line in lines)
    assert sum("broke." in line for line in lines) == 3


def test_rows_that_two_versions_scored_count_once() -> None:
    later = replace(COHORT, model_version="8", rows=29_999, status="measured", figures={"roc_auc": 0.781})
    facts = RunFacts(
        environment="dev",
        as_of=date(2005, 9, 30),
        champion="dev.models.m version 8",
        metrics=[],
        promotion="",
        cohorts=[replace(COHORT, cohort=date(2005, 8, 31), rows=10), COHORT, later],
        drifts=[],
        alerts=[],
        report="monitoring.html",
    )
    expected = (
        "30,010 rows: 2005-08-31 (labels known on 2005-10-31), "
        "2005-09-30 version 7 (labels known on 2005-10-31), 2005-09-30 version 8 (ROC AUC 0.781)"
    )
    assert expected in summarise_run(facts)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("7", "ROC AUC 0.780 [0.770, 0.790], Brier score 0.100"),
        ("6", "ROC AUC 0.700 [0.690, 0.710]"),
        ("2", "version 2 is not part of the newest evaluation"),
    ],
)
def test_metrics_are_those_of_the_champion(version: str, expected: str) -> None:
    assert describe_evaluation(EVALUATION, version)[0] == expected


def test_rows_are_called_unseen_only_where_that_is_known() -> None:
    assert describe_evaluation(EVALUATION, "7")[1] == "on 30,000 rows it never saw, 2005-08-31"
    later = EVALUATION | {"period": ["2005-08-31", "2005-09-30"]}
    seen = "on 30,000 rows not all known to be unseen by it, 2005-08-31 to 2005-09-30"
    assert describe_evaluation(later, "6")[1] == seen
    assert "not all known" in describe_evaluation(EVALUATION | {"seen": {"candidate": None}}, "7")[1]


def test_a_long_reason_is_cut() -> None:
    text = describe_promotion({"candidate": "8", "outcome": "rejected", "reason": "no " * 100})
    assert text.startswith("version 8 rejected: no")
    assert len(text) == 160
    assert text.endswith("…")
