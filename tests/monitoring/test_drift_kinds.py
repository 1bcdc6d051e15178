"""Label shift, the parts of a change, error rates, and the steps of recalibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from boathouse.errors import OptionError
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.monitoring.calibrators import separate
from boathouse.monitoring.decomposition import LossRows, decompose, decompose_change
from boathouse.monitoring.error_rates import compare_error_rates, watch_errors
from boathouse.monitoring.label_shift import estimate_label_shift, weigh_labels
from boathouse.monitoring.recalibration import propose_step

SAMPLING = BootstrapOptions(samples=100, confidence=0.95, seed=1)


def test_label_weights_are_the_published_ones() -> None:
    found = weigh_labels(np.array([[0.72, 0.04], [0.08, 0.16]]), np.array([0.64, 0.36]))
    assert found.weights == (pytest.approx(0.7857, abs=5e-5), pytest.approx(1.8571, abs=5e-5))
    assert found.rate == pytest.approx(0.3714, abs=5e-5)
    assert found.correct(np.array([0.3]))[0] == pytest.approx(0.5032, abs=5e-5)


def test_a_planted_label_shift_is_within_its_interval() -> None:
    generator = np.random.default_rng(3)
    label = (generator.random(5_000) < 0.2).astype(float)
    later = (generator.random(5_000) < 0.35).astype(float)
    decide = lambda truth: np.where(generator.random(len(truth)) < 0.8, truth, 1 - truth)  # noqa: E731
    found = estimate_label_shift(label, decide(label), decide(later), SAMPLING)
    assert found.low < 0.35 < found.high
    assert 0.01 < found.high - found.low < 0.1


@pytest.mark.parametrize(
    ("joint", "decided", "reason"),
    [
        ([[0.8, 0.2], [0.0, 0.0]], [1.0, 0.0], "hardly depends"),
        ([[0.4, 0.1], [0.4, 0.1]], [0.5, 0.5], "hardly depends"),
        ([[0.7, 0.1], [0.1, 0.1]], [0.1, 0.9], "no label shift"),
    ],
)
def test_without_a_solution_there_are_no_weights(joint: list[list[float]], decided: list[float], reason: str) -> None:
    found = weigh_labels(np.array(joint), np.array(decided))
    assert np.isnan(found.rate)
    assert reason in found.reason


def make_side(generator: np.random.Generator, rows: int, *, mean: float = 0.0, harder: float = 0.0) -> tuple:
    """Return one feature and a loss that grows with it, and by ``harder`` in all rows."""
    feature = generator.normal(mean, 1, rows)
    return {"x": feature}, np.exp(feature / 2) + harder + generator.normal(0, 0.1, rows)


@pytest.mark.parametrize(
    ("mean", "harder", "largest"), [(0.6, 0.0, "features"), (0.0, 0.5, "relation"), (4.0, 0.0, "unseen")]
)
def test_a_planted_change_is_of_its_kind_and_the_terms_sum_to_it(mean: float, harder: float, largest: str) -> None:
    generator, numbers = np.random.default_rng(7), np.arange(4_000)
    before, loss = make_side(generator, 4_000)
    now, later = make_side(generator, 4_000, mean=mean, harder=harder)
    separation = separate(before, now, (numbers, numbers), seed=1)
    terms = decompose((loss, later), (numbers, numbers), separation, SAMPLING)
    parts = {name: terms[name].value for name in ("features", "relation", "unseen")}
    assert sum(parts.values()) == pytest.approx(later.mean() - loss.mean(), abs=1e-12)
    assert terms["change"].value == pytest.approx(later.mean() - loss.mean(), abs=1e-12)
    # What a feature moved is split in two: rows that become more frequent, and those hardly there before.
    assert max(parts, key=parts.__getitem__) in ({largest} if largest != "features" else {"features", "unseen"})
    # The classifier behind the weights is no perfect one: a tenth of the change may go astray.
    assert terms["relation"].value == pytest.approx(harder, abs=0.1 * max(terms["change"].value, 0.5))
    assert all(term.low <= term.value <= term.high for term in terms.values())


def test_the_terms_of_three_rows_are_those_computed_by_hand() -> None:
    numbers = np.arange(3)
    before = LossRows(loss=np.array([1.0, 2.0, 3.0]), current=np.array([0.2, 0.4, 0.4]), entities=numbers)
    now = LossRows(loss=np.array([2.0, 2.0, 8.0]), current=np.array([0.5, 0.5, 0.9]), entities=numbers)
    terms = decompose_change(before, now, BootstrapOptions(samples=20, confidence=0.9, seed=1))
    shared_before, shared_now = (0.2 + 0.8 + 1.2) / 1.0, (1.0 + 1.0 + 0.8) / 1.1
    assert terms["features"].value == pytest.approx(shared_before - 2)
    assert terms["relation"].value == pytest.approx(shared_now - shared_before)
    assert terms["unseen"].value == pytest.approx(4 - shared_now)


def test_error_rates_of_different_entities_have_the_two_proportion_test() -> None:
    before, now = np.repeat([1.0, 0.0], [200, 800]), np.repeat([1.0, 0.0], [240, 760])
    found = compare_error_rates((before, np.arange(1_000)), (now, np.arange(1_000, 2_000)), confidence=0.95)
    error = np.sqrt(0.2 * 0.8 / 1_000 + 0.24 * 0.76 / 1_000)
    assert found.change == pytest.approx(0.04)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, rel=1e-5)
    assert found.p_value == pytest.approx(2 * norm.sf(0.04 / error))


def test_entities_of_both_cohorts_are_compared_with_themselves() -> None:
    """Of the same entities, the same ones err: a rate that moved by 40 in 1,000 is then no accident."""
    before, now = np.repeat([1.0, 0.0], [200, 800]), np.repeat([1.0, 0.0], [240, 760])
    numbers = np.arange(1_000)
    assert compare_error_rates((before, numbers), (now, numbers), confidence=0.95).p_value < 1e-8
    same = compare_error_rates((before, numbers), (before, numbers), confidence=0.95)
    assert (same.change, same.p_value) == (0.0, 1.0)


def test_false_alarms_over_any_number_of_rows_are_rare_and_a_rise_is_found() -> None:
    generator = np.random.default_rng(6)
    quiet = [watch_errors((generator.random(20_000) < 0.2).astype(float), tolerated=0.2) for _ in range(300)]
    assert sum(each.alarm_at is not None for each in quiet) / 300 < 0.08
    risen = [watch_errors((generator.random(20_000) < 0.25).astype(float), tolerated=0.2) for _ in range(300)]
    assert 220 < np.median([each.alarm_at or 20_000 for each in risen]) < 340


def test_the_evidence_of_three_rows_is_the_product() -> None:
    found = watch_errors(np.array([1.0, 1.0, 0.0]), tolerated=0.2, alpha=0.55)
    assert np.exp(found.evidence) == pytest.approx(1.4 * 1.4 * 0.9)
    assert np.exp(found.largest) == pytest.approx(1.96)
    assert found.alarm_at == 2
    assert watch_errors(np.empty(0), tolerated=0.2).alarm_at is None
    with pytest.raises(OptionError, match="'bet'"):
        watch_errors(np.ones(3), tolerated=0.2, bet=1.5)


def make_labelled(slope: float, shift: float, own: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(9)
    log_odds, feature = generator.normal(-1, 1, 6_000), generator.normal(size=6_000)
    truth = shift + slope * log_odds + own * feature
    label = (generator.random(6_000) < 1 / (1 + np.exp(-truth))).astype(float)
    return 1 / (1 + np.exp(-log_odds)), label, feature[:, None]


@pytest.mark.parametrize(
    ("slope", "shift", "own", "step"),
    [
        (1.0, 0.0, 0.0, "nothing"),
        (1.0, 0.6, 0.0, "intercept"),
        (0.4, 0.0, 0.0, "intercept_and_slope"),
        (1.0, 0.0, 0.8, "refit"),
    ],
)
def test_the_step_is_what_was_planted(slope: float, shift: float, own: float, step: str) -> None:
    found = propose_step(*make_labelled(slope, shift, own), np.arange(6_000))
    assert found.step == step
    if own == 0:
        assert found.slope[0] == pytest.approx(slope, abs=3 * found.slope[1])
    assert found.gains["nothing"] == 0.0


def test_a_significant_step_that_gains_nothing_is_not_proposed() -> None:
    rows = make_labelled(1.0, 0.25, 0.0)
    assert propose_step(*rows, np.arange(6_000)).step == "intercept"
    assert propose_step(*rows, np.arange(6_000), minimum_gain=0.1).step == "nothing"


def test_one_class_and_one_probability_give_no_proposal() -> None:
    features, numbers = np.ones((500, 1)), np.arange(500)
    assert "one class" in propose_step(np.linspace(0.1, 0.9, 500), np.zeros(500), features, numbers).reason
    assert "are the same" in propose_step(np.full(500, 0.3), np.arange(500) % 2.0, features, numbers).reason
