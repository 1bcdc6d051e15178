"""The threshold costs least on the rows it was chosen on; calibration keeps order and range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boathouse.errors import OptionError
from boathouse.modelling.calibration import CalibrationOptions, CostOptions, choose_threshold, fit_calibration

FIVE_TO_ONE = CostOptions(missed=5, false_alarm=1)


def cost_at(threshold: float, probability: np.ndarray, label: np.ndarray, costs: CostOptions) -> float:
    acted = probability >= threshold
    return float((~acted & (label == 1)).sum() * costs.missed + (acted & (label == 0)).sum() * costs.false_alarm)


def test_by_hand() -> None:
    """Acting on the first three costs 1, on the first two 5, on the first one 6."""
    probability = np.array([0.9, 0.6, 0.5, 0.2])
    label = np.array([1, 0, 1, 0])
    assert choose_threshold(probability, label, FIVE_TO_ONE) == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("probability", "label", "expected"),
    [
        ([0.1, 0.4, 0.5, 0.8], [0, 1, 0, 1], 0.65),  # acting below 0.8 costs 1, below 0.4 costs 5, on none 10
        ([0.2, 0.4], [1, 1], 0.0),  # nothing to gain
        ([0.2, 0.4], [0, 0], 1.0),  # all are acted on
        ([0.2, 1.0], [1, 0], 0.0),  # the certain one cannot be acted on
    ],
)
def test_of_a_favourable_label_rows_below_the_threshold_are_acted_on(
    probability: list[float], label: list[int], expected: float
) -> None:
    found = choose_threshold(np.array(probability), np.array(label), FIVE_TO_ONE, adverse=0)
    assert found == pytest.approx(expected)


@given(
    rows=st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 1.0]), st.integers(0, 1)), min_size=1, max_size=30),
    missed=st.integers(0, 9),
    false_alarm=st.integers(0, 9),
)
def test_no_other_threshold_of_a_favourable_label_costs_less(
    rows: list[tuple[float, int]], missed: int, false_alarm: int
) -> None:
    probability, label = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])

    def cost(threshold: float) -> float:
        acted = probability < threshold
        return float((~acted & (label == 0)).sum() * missed + (acted & (label == 1)).sum() * false_alarm)

    costs = CostOptions(missed=missed, false_alarm=false_alarm)
    chosen = cost(choose_threshold(probability, label, costs, adverse=0))
    assert chosen == min(cost(each) for each in [*set(probability.tolist()), 0.0, 1.0])


def test_without_gain_nobody_is_acted_on() -> None:
    label = np.zeros(3, dtype=np.int64)
    assert choose_threshold(np.array([0.2, 0.4, 0.6]), label, FIVE_TO_ONE) == 1.0


def test_of_equally_cheap_thresholds_the_highest_is_taken() -> None:
    """With both at one, acting on the second row and its false alarm cancel out."""
    probability, label = np.array([0.9, 0.5, 0.4]), np.array([1, 0, 1])
    assert choose_threshold(probability, label, CostOptions(missed=1, false_alarm=1)) == pytest.approx(0.7)


def test_where_acting_on_all_costs_least_all_are_acted_on() -> None:
    """Whatever the next fit says of them."""
    assert choose_threshold(np.array([0.2, 0.4]), np.array([1, 1]), FIVE_TO_ONE) == 0.0


@pytest.mark.parametrize("adverse", [0, 1])
def test_neighbouring_floats_are_told_apart(adverse: int) -> None:
    lower, upper = 0.25, float(np.nextafter(0.25, 1))
    probability, label = np.array([lower, upper]), np.array([0, 1])
    assert choose_threshold(probability, label, FIVE_TO_ONE, adverse=adverse) == upper


@given(
    rows=st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.integers(0, 1)), min_size=1, max_size=30),
    missed=st.integers(0, 9),
    false_alarm=st.integers(0, 9),
)
def test_no_other_threshold_costs_less(rows: list[tuple[float, int]], missed: int, false_alarm: int) -> None:
    probability, label = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    costs = CostOptions(missed=missed, false_alarm=false_alarm)
    chosen = cost_at(choose_threshold(probability, label, costs), probability, label, costs)
    assert chosen == min(cost_at(each, probability, label, costs) for each in [*set(probability.tolist()), 1.0])


@pytest.mark.parametrize("changes", [{"missed": -1}, {"false_alarm": float("inf")}])
def test_costs_are_in_range(changes: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        CostOptions(**{"missed": 1, "false_alarm": 1, **changes})


ODDS = np.random.default_rng(3).normal(scale=2, size=5000)
# What the odds claim is twice as sure as what happens.
HAPPENS = (np.random.default_rng(4).random(5000) < 1 / (1 + np.exp(-ODDS / 2))).astype(np.int64)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_calibration_keeps_order_and_range_and_says_what_happens(method: str) -> None:
    fitted = fit_calibration(ODDS, HAPPENS, CalibrationOptions(method))
    probability = fitted.to_probability(np.sort(ODDS))
    assert (np.diff(probability) >= 0).all()
    assert ((probability >= 0) & (probability <= 1)).all()
    truth = 1 / (1 + np.exp(-np.sort(ODDS) / 2))
    assert np.abs(probability - truth).mean() < 0.02


def test_platt_finds_slope_and_intercept() -> None:
    fitted = fit_calibration(ODDS, HAPPENS, CalibrationOptions("platt"))
    assert fitted.to_probability(np.array([0.0, 2.0])) == pytest.approx([0.5, 1 / (1 + np.exp(-1))], abs=0.03)


def test_without_calibration_log_odds_are_taken_at_their_word() -> None:
    fitted = fit_calibration(ODDS, HAPPENS, CalibrationOptions("none"))
    assert fitted.to_probability(np.array([0.0, np.log(3)])) == pytest.approx([0.5, 0.75])


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(OptionError, match="isotonic, none, platt"):
        CalibrationOptions("beta")
