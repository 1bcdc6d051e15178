"""The rule that says that a column moved: how often it is wrong, and what it finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from boathouse.monitoring.columns import compare_categorical, compare_numeric
from boathouse.monitoring.curves import compare_curves
from boathouse.monitoring.effects import (
    Certainty,
    Clusters,
    Effect,
    expect_distance,
    measure_curves,
    measure_shares,
)

TOLERATED = 0.05
ERROR = 0.05


def draw(generator: np.random.Generator, entities: int, rows: int, alike: float) -> np.ndarray:
    """Return normal values, ``rows`` of each entity after each other, with the correlation ``alike`` within one."""
    own = np.repeat(generator.normal(size=entities), rows)
    return np.sqrt(alike) * own + np.sqrt(1 - alike) * generator.normal(size=entities * rows)


def cut(values: np.ndarray, bins: int) -> np.ndarray:
    """Return equally likely bins of standard normal values."""
    return np.searchsorted(stats.norm.ppf(np.arange(1, bins) / bins), values).astype(float)


def count(*sides: np.ndarray, bins: int) -> np.ndarray:
    return np.array([np.bincount(side.astype(int), minlength=bins) for side in sides], dtype=float)


def measure(before: np.ndarray, after: np.ndarray, bins: int, certainty: Certainty) -> Effect:
    """Return the effect of two samples of standard normal values; 0 bins for their distribution functions."""
    if bins:
        sides = cut(before, bins), cut(after, bins)
        return measure_shares(count(*sides, bins=bins), certainty, certainty.sample(*sides))
    return compare_numeric(before, after, discrete_values=2, certainty=certainty).effect


@pytest.mark.parametrize("bins", [0, 2, 5, 30])
@pytest.mark.parametrize(("entities", "rows", "alike"), [(200, 1, 0.0), (40, 5, 0.5), (60, 20, 0.3)])
def test_without_a_change_bounds_exceed_zero_no_more_often_than_stated(
    bins: int, entities: int, rows: int, alike: float
) -> None:
    """Of 200 windows about ten may; of the tolerated effect that is far more than what alarms."""
    generator = np.random.default_rng(bins * 100 + rows)
    names = np.repeat(np.arange(entities), rows)
    certainty = Certainty(ERROR, Clusters.of_entities(names, names + entities))
    found = [measure(*(draw(generator, entities, rows, alike) for _ in "ab"), bins, certainty).low for _ in range(200)]
    assert np.mean(np.array(found) > 0) <= ERROR + 2 * np.sqrt(ERROR * (1 - ERROR) / 200)
    assert np.mean(np.array(found) > TOLERATED) <= 0.01


def test_rows_as_the_unit_would_alarm_falsely() -> None:
    """Ten rows of an entity that are alike: the bound by row is wrong in a third of the windows, that by entity not."""
    generator = np.random.default_rng(2)
    names = np.repeat(np.arange(100), 10)
    by_entity = Certainty(ERROR, Clusters.of_entities(names, names + 100))
    found = []
    for _ in range(100):
        sides = [draw(generator, 100, 10, 0.8) for _ in "ab"]
        found.append([measure(*sides, 0, certainty).low > 0 for certainty in (Certainty(ERROR), by_entity)])
    rates = np.mean(found, axis=0)
    assert rates[0] > 0.3
    assert rates[1] <= 0.08


def test_the_same_entities_on_both_sides_are_worth_more_rows() -> None:
    generator = np.random.default_rng(3)
    own = generator.normal(size=1_000)
    before, after = (own + 0.1 * generator.normal(size=1_000) for _ in "ab")
    names = np.arange(1_000)
    paired = Certainty(ERROR, Clusters.of_entities(names, names))
    apart = Certainty(ERROR, Clusters.of_entities(names, names + 1_000))
    moved = after + 0.08
    assert measure(before, moved, 2, paired).low > 0
    assert measure(before, moved, 2, apart).low == 0


@pytest.mark.parametrize(("bins", "shift"), [(0, 0.5), (2, 0.5), (5, 0.5), (30, 0.6)])
def test_a_planted_shift_is_proven_in_a_thousand_rows(bins: int, shift: float) -> None:
    """A shift by 0.5 deviations is a distance of about 0.2; four of five windows prove more than is tolerated."""
    generator, certainty = np.random.default_rng(bins), Certainty(0.005)
    found = [
        measure(generator.normal(size=1_000), generator.normal(shift, size=1_000), bins, certainty).low
        for _ in range(60)
    ]
    assert np.mean(np.array(found) > TOLERATED) >= 0.8


@pytest.mark.parametrize(("bins", "moved"), [*product([2, 30], [0.0, 0.04, 0.06])])
def test_a_million_rows_prove_what_is_just_above_the_tolerated_effect_and_nothing_below(
    bins: int, moved: float
) -> None:
    """Drawn as counts: ``moved`` of the rows go from the first half of the values to the second."""
    generator = np.random.default_rng(int(1_000 * moved) + bins)
    before = np.full(bins, 1 / bins)
    after = before + np.repeat([-1, 1], bins // 2) * moved / (bins // 2)
    rows = 1_000_000
    found = [
        measure_shares(
            np.array([generator.multinomial(rows, before), generator.multinomial(rows, after)], dtype=float),
            Certainty(0.005),
        ).low
        for _ in range(100)
    ]
    assert np.mean(np.array(found) > TOLERATED) == (1.0 if moved > TOLERATED else 0.0)


@pytest.mark.parametrize("moved", [0.04, 0.06])
def test_a_million_numbers_likewise(moved: float) -> None:
    generator, rows = np.random.default_rng(4), 1_000_000
    found = []
    for _ in range(100):
        before, after = generator.binomial(rows, 0.5) / rows, generator.binomial(rows, 0.5 + moved) / rows
        found.append(measure_curves(abs(after - before), (rows, rows), 0.005).low)
    assert np.mean(np.array(found) > TOLERATED) == (1.0 if moved > TOLERATED else 0.0)


@pytest.mark.parametrize("bins", [2, 10, 300])
def test_the_expected_distance_is_that_of_samples_of_one_distribution(bins: int) -> None:
    generator = np.random.default_rng(bins)
    shares = generator.dirichlet(np.ones(bins))
    draws = [generator.multinomial(rows, shares, 400) for rows in (500, 300)]
    distances = np.abs(draws[0] / 500 - draws[1] / 300).sum(axis=1) / 2
    expected = np.mean([expect_distance(np.array(pair, dtype=float)) for pair in zip(*draws, strict=True)])
    assert expected == pytest.approx(distances.mean(), rel=0.05)


def test_the_expected_distance_by_hand() -> None:
    # Each value once: whatever side it falls on, the samples have nothing in common.
    assert expect_distance(np.array([[1, 1, 0, 0], [0, 0, 1, 1]], dtype=float)) == pytest.approx(1.0)
    # One value alone is on both sides for sure.
    assert expect_distance(np.array([[3], [5]], dtype=float)) == 0.0


def test_the_design_effect_of_means_is_kish_s() -> None:
    """1 + (m - 1) rho for m rows of an entity with the correlation rho."""
    generator = np.random.default_rng(6)
    names = np.repeat(np.arange(4_000), 5)
    clusters = Clusters.of_entities(names, names + 4_000)
    sides = [draw(generator, 4_000, 5, 0.4) for _ in "ab"]
    assert clusters.design_effect(*sides) == pytest.approx(1 + 4 * 0.4, rel=0.05)


def test_many_rows_are_sampled_by_entity() -> None:
    names = np.repeat(np.arange(100_000), 3)
    clusters = Clusters.of_entities(names, names[: 3 * 50_000])
    assert 40_000 < len(clusters.reference) < 60_000
    assert (np.bincount(clusters.reference_entity) == 3).all()
    assert not clusters.are_independent


def test_categories_count_by_entity_too() -> None:
    names = np.repeat(np.arange(50), 20)
    words = np.array(["a", "b"])[names % 2].tolist()
    other = np.array(["a", "b"])[(names % 10 > 6).astype(int)].tolist()
    counts = [{word: side.count(word) for word in "ab"} for side in (words, other)]
    certainty = Certainty(0.01, Clusters.of_entities(names, names + 50))
    by_row = compare_categorical(*counts, certainty=Certainty(0.01)).effect
    by_entity = compare_categorical(*counts, certainty=certainty, sampled=(words, other)).effect
    assert by_row.low > 0.1
    assert (by_entity.distance, by_entity.low) == (by_row.distance, 0.0)


SMOOTH = np.random.default_rng(7).normal(size=700), np.random.default_rng(8).normal(0.2, 1.4, size=500)
TIED = np.random.default_rng(9).poisson(2, 600).astype(float), np.random.default_rng(10).poisson(2.5, 400).astype(float)


@pytest.mark.parametrize(("before", "after"), [SMOOTH, TIED], ids=["smooth", "tied"])
def test_ranks_and_spreads_equal_scipy(before: np.ndarray, after: np.ndarray) -> None:
    found = compare_numeric(before, after, discrete_values=2)
    ranks = stats.mannwhitneyu(after, before, method="asymptotic")
    assert (found.mann_whitney.statistic, found.mann_whitney.p_value) == pytest.approx(tuple(ranks), rel=1e-9)
    assert found.superiority == pytest.approx(ranks.statistic / (len(before) * len(after)))
    spread = stats.levene(before, after, center="median")
    assert (found.levene.statistic, found.levene.p_value) == pytest.approx(tuple(spread), rel=1e-9)
    assert found.std_delta == pytest.approx(after.std(ddof=1) - before.std(ddof=1))
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert found.quantile_deltas == pytest.approx(np.quantile(after, shares) - np.quantile(before, shares))


def test_divergence_equals_scipy_and_makes_up_the_stability_index() -> None:
    forward = compare_categorical({"a": 30, "b": 70}, {"a": 50, "b": 40, "c": 10})
    backward = compare_categorical({"a": 50, "b": 40, "c": 10}, {"a": 30, "b": 70})
    assert forward.kl_divergence == pytest.approx(stats.entropy([50.5, 40.5, 10.5], [30.5, 70.5, 0.5]))
    assert forward.psi == pytest.approx(forward.kl_divergence + backward.kl_divergence)


@pytest.mark.parametrize(
    ("before", "after", "superiority", "levene"),
    [([1.0], [2.0], 1.0, (0.0, 1.0)), ([3.0] * 5, [3.0] * 4, 0.5, (0.0, 1.0))],
    ids=["one each", "constant"],
)
def test_samples_without_spread(
    before: list[float], after: list[float], superiority: float, levene: tuple[float, float]
) -> None:
    found = compare_numeric(np.array(before), np.array(after), discrete_values=2)
    assert found.superiority == superiority
    assert (found.levene.statistic, found.levene.p_value) == levene
    assert compare_curves(np.array(before), np.array(after)).place in (*before, *after)


@pytest.mark.parametrize("nothing", [np.empty(0), np.full(50, np.nan)], ids=["empty", "nulls"])
def test_a_side_without_values_has_no_effect_of_its_values(nothing: np.ndarray) -> None:
    found = compare_numeric(np.arange(100.0), nothing, discrete_values=2)
    assert (found.effect.value, found.effect.low, found.mann_whitney, found.std_delta) == (0.0, 0.0, None, None)
