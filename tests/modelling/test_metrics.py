"""Metrics against scikit-learn, intervals against the rows they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as oracle

from boathouse.modelling import metrics
from boathouse.modelling.intervals import BootstrapOptions, Scored, draw_counts, resample_metrics

OPTIONS = BootstrapOptions(samples=20, confidence=0.95, seed=3)


def make_rows(count: int = 400) -> Scored:
    generator = np.random.default_rng(11)
    # Two digits: many ties.
    probability = generator.random(count).round(2)
    label = (generator.random(count) < probability).astype(np.int64)
    return Scored(label, probability, (probability >= 0.5).astype(np.int32))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.roc_auc, oracle.roc_auc_score),
        (metrics.pr_auc, oracle.average_precision_score),
        (metrics.log_loss, oracle.log_loss),
        (metrics.brier_score, oracle.brier_score_loss),
    ],
)
def test_ranking_and_probability_metrics_equal_the_oracle(ours, theirs) -> None:  # noqa: ANN001
    rows = make_rows()
    assert ours(rows.label, rows.probability) == pytest.approx(theirs(rows.label, rows.probability), abs=1e-12)


def test_ks_is_the_largest_distance_of_the_roc_curve_from_chance() -> None:
    rows = make_rows()
    false_rate, true_rate, _ = oracle.roc_curve(rows.label, rows.probability, drop_intermediate=False)
    assert metrics.ks_statistic(rows.label, rows.probability) == pytest.approx(max(true_rate - false_rate), abs=1e-12)


def test_decisions_are_counted_by_hand() -> None:
    found = metrics.count_decisions(np.array([1, 1, 0, 0, 1]), np.array([1, 0, 1, 0, 1]))
    assert found == metrics.Confusion(2, 1, 1, 1)
    assert (found.precision, found.recall, found.accuracy_score) == (2 / 3, 2 / 3, 3 / 5)
    assert metrics.expected_cost(found, missed=5000, false_alarm=1000) == 6000 / 5


@pytest.mark.parametrize("label", [np.zeros(5, dtype=int), np.ones(5, dtype=int)])
def test_one_class_has_no_ranking(label: np.ndarray) -> None:
    assert math.isnan(metrics.roc_auc(label, np.linspace(0, 1, 5)))
    assert math.isnan(metrics.ks_statistic(label, np.linspace(0, 1, 5)))


def test_a_resample_by_weights_equals_the_resampled_rows() -> None:
    rows = make_rows()
    weights = next(draw_counts(len(rows.label), OPTIONS))[0].astype(int)
    drawn = np.repeat(np.arange(len(weights)), weights)
    label, probability, decision = rows.label[drawn], rows.probability[drawn], rows.decision[drawn]
    expected = metrics.measure(label, probability, decision, missed=5, false_alarm=1)
    found = resample_metrics(rows, OPTIONS, missed=5, false_alarm=1)
    for name, samples in found.items():
        assert samples[0] == pytest.approx(expected[name], abs=1e-9), name
