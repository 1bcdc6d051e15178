"""Cohorts estimated before their labels are known, held against the truth afterwards, and bad input."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from boathouse.errors import OptionError
from boathouse.modelling.calibration import CostOptions
from boathouse.monitoring.cohorts import CohortRows, keep_one_each
from boathouse.monitoring.estimate_table import settle_estimates
from boathouse.monitoring.estimates import (
    ERROR,
    EstimationOptions,
    Estimator,
    Known,
    choose_estimates,
    join_labelled,
)

OPTIONS = EstimationOptions(
    labelled_cohorts=2,
    minimum_rows=500,
    resamples=20,
    confidence=0.95,
    seed=1,
    maximum_new_share=0.02,
    maximum_unsupported=0.05,
    minimum_effective=0.1,
    discrete_values=20,
    minimum_gain=0.001,
    max_rows=1_000_000,
)
ESTIMATOR = Estimator(options=OPTIONS, costs=CostOptions(missed=5.0, false_alarm=1.0))
FIRST, SECOND, LATER = date(2024, 3, 1), date(2024, 3, 2), date(2024, 3, 9)


def make_cohort(
    day: date, *, rows: int = 4_000, mean: float = 0.0, seed: int = 1, known: date | None = None
) -> CohortRows:
    """Return a cohort of a model that misses a quadratic term, so that it is off where one feature is far out."""
    generator = np.random.default_rng(seed)
    features = {"x": generator.normal(mean, 1, rows), "z": generator.normal(size=rows)}
    truth = -1.5 + features["x"] + 0.3 * features["x"] ** 2 + 0.5 * features["z"]
    probability = 1 / (1 + np.exp(-(-1.1 + 0.9 * features["x"] + 0.5 * features["z"])))
    return CohortRows(
        cohort=day,
        model_version="1",
        labels_known_on=known,
        answer={"probability": probability, "decision": (probability >= 0.3).astype(float)},
        label=(generator.random(rows) < 1 / (1 + np.exp(-truth))).astype(float),
        entities=np.arange(rows, dtype=np.uint64),
        features=features,
    )


def hide(cohort: CohortRows) -> CohortRows:
    return replace(cohort, label=np.full(len(cohort.label), np.nan))


def estimate(current: CohortRows, *earlier: CohortRows, trained: CohortRows | None = None) -> dict:
    known = Known(labelled=join_labelled(earlier, LATER, OPTIONS), trained=trained)
    return {(each.method, each.metric): each for each in ESTIMATOR.estimate(hide(current), known)}


def test_under_covariate_shift_the_weighted_estimate_is_the_better_one() -> None:
    misses: dict[str, list[float]] = {"cbpe": [], "pape": []}
    for seed in range(4):
        current = make_cohort(SECOND, mean=0.7, seed=seed + 100)
        found, truth = estimate(current, make_cohort(FIRST, seed=seed)), ESTIMATOR.measure(current)
        for method, gaps in misses.items():
            gaps.append(abs(found[method, "roc_auc"].value - truth["roc_auc"]))
    assert np.mean(misses["pape"]) < 0.6 * np.mean(misses["cbpe"])


def test_without_change_the_interval_holds_the_truth_and_says_what_it_assumes() -> None:
    held = []
    for seed in range(6):
        current = make_cohort(SECOND, seed=seed + 100)
        found, truth = estimate(current, make_cohort(FIRST, seed=seed)), ESTIMATOR.measure(current)
        held += [each.low <= truth[each.metric] <= each.high for each in found.values()]
        assert all(each.status == "estimated" and "has not changed" in each.assumption for each in found.values())
    assert np.mean(held) > 0.8


def test_a_new_category_leaves_no_estimate_of_any_metric() -> None:
    late = np.repeat([0.0, 2.0], [3_500, 500])
    before = make_cohort(FIRST)
    before = replace(before, features={**before.features, "late": late})
    now = make_cohort(SECOND, seed=2)
    now = replace(now, features={**now.features, "late": np.repeat([0.0, 1.0, 2.0], [3_020, 480, 500])})
    found = estimate(now, before)
    assert {each.status for each in found.values()} == {"not_estimable"}
    assert {each.value for each in found.values()} == {None}
    assert all("12.0% of the rows have a value of late" in each.reason for each in found.values())


def test_rows_of_another_kind_leave_no_estimate() -> None:
    before, now = make_cohort(FIRST), make_cohort(SECOND, seed=2)
    # Within the range of each column, and yet where no labelled row was.
    generator = np.random.default_rng(3)
    line = generator.uniform(-2, 2, 4_000)
    before = replace(before, features={"x": line, "z": line + generator.normal(0, 0.05, 4_000)})
    now = replace(now, features={"x": line, "z": -line})
    found = estimate(now, before)
    assert {each.status for each in found.values()} == {"not_estimable"}
    assert "twenty times as rare" in found["cbpe", "roc_auc"].reason


def test_without_a_labelled_cohort_the_models_own_probability_counts_and_that_is_said() -> None:
    found = estimate(make_cohort(SECOND), trained=make_cohort(FIRST, seed=3))
    assert found["cbpe", "brier_score"].status == "estimated"
    assert "own probability is taken as calibrated" in found["cbpe", "brier_score"].assumption
    assert found["pape", "brier_score"].status == "not_estimable"
    assert {each.status for each in estimate(make_cohort(SECOND)).values()} == {"not_estimable"}


def test_labels_of_one_class_calibrate_nothing() -> None:
    before = make_cohort(FIRST)
    found = estimate(make_cohort(SECOND, seed=2), replace(before, label=np.zeros(4_000)))
    assert "rows enough of both classes" in found["pape", "recall"].reason
    assert found["cbpe", "recall"].status == "estimated"


def test_a_metric_that_is_not_defined_has_no_estimate() -> None:
    never = make_cohort(SECOND, seed=2)
    never = replace(never, answer={**never.answer, "decision": np.zeros(4_000)})
    found = estimate(never, make_cohort(FIRST))
    assert found["cbpe", "precision"].status == "not_estimable"
    assert found["cbpe", "recall"].value == 0


def test_only_mature_cohorts_with_rows_enough_are_calibrated_on() -> None:
    few, young = make_cohort(FIRST, rows=400), make_cohort(FIRST, known=date(2024, 3, 10))
    assert join_labelled([few], LATER, OPTIONS) is None
    assert join_labelled([young], LATER, OPTIONS) is None
    assert join_labelled([hide(make_cohort(FIRST))], LATER, OPTIONS) is None
    joined = join_labelled([make_cohort(FIRST), few, make_cohort(SECOND)], LATER, OPTIONS)
    assert joined is not None
    assert (len(joined.label), joined.cohort) == (4_400, SECOND)


def test_a_task_without_categories_has_its_error_estimated() -> None:
    from boathouse.modelling.task import BINARY

    task = replace(BINARY, has_categories=False)
    estimator = replace(ESTIMATOR, task=task)
    before, current = make_cohort(FIRST), make_cohort(SECOND, seed=2)
    known = Known(labelled=join_labelled([before], LATER, OPTIONS), trained=None)
    (found,) = estimator.estimate(hide(current), known)
    assert (found.method, found.metric, found.status) == ("dle", ERROR, "estimated")
    assert found.low < estimator.measure(current)[ERROR] < found.high


def as_row(value: float, low: float, high: float, **changed: object) -> dict:
    row = {
        **dict.fromkeys(("sd", "actual", "held", "estimated_on")),
        "as_of": FIRST,
        "cohort": FIRST,
        "model_version": "1",
        "method": "cbpe",
        "metric": "roc_auc",
        "rows": 5,
        "status": "estimated",
        "reason": "",
        "assumption": "a",
        "value": value,
        "low": low,
        "high": high,
    }
    return row | changed


def test_the_newest_estimate_is_settled_by_the_truth() -> None:
    rows = [as_row(0.7, 0.6, 0.8), as_row(0.72, 0.7, 0.74, as_of=SECOND), as_row(0.9, 0.8, 1.0, as_of=LATER)]
    (found,) = settle_estimates(rows, {(FIRST, "1"): {"roc_auc": 0.68}}, LATER)
    assert (found.status, found.value, found.actual, found.held) == ("settled", 0.72, 0.68, False)
    assert found.estimated_on == SECOND
    (held,) = settle_estimates(rows[:1], {(FIRST, "1"): {"roc_auc": 0.68}}, LATER)
    assert held.held


def test_what_is_not_known_or_was_not_estimated_is_not_settled() -> None:
    refused = as_row(0.7, 0.6, 0.8, status="not_estimable")
    assert settle_estimates([refused], {(FIRST, "1"): {"roc_auc": 0.68}}, LATER) == []
    assert settle_estimates([as_row(0.7, 0.6, 0.8)], {}, LATER) == []
    assert settle_estimates([as_row(0.7, 0.6, 0.8)], {(FIRST, "1"): {"roc_auc": float("nan")}}, LATER) == []


def test_of_two_methods_the_weighted_one_is_shown_where_it_has_a_value() -> None:
    found = list(estimate(make_cohort(SECOND, seed=2), make_cohort(FIRST)).values())
    assert {each.method for each in choose_estimates(found)} == {"pape"}
    refused = [replace(each, value=None, status="not_estimable") if each.method == "pape" else each for each in found]
    assert {each.method for each in choose_estimates(refused)} == {"cbpe"}


def test_a_label_twice_counts_once_and_contradicting_ones_count_as_unknown() -> None:
    rows = pa.table({"id": [3, 1, 1, 2, 2, 4, 4], "label": [None, 1, 1, 0, 1, None, 0], "score": [1.0] * 7})
    kept, contradicting = keep_one_each(rows, ["id"])
    assert kept["id"].to_pylist() == [1, 2, 3, 4]
    assert kept["label"].to_pylist() == [1, None, None, 0]
    assert contradicting == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("minimum_rows", 1), ("resamples", 5), ("confidence", 1.5), ("maximum_new_share", -0.1), ("labelled_cohorts", 0)],
)
def test_options_out_of_range_are_named(name: str, value: float) -> None:
    option = {"resamples": "samples"}.get(name, name)
    with pytest.raises(OptionError, match=f"'({name}|{option})'"):
        replace(OPTIONS, **{name: value})
