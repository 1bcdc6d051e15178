"""Intervals by bootstrap: right on average, paired where models are compared, the same in every run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boathouse.errors import OptionError
from boathouse.evaluation.comparison import compare, estimate
from boathouse.modelling import metrics
from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import (
    BootstrapOptions,
    Scored,
    bounds_of,
    draw_counts,
    resample_differences,
    resample_metrics,
    resample_references,
)

OPTIONS = BootstrapOptions(samples=60, confidence=0.9, seed=3)
COSTS = {"missed": 5.0, "false_alarm": 1.0}


def make_scored(rows: int = 300, seed: int = 1, noise: float = 1.0) -> Scored:
    generator = np.random.default_rng(seed)
    label = generator.integers(0, 2, rows)
    odds = label + generator.normal(scale=noise, size=rows) - 0.5
    # Rounded, so that some rows tie.
    probability = np.round(1 / (1 + np.exp(-odds)), 2)
    return Scored(label, probability, (probability >= 0.5).astype(np.int64))


def test_weights_are_how_often_each_row_is_drawn() -> None:
    (weights,) = draw_counts(50, BootstrapOptions(samples=20, confidence=0.9, seed=1))
    assert weights.shape == (20, 50)
    assert (weights.sum(axis=1) == 50).all()
    assert set(np.unique(weights)) >= {0.0, 1.0, 2.0}


def test_a_weighted_metric_is_the_metric_of_the_drawn_rows() -> None:
    """Against the plain metrics on rows repeated as often as they were drawn."""
    scored = make_scored()
    resampled = resample_metrics(scored, OPTIONS, **COSTS)
    weights = np.concatenate(list(draw_counts(300, OPTIONS))).astype(int)
    assert {len(values) for values in resampled.values()} == {60}
    for number in (0, 17, 59):
        rows = np.repeat(np.arange(300), weights[number])
        plain = metrics.measure(scored.label[rows], scored.probability[rows], scored.decision[rows], **COSTS)
        for name, values in resampled.items():
            assert values[number] == pytest.approx(plain[name], abs=1e-9), name


def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says() -> None:
    """A Brier score of constant predictions is a mean: nine of ten intervals should hold the true one."""
    options, truth = BootstrapOptions(samples=200, confidence=0.9, seed=5), 0.3 * 0.7
    covered = 0
    for seed in range(120):
        label = (np.random.default_rng(seed).random(400) < 0.3).astype(np.int64)
        scored = Scored(label, np.full(400, 0.3), np.zeros(400, dtype=np.int64))
        with np.errstate(all="ignore"):
            low, high = bounds_of(resample_metrics(scored, options, **COSTS)["brier_score"], 0.9)
        covered += low <= truth <= high
    assert 0.82 <= covered / 120 <= 0.97


def test_undefined_resamples_do_not_count() -> None:
    assert bounds_of(np.array([np.nan, 1.0, 1.0]), 0.9) == (1.0, 1.0)
    assert all(np.isnan(bounds_of(np.array([np.nan]), 0.9)))


def both(scored: Scored) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    values = metrics.measure(scored.label, scored.probability, scored.decision, **COSTS)
    return values, resample_metrics(scored, OPTIONS, **COSTS)


def test_a_model_compared_with_itself_differs_by_exactly_nothing() -> None:
    side = both(make_scored())
    assert {(each.value, each.low, each.high) for each in compare(side, side, OPTIONS).values()} == {(0.0, 0.0, 0.0)}


def test_pairing_makes_a_small_gain_certain() -> None:
    """The same rows, a little less noise: the paired interval is narrower than either model's own."""
    generator = np.random.default_rng(2)
    label, noise = generator.integers(0, 2, 2000), generator.normal(size=2000)
    worse, better = (1 / (1 + np.exp(-(label * gain + noise))) for gain in (1.0, 1.15))
    sides = [both(Scored(label, each, (each >= 0.5).astype(np.int64))) for each in (better, worse)]
    gain = compare(sides[0], sides[1], OPTIONS)["roc_auc"]
    own = estimate(*sides[0], OPTIONS)["roc_auc"]
    assert 0 < gain.low < gain.value < gain.high
    assert gain.high - gain.low < (own.high - own.low) / 2


def test_the_same_seed_gives_the_same_interval() -> None:
    first, again = (estimate(*both(make_scored()), OPTIONS) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("changes", [{"samples": 19}, {"confidence": 1.0}, {"confidence": 0.4}, {"seed": -1}])
def test_options_are_in_range(changes: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        BootstrapOptions(**{"samples": 20, "confidence": 0.9, "seed": 1, **changes})


def test_rows_of_one_entity_are_drawn_together() -> None:
    entities = np.array([7, 7, 3, 9, 3], dtype=np.uint64)
    counts = np.concatenate(list(draw_counts(5, OPTIONS, entities)))
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 2] == counts[:, 4]).all()
    # Three entities are drawn each time.
    assert (counts[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_entities_of_one_row_each_are_resampled_as_rows() -> None:
    rows, alone = (np.concatenate(list(draw_counts(50, OPTIONS, each))) for each in (None, np.arange(50)[::-1]))
    assert np.array_equal(rows, alone)


def test_rows_that_are_repeated_make_no_interval_narrower() -> None:
    """Ten copies of an entity's row say no more than one; taken for rows of their own they would."""
    scored, copies = make_scored(), np.repeat(np.arange(300), 10)
    repeated = scored.take(copies)
    known = Scored(repeated.label, repeated.probability, repeated.decision, copies)
    widths = {}
    for name, each in (("once", scored), ("unknown", repeated), ("known", known)):
        low, high = bounds_of(resample_metrics(each, OPTIONS, **COSTS)["brier_score"], 0.9)
        widths[name] = high - low
    assert widths["known"] == pytest.approx(widths["once"], rel=1e-9)
    assert widths["unknown"] < widths["once"] / 2
    costs = CostOptions(**COSTS)
    one, ten = (
        resample_differences(each, replace(each, decision=1 - each.decision), OPTIONS, costs)
        for each in (scored, known)
    )
    assert one["expected_cost"] == pytest.approx(ten["expected_cost"], abs=1e-12)


def test_what_costs_without_a_model_is_compared_on_the_same_resamples() -> None:
    """Of four rows two are adverse: nothing costs 2 x 5 / 4, everything 2 x 1 / 4, and ours missed one."""
    scored = Scored(np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.1, 0.1]), np.array([1, 0, 0, 0]))
    found = resample_references(scored, OPTIONS, CostOptions(**COSTS))
    assert {name: cost for name, (cost, _) in found.items()} == {"nothing": 2.5, "everything": 0.5}
    counts = np.concatenate(list(draw_counts(4, OPTIONS)))
    assert found["nothing"][1] == pytest.approx(-5 * counts[:, 0] / 4)
    assert found["everything"][1] == pytest.approx((5 * counts[:, 1] - counts[:, 2] - counts[:, 3]) / 4)
