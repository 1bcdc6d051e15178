"""Measures of a model: measured, estimated, beside the rule, by group, and in money."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from boathouse.errors import ConfigError, OptionError
from boathouse.evaluation.fairness import FairnessOptions
from boathouse.modelling import metrics
from boathouse.modelling.selection import BaselineOptions
from boathouse.monitoring.baseline import LABEL_RATE, compare_with_rule, fit_rule
from boathouse.monitoring.concept import Comparison, measure_change, measure_groups, measure_label_shift
from boathouse.monitoring.estimates import Known
from boathouse.monitoring.figures import Subject, measure_coverage, measure_labelled, score_estimates, show_estimates
from boathouse.monitoring.kpis import ValueOptions, measure_kpis
from boathouse.monitoring.options import PerformanceOptions
from tests.monitoring.test_estimates import ESTIMATOR, FIRST, LATER, SECOND, hide, make_cohort

SUBJECT = Subject(model="test.models.units", period="day")
PERFORMANCE = PerformanceOptions(minimum_rows=50, bootstraps=50, confidence=0.9, seed=1)
RULE = BaselineOptions(feature="z", bins=10)
COHORT = make_cohort(SECOND)


def by_metric(measures: list) -> dict:
    return {each.metric: each for each in measures}


def test_every_metric_of_the_evaluation_has_an_interval() -> None:
    found = by_metric(measure_labelled(COHORT, SUBJECT, PERFORMANCE, ESTIMATOR))
    assert {"roc_auc", "precision_recall_auc", "f1_score", "expected_cost", "ks_statistic"} < set(found)
    area = found["roc_auc"]
    assert area.value == pytest.approx(metrics.roc_auc(COHORT.label, COHORT.answer["probability"]))
    assert area.low < area.value < area.high
    assert (area.kind, area.status, area.rows, area.window.start) == ("performance", "measured", 4_000, SECOND)


def test_too_few_labels_are_said_and_one_class_has_no_ranking() -> None:
    few = replace(COHORT, label=np.where(np.arange(4_000) < 49, COHORT.label, np.nan))
    assert {each.status for each in measure_labelled(few, SUBJECT, PERFORMANCE, ESTIMATOR)} == {"too_few"}
    one = by_metric(measure_labelled(replace(COHORT, label=np.zeros(4_000)), SUBJECT, PERFORMANCE, ESTIMATOR))
    assert (one["roc_auc"].status, one["roc_auc"].value) == ("not_estimable", None)
    assert one["brier_score"].status == "measured"


def test_labels_that_still_arrive_are_shown_apart() -> None:
    half = replace(
        COHORT, label=np.where(np.arange(4_000) < 1_000, COHORT.label, np.nan), labels_known_on=date(2024, 3, 10)
    )
    (coverage,) = measure_coverage(half, SUBJECT, LATER)
    assert (coverage.status, coverage.value) == ("pending", 0.25)
    assert "all will be on 2024-03-10" in coverage.detail
    both = by_metric(measure_coverage(replace(COHORT, contradicting=3), SUBJECT, LATER))
    assert both["label_coverage"].status == "measured"
    assert both["contradicting_labels"].value == 3


def test_an_estimate_says_what_it_assumes_and_its_record_what_it_missed() -> None:
    estimates = ESTIMATOR.estimate(hide(COHORT), Known(labelled=make_cohort(FIRST, seed=5), trained=None))
    shown = by_metric(show_estimates(COHORT, SUBJECT, estimates))
    assert shown["roc_auc"].status == "estimated"
    assert shown["roc_auc"].detail.startswith("pape: ")
    settled = [replace(each, status="settled", held=each.metric != "recall", actual=0.0) for each in estimates]
    (record,) = score_estimates(COHORT, SUBJECT, settled)
    assert record.value == pytest.approx(7 / 8)
    assert record.detail == "7 of 8 intervals held what was measured; missed: recall."
    assert score_estimates(COHORT, SUBJECT, []) == []


def test_the_rule_answers_the_same_rows_and_the_difference_is_paired() -> None:
    rule = fit_rule(make_cohort(FIRST, seed=5), RULE, ESTIMATOR)
    assert rule.title == "the label's rate by z"
    found = by_metric(compare_with_rule(COHORT, rule, SUBJECT, PERFORMANCE, ESTIMATOR))
    area = found["roc_auc_against_baseline"]
    theirs = metrics.roc_auc(COHORT.label, rule.answer(COHORT)["probability"])
    assert area.value == pytest.approx(metrics.roc_auc(COHORT.label, COHORT.answer["probability"]) - theirs)
    assert 0 < area.low < area.value < area.high


def test_without_its_feature_the_rule_is_the_rate_of_the_label() -> None:
    rule = fit_rule(make_cohort(FIRST, seed=5), BaselineOptions(feature="gone", bins=5), ESTIMATOR)
    answer = rule.answer(COHORT)["probability"]
    assert rule.title == LABEL_RATE
    assert np.ptp(answer) == 0
    assert answer[0] == pytest.approx(make_cohort(FIRST, seed=5).label.mean(), abs=0.001)


def test_a_change_is_measured_and_its_parts_sum_to_it() -> None:
    reference, worse = make_cohort(FIRST, seed=5), replace(COHORT, label=1 - COHORT.label)
    found = by_metric(measure_change(Comparison(cohort=worse, reference=reference, title="before"), SUBJECT, ESTIMATOR))
    parts = [found[f"loss_change_{name}"].value for name in ("features", "relation", "unseen")]
    assert sum(parts) == pytest.approx(found["loss_change"].value)
    assert found["loss_change_relation"].low > 0.1
    assert found["error_rate_change"].low > 0.1
    assert found["recalibration_step"].value == 2
    assert found["calibration_slope"].high < 0


def test_a_label_shift_needs_support() -> None:
    (found,) = measure_label_shift(hide(COHORT), make_cohort(FIRST, seed=5), SUBJECT, ESTIMATOR)
    assert found.low < COHORT.label.mean() < found.high
    moved = replace(COHORT, features={**COHORT.features, "z": COHORT.features["z"] + 9})
    (refused,) = measure_label_shift(hide(moved), make_cohort(FIRST, seed=5), SUBJECT, ESTIMATOR)
    assert (refused.status, refused.value) == ("not_estimable", None)


def test_a_group_is_compared_with_all_other_rows() -> None:
    group = np.where(np.arange(4_000) < 1_000, "a", "b")
    decision = np.where(np.arange(4_000) < 600, 1.0, np.where(np.arange(4_000) < 3_400, 0.0, 1.0))
    cohort = replace(hide(COHORT), groups={"size": group}, answer={**COHORT.answer, "decision": decision})
    options = FairnessOptions(sensitive=["size"], min_group_rows=100)
    found = {each.scope: each for each in measure_groups(cohort, SUBJECT, options, ESTIMATOR)}
    assert found["size=a"].value == pytest.approx(0.6 - 0.2)
    assert found["size=b"].value == pytest.approx(-0.4)
    error = np.sqrt(0.6 * 0.4 / 1_000 + 0.2 * 0.8 / 3_000)
    assert found["size=a"].high - found["size=a"].value == pytest.approx(1.959964 * error, rel=1e-5)
    assert {each.metric for each in found.values()} == {"selection_rate_gap"}
    labelled = measure_groups(replace(cohort, label=COHORT.label), SUBJECT, options, ESTIMATOR)
    assert {each.metric for each in labelled} > {"true_positive_rate_gap", "false_positive_rate_gap"}
    few = measure_groups(cohort, SUBJECT, replace(options, min_group_rows=2_000), ESTIMATOR)
    assert {each.status for each in few} == {"too_few"}


VALUE = ValueOptions(kpis={"saved": {"expression": "1", "unit": "EUR", "total": "sum", "target": 5}})


def test_a_key_figure_is_a_total_with_an_interval_by_entity() -> None:
    valued = replace(COHORT, values={"kpi_saved": np.where(np.arange(4_000) < 100, 2.0, 0.0)})
    (found,) = measure_kpis(valued, SUBJECT, VALUE, PERFORMANCE, mature=True)
    assert (found.kind, found.metric, found.value) == ("kpi", "saved", 200.0)
    # The sum of 4,000 rows drawn with replacement has a deviation of about 2 times the root of 100.
    assert found.high - found.low == pytest.approx(2 * 1.645 * 20, rel=0.35)
    assert found.detail == "200 EUR, target 5."
    (pending,) = measure_kpis(valued, SUBJECT, VALUE, PERFORMANCE, mature=False)
    assert (pending.status, pending.value) == ("pending", None)


def test_a_declaration_that_is_not_complete_names_the_key_figure() -> None:
    with pytest.raises(ConfigError, match=r"kpis\.saved: expected expression, unit.*found unit"):
        ValueOptions(kpis={"saved": {"unit": "EUR"}})
    with pytest.raises(OptionError, match="'total'"):
        ValueOptions(kpis={"saved": {"expression": "1", "unit": "EUR", "total": "median"}})
