"""Paired bootstraps: equal to scikit-learn on the drawn rows, certain where pairing makes it so, fair or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

from boathouse.evaluation.comparison import ALL, compare_paired, compare_slices
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions, Scored, draw_counts, resample_differences

COSTS = CostOptions(missed=5, false_alarm=1)
OPTIONS = BootstrapOptions(samples=40, confidence=0.9, seed=3)


def make_models(rows: int = 400, digits: int = 2, seed: int = 1) -> tuple[Scored, Scored]:
    """Return two models on the same rows; rounded, so that some rows tie."""
    generator = np.random.default_rng(seed)
    label = (generator.random(rows) < 0.3).astype(np.int64)
    scored = []
    for noise in (0.8, 1.6):
        odds = label + generator.normal(scale=noise, size=rows) - 0.5
        probability = np.round(1 / (1 + np.exp(-odds)), digits)
        scored.append(Scored(label, probability, (probability >= 0.5).astype(np.int64)))
    return scored[0], scored[1]


def measure(side: Scored, rows: np.ndarray) -> dict[str, float]:
    """Return what scikit-learn says of copied rows, and the cost by its definition."""
    label, probability, decision = side.label[rows], side.probability[rows], side.decision[rows]
    cost = 5 * ((label == 1) & (decision == 0)) + 1 * ((label == 0) & (decision == 1))
    return {
        "roc_auc": roc_auc_score(label, probability),
        "brier_score": brier_score_loss(label, probability),
        "expected_cost": cost.mean(),
    }


@pytest.mark.parametrize("digits", [1, 2, 12])
def test_every_resample_is_what_scikit_learn_says_of_the_drawn_rows(digits: int) -> None:
    sides = make_models(digits=digits)
    found = resample_differences(*sides, OPTIONS, COSTS)
    counts = np.concatenate(list(draw_counts(400, OPTIONS)))
    assert counts.shape == (40, 400)
    assert (counts.sum(axis=1) == 400).all()
    for number, each in enumerate(counts):
        rows = np.repeat(np.arange(400), each)
        ours, theirs = (measure(side, rows) for side in sides)
        for name, values in found.items():
            assert values[number] == pytest.approx(ours[name] - theirs[name], abs=1e-12), name


def test_resamples_of_many_rows_come_in_chunks_and_are_as_many_as_asked() -> None:
    counts = list(draw_counts(30_000, BootstrapOptions(samples=21, confidence=0.9, seed=3)))
    assert sum(len(each) for each in counts) == 21
    assert all((each.sum(axis=1) == 30_000).all() for each in counts)


def test_the_interval_is_that_of_scipy() -> None:
    """SciPy draws other resamples, so the bounds agree as closely as 4,000 of them let them."""
    ours, theirs = make_models(rows=800)
    _, _, found = compare_paired(ours, theirs, BootstrapOptions(samples=4000, confidence=0.9, seed=5), COSTS)
    losses = [(each.probability - each.label) ** 2 for each in (ours, theirs)]
    oracle = stats.bootstrap(
        (losses[0] - losses[1],), np.mean, n_resamples=4000, confidence_level=0.9, method="percentile", rng=1
    ).confidence_interval
    width = oracle.high - oracle.low
    assert found["brier_score"].low == pytest.approx(oracle.low, abs=0.06 * width)
    assert found["brier_score"].high == pytest.approx(oracle.high, abs=0.06 * width)


def test_a_model_against_itself_is_an_exact_tie() -> None:
    side, _ = make_models()
    _, _, difference = compare_paired(side, side, OPTIONS, COSTS)
    assert {(each.value, each.low, each.high) for each in difference.values()} == {(0.0, 0.0, 0.0)}


def test_exchanging_the_sides_changes_the_sign_alone() -> None:
    ours, theirs = make_models()
    there, back = (resample_differences(*pair, OPTIONS, COSTS) for pair in ((ours, theirs), (theirs, ours)))
    assert all((there[name] == -back[name]).all() for name in there)


def test_missing_every_bad_payer_is_dear_and_not_cheap() -> None:
    """A cost with the wrong sign would let the model that acts on nobody win."""
    label = np.array([1, 1, 0, 0])
    idle = Scored(label, np.full(4, 0.1), np.zeros(4, dtype=np.int64))
    awake = Scored(label, np.array([0.9, 0.9, 0.9, 0.1]), np.array([1, 1, 1, 0]))
    ours, theirs, difference = compare_paired(idle, awake, OPTIONS, COSTS)
    assert (ours["expected_cost"], theirs["expected_cost"]) == (2.5, 0.25)
    assert difference["expected_cost"].value == 2.25


def test_slices_are_measured_on_their_own_rows() -> None:
    ours, theirs = make_models()
    values = np.where(np.arange(400) % 4 == 0, "few", "many")
    found = compare_slices(ours, theirs, {"cut": values}, options=OPTIONS, costs=COSTS)
    assert [(each.key, each.value, each.rows) for each in found] == [
        (ALL, ALL, 400),
        ("cut", "few", 100),
        ("cut", "many", 300),
    ]
    few = np.flatnonzero(values == "few")
    assert found[1].ours == pytest.approx(measure(ours, few))
    assert found[1].theirs == pytest.approx(measure(theirs, few))


def test_a_slice_of_one_class_has_no_roc_auc_and_a_cost_still() -> None:
    label = np.zeros(50, dtype=np.int64)
    side = Scored(label, np.linspace(0, 1, 50), (np.arange(50) > 40).astype(np.int64))
    _, _, difference = compare_paired(side, side, OPTIONS, COSTS)
    assert np.isnan(difference["roc_auc"].low)
    assert difference["expected_cost"].low == 0
