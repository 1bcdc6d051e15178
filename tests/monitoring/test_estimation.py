"""Estimated metrics against values computed by hand and against labels drawn from the same probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from boathouse.modelling import metrics
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions
from boathouse.monitoring.calibrators import (
    Calibrator,
    choose_form,
    fit_calibrators,
    fit_logistic,
    separate,
    split_halves,
)
from boathouse.monitoring.estimation import (
    ScoredAnswer,
    estimate_binary,
    estimate_calibrated,
    estimate_error,
    estimate_roc_auc,
)

FOUR = np.array([0.9, 0.8, 0.3, 0.1])
COSTS = CostOptions(missed=5.0, false_alarm=1.0)
SAMPLING = BootstrapOptions(samples=20, confidence=0.95, seed=1)


def answer(probability: np.ndarray, threshold: float = 0.5) -> ScoredAnswer:
    return ScoredAnswer(probability=probability, decision=(probability >= threshold).astype(float))


def test_four_rows_have_the_published_accuracy() -> None:
    found = estimate_binary(answer(FOUR), FOUR, COSTS)
    assert found["accuracy_score"].value == pytest.approx(0.825)
    assert found["accuracy_score"].sd == pytest.approx(0.1854, abs=5e-5)
    assert found["precision"].value == pytest.approx((0.9 + 0.8) / 2)
    assert found["recall"].value == pytest.approx(1.7 / 2.1)
    assert found["expected_cost"].value == pytest.approx((0.1 + 0.2 + 5 * (0.3 + 0.1)) / 4)
    assert found["brier_score"].value == pytest.approx((0.09 + 0.16 + 0.21 + 0.09) / 4)


def test_a_row_is_no_pair_with_itself_unless_asked_for() -> None:
    assert estimate_roc_auc(FOUR, FOUR).value == pytest.approx(0.9215, abs=5e-5)
    assert estimate_roc_auc(FOUR, FOUR, self_pairs=True).value == pytest.approx(0.8634, abs=5e-5)


def test_all_metrics_and_deviations_are_those_of_labels_drawn_with_the_probabilities() -> None:
    generator = np.random.default_rng(1)
    probability = np.round(generator.beta(2, 6, 2_000), 2)
    rows = answer(probability, 0.3)
    drawn = []
    for _ in range(300):
        label = (generator.random(2_000) < probability).astype(int)
        drawn.append(metrics.measure(label, probability, rows.decision, missed=5.0, false_alarm=1.0))
    for name, estimate in estimate_binary(rows, probability, COSTS).items():
        if name != "observed_rate":
            values = np.array([each[name] for each in drawn])
            assert estimate.value == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(300))
            assert estimate.sd == pytest.approx(values.std(), rel=0.2)


@pytest.mark.parametrize("same", [0.0, 0.3, 1.0])
def test_one_probability_ranks_nothing(same: float) -> None:
    found = estimate_binary(answer(np.full(50, same)), np.full(50, same), COSTS)
    area = found["roc_auc"].value
    assert area == pytest.approx(0.5) if same == 0.3 else np.isnan(area)
    assert np.isfinite(found["log_loss"].value)


def make_rows(rows: int, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of a model that is off, and labels."""
    generator = np.random.default_rng(int(10 * shift) + 3)
    log_odds = generator.normal(-1, 1.2, rows)
    label = (generator.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(float)
    return 1 / (1 + np.exp(-(0.5 * log_odds + 0.8))), label


def test_a_calibration_takes_back_what_the_model_is_off() -> None:
    probability, label = make_rows(8_000)
    later, truth = make_rows(8_000, shift=0.1)
    entities = np.arange(8_000)
    calibrators = fit_calibrators(probability, label, entities, options=SAMPLING)
    found = estimate_calibrated(answer(later), calibrators, COSTS)
    off = estimate_binary(answer(later), later, COSTS)
    actual = metrics.brier_score(truth, later)
    assert abs(off["brier_score"].value - actual) > 0.012
    assert abs(found["brier_score"].value - actual) < 0.006
    low, high = found["brier_score"].bounds(0.99)
    assert low < actual < high


def test_the_interval_holds_what_the_calibration_is_unsure_of() -> None:
    probability, label = make_rows(300)
    later, _ = make_rows(8_000, shift=0.1)
    fitted, resampled = fit_calibrators(probability, label, np.arange(300), options=SAMPLING)
    assert len(resampled) == 20
    alone = estimate_calibrated(answer(later), (fitted, []), COSTS)["accuracy_score"].sd
    assert estimate_calibrated(answer(later), (fitted, resampled), COSTS)["accuracy_score"].sd > 2 * alone


@pytest.mark.parametrize("positives", [0, 24])
def test_too_few_labels_of_a_class_fit_no_calibration(positives: int) -> None:
    label = np.zeros(500)
    label[:positives] = 1
    probability = np.linspace(0.01, 0.99, 500)
    assert choose_form(probability, label, np.arange(500)) == "none"
    fitted, resampled = fit_calibrators(probability, label, np.arange(500), options=SAMPLING)
    assert (fitted, resampled) == (Calibrator(form="none"), [])
    assert choose_form(np.full(500, 0.2), np.arange(500) % 2, np.arange(500)) == "none"


def test_a_logistic_fit_equals_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(4)
    matrix, weights = generator.normal(size=(500, 2)), generator.uniform(0.5, 2, 500)
    label = (generator.random(500) < 1 / (1 + np.exp(-matrix[:, 0]))).astype(int)
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(matrix, label, weights)
    found = fit_logistic(np.column_stack([np.ones(500), matrix]), label, weights=weights)
    np.testing.assert_allclose(found.coefficients, [*expected.intercept_, *expected.coef_[0]], atol=1e-4)


def test_rows_of_an_entity_are_of_one_half_and_both_halves_are_there() -> None:
    halves = split_halves(np.repeat(np.arange(1_000), 3)).reshape(-1, 3)
    assert (halves == halves[:, :1]).all()
    assert 400 < halves[:, 0].sum() < 600


def test_equal_rows_cannot_be_told_apart_and_moved_ones_can() -> None:
    generator = np.random.default_rng(2)
    numbers = np.arange(3_000)
    before = {"x": generator.normal(size=3_000), "z": generator.normal(size=3_000)}
    same = {"x": generator.normal(size=3_000), "z": generator.normal(size=3_000)}
    alike = separate(before, same, (numbers, numbers), seed=1)
    assert alike.area == pytest.approx(0.5, abs=0.03)
    assert alike.effective_share > 0.98
    moved = separate(before, {**same, "x": same["x"] + 1}, (numbers, numbers), seed=1)
    assert moved.area > 0.7
    assert moved.effective_share < 0.8
    # The density of N(1, 1) over that of N(0, 1) is exp(x - 1/2).
    assert np.corrcoef(np.log(moved.ratios), before["x"])[0, 1] > 0.9
    apart = separate(before, {**same, "x": same["x"] + 30}, (numbers, numbers), seed=1)
    assert apart.extreme_share > 0.95


def test_the_error_of_a_regression_is_learnt_from_its_features() -> None:
    generator = np.random.default_rng(5)
    spread = generator.uniform(0.5, 2, 4_000)
    errors = np.abs(generator.normal(size=4_000)) * spread
    found = estimate_error({"spread": spread}, errors, np.arange(4_000), {"spread": spread[spread > 1.5]}, seed=1)
    # The mean absolute deviation of a normal value is its deviation times the root of 2 / pi.
    assert found.value == pytest.approx(1.75 * np.sqrt(2 / np.pi), rel=0.06)
    assert errors.mean() < 1.15
    assert 0.005 < found.sd < 0.15
