"""Figures of a cohort against scikit-learn, and cohorts that cannot be measured yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from sklearn import metrics

from boathouse.errors import OptionError
from boathouse.modelling.task import BINARY
from boathouse.monitoring.options import PerformanceOptions
from boathouse.monitoring.performance import ScoredCohort, measure_cohort

OPTIONS = PerformanceOptions(
    minimum_rows=50,
    bootstraps=100,
    confidence=0.95,
    seed=1,
)
GENERATOR = np.random.default_rng(5)
PROBABILITY = np.round(GENERATOR.beta(2, 6, 2_000), 2)
LABEL = (GENERATOR.random(2_000) < PROBABILITY).astype(float)


def make_cohort(label: np.ndarray) -> ScoredCohort:
    return ScoredCohort(
        cohort=date(2005, 8, 31),
        model_version="3",
        answer={
            "probability": PROBABILITY[: len(label)],
            "decision": (PROBABILITY[: len(label)] >= 0.3).astype(float),
        },
        label=label,
        labels_known_on=date(2005, 9, 30),
    )


def test_figures_equal_scikit_learn() -> None:
    found = measure_cohort(make_cohort(LABEL), OPTIONS)
    decision = PROBABILITY >= 0.3
    assert found.status == "measured"
    assert found.figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(LABEL, PROBABILITY))
    assert found.figures["brier"] == pytest.approx(metrics.brier_score_loss(LABEL, PROBABILITY))
    assert found.figures["log_loss"] == pytest.approx(metrics.log_loss(LABEL, PROBABILITY))
    assert found.figures["precision"] == pytest.approx(metrics.precision_score(LABEL, decision))
    assert found.figures["recall"] == pytest.approx(metrics.recall_score(LABEL, decision))
    assert found.figures["decision_rate"] == pytest.approx(decision.mean())
    assert found.gap(BINARY) == pytest.approx(LABEL.mean() - PROBABILITY.mean())


def test_interval_holds_the_value_and_repeats_with_its_seed() -> None:
    found = measure_cohort(make_cohort(LABEL), OPTIONS)
    assert found.figures["roc_auc_low"] < found.figures["roc_auc"] < found.figures["roc_auc_high"]
    assert found.figures["roc_auc_high"] - found.figures["roc_auc_low"] < 0.1
    assert measure_cohort(make_cohort(LABEL), OPTIONS) == found


def test_without_labels_a_cohort_is_pending_with_the_date() -> None:
    found = measure_cohort(make_cohort(np.full(2_000, np.nan)), OPTIONS)
    assert (found.status, found.rows, found.labelled) == ("pending", 2_000, 0)
    assert found.labels_known_on == date(2005, 9, 30)
    assert found.figures.keys() == {"mean_probability", "decision_rate"}
    assert found.read("roc_auc") is None
    assert found.gap(BINARY) is None


def test_only_labelled_rows_are_measured() -> None:
    half = np.concatenate([LABEL[:1_000], np.full(1_000, np.nan)])
    found = measure_cohort(make_cohort(half), OPTIONS)
    assert found.labelled == 1_000
    assert found.figures["roc_auc"] == pytest.approx(metrics.roc_auc_score(LABEL[:1_000], PROBABILITY[:1_000]))


def test_too_few_labels_are_not_measured() -> None:
    assert measure_cohort(make_cohort(LABEL[:49]), OPTIONS).status == "too_few"


def test_one_class_has_no_ranking_but_the_rest() -> None:
    found = measure_cohort(make_cohort(np.zeros(100)), OPTIONS)
    assert found.figures["roc_auc"] is None
    assert found.figures["recall"] is None
    assert found.figures["brier"] is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("minimum_rows", 1), ("bootstraps", 0), ("confidence", 1.0), ("seed", -1)],
)
def test_options_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"'{name}'"):
        replace(OPTIONS, **{name: value})
