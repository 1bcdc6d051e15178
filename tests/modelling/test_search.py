"""Selection: a closed list of algorithms, the best on validation first, the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as oracle

from boathouse.errors import ModelError, OptionError
from boathouse.modelling.estimators import FITS
from boathouse.modelling.selection import SearchOptions, fit_trial, run_trials
from boathouse.scoring.flavours import FLAVOURS
from tests.fixtures.modelling_sample import make_sample

TRAIN, VALIDATION = make_sample(), make_sample(300, 8)
CANDIDATES: tuple[dict[str, Any], ...] = (
    {"algorithm": "xgboost", "rounds": 20, "max_depth": 2},
    {"algorithm": "logistic_regression", "C": 1.0, "max_iter": 200},
    {"algorithm": "hist_gradient_boosting", "max_iter": 20},
)
GOOD = CANDIDATES[1]


def test_every_algorithm_can_be_fitted_and_scored() -> None:
    assert set(FITS) == set(FLAVOURS)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda each: each["algorithm"])
def test_a_fit_learns_the_signal_and_its_metrics_are_those_of_validation(candidate: dict[str, Any]) -> None:
    trial = fit_trial(TRAIN, VALIDATION, candidate, 1)
    probability = 1 / (1 + np.exp(-trial.log_odds))
    assert trial.metrics["roc_auc"] == pytest.approx(oracle.roc_auc_score(VALIDATION.label, probability))
    assert trial.metrics["log_loss"] == pytest.approx(oracle.log_loss(VALIDATION.label, probability))
    assert trial.metrics["roc_auc"] > 0.7


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda each: each["algorithm"])
def test_the_same_seed_gives_the_same_model(candidate: dict[str, Any]) -> None:
    first, again = (fit_trial(TRAIN, VALIDATION, candidate, 1) for _ in range(2))
    assert first.log_odds.tobytes() == again.log_odds.tobytes()


def test_a_baseline_of_an_unknown_feature_is_refused_by_name() -> None:
    candidate = {"algorithm": "rate_table", "feature": "months_lat", "bins": 3}
    with pytest.raises(ModelError, match=r"'months_lat' \(training\.baseline\.feature\).*empty, noise, signal"):
        fit_trial(TRAIN, VALIDATION, candidate, 1)


@pytest.mark.parametrize(("metric", "sign"), [("log_loss", 1), ("roc_auc", -1)])
def test_the_best_is_first(metric: str, sign: int) -> None:
    trials = run_trials(TRAIN, VALIDATION, SearchOptions(metric, 1, CANDIDATES))
    values = [sign * trial.metrics[metric] for trial in trials]
    assert values == sorted(values)
    assert len(trials) == len(CANDIDATES)


def test_equal_candidates_keep_their_order() -> None:
    twins = [{**GOOD, "max_iter": 200}, {**GOOD, "max_iter": 201}]
    trials = run_trials(TRAIN, VALIDATION, SearchOptions("log_loss", 1, twins))
    assert [trial.parameters["max_iter"] for trial in trials] == [200, 201]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"metric": "gini"}, "log_loss, roc_auc"),
        ({"candidates": []}, "at least one"),
        ({"candidates": [{"algorithm": "random_forest"}]}, "hist_gradient_boosting, logistic_regression"),
        ({"candidates": [{}]}, "xgboost"),
        ({"candidates": [{"algorithm": "xgboost", "max_deph": 3}]}, "max_depth"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_not_on_the_lists_is_refused_before_anything_runs(changes: dict[str, Any], named: str) -> None:
    options = {"metric": "log_loss", "seed": 1, "candidates": [GOOD], **changes}
    with pytest.raises(OptionError, match=named):
        SearchOptions(**options)
