"""Statistics of a numeric column, against scipy and counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from boathouse.monitoring.columns import compare_categorical, compare_numeric
from boathouse.monitoring.distances import Comparison, Shift, population_stability_index

GENERATOR = np.random.default_rng(7)
SMOOTH = GENERATOR.normal(100, 15, 4_000), GENERATOR.normal(104, 18, 2_500)
TIED = GENERATOR.poisson(2, 3_000).astype(float), GENERATOR.poisson(2.4, 1_000).astype(float)

samples = arrays(np.float64, st.integers(2, 60), elements=st.integers(-5, 5).map(float))


@pytest.mark.parametrize(("reference", "current"), [SMOOTH, TIED], ids=["smooth", "tied"])
def test_equals_scipy(reference: np.ndarray, current: np.ndarray) -> None:
    found = compare_numeric(reference, current, discrete_values=2)
    ks = stats.ks_2samp(reference, current, method="asymp")
    assert found.ks.statistic == pytest.approx(ks.statistic)
    assert found.ks.p_value == pytest.approx(ks.pvalue)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(reference, current))
    span = min(reference.min(), current.min()), max(reference.max(), current.max())
    shared = [np.histogram(side, bins=20, range=span)[0] for side in (reference, current)]
    assert found.js_distance == pytest.approx(jensenshannon(*shared, base=2))
    assert found.avg_delta == pytest.approx(current.mean() - reference.mean())


def test_stability_index_has_deciles_of_the_reference() -> None:
    reference, current = np.arange(1, 1_001.0), np.concatenate([np.arange(1, 501.0), np.arange(1, 501.0)])
    found = compare_numeric(reference, current, discrete_values=20)
    assert found.psi == pytest.approx(population_stability_index([100] * 10, [200] * 5 + [0] * 5))
    assert found.shift.bin == "over 500 up to 600"


def test_few_values_are_bins_of_their_own_and_a_new_one_is_named() -> None:
    reference = np.repeat([0.0, 2.0], [900, 100])
    current = np.repeat([0.0, 1.0, 2.0], [780, 120, 100])
    found = compare_numeric(reference, current, discrete_values=20)
    assert found.psi == pytest.approx(population_stability_index([900, 0, 100], [780, 120, 100]))
    assert (found.shift.bin, found.shift.reference, found.shift.current) == ("1", 0.0, 0.12)
    assert found.chi_squared.p_value < 1e-20
    assert (found.new_values, found.new_share, found.vanished_values) == (("1",), 0.12, ())


def test_nulls_are_counted_apart() -> None:
    reference = np.array([1.0, 2.0, 3.0, 4.0])
    current = np.array([1.0, 2.0, np.nan, np.nan])
    found = compare_numeric(reference, current, discrete_values=20)
    assert (found.reference_null_share, found.current_null_share, found.null_delta) == (0.0, 0.5, 0.5)
    assert found.psi == pytest.approx(population_stability_index([1, 1, 1, 1], [1, 1, 0, 0]))
    assert found.vanished_values == ("3", "4")


def test_nulls_alone_move_no_distribution() -> None:
    known = np.repeat([1.0, 2.0, 3.0], 400)
    found = compare_numeric(known, np.concatenate([known, np.full(1_200, np.nan)]), discrete_values=20)
    assert (found.psi, found.js_distance, found.test.p_value) == (0.0, 0.0, 1.0)
    assert found.null_delta == 0.5
    assert found.null_test.p_value < 1e-20


def test_a_column_that_became_null_has_no_distribution_but_a_significant_share_of_nulls() -> None:
    found = compare_numeric(np.arange(100.0), np.full(100, np.nan), discrete_values=20)
    assert not found.has_values
    assert (found.wasserstein, found.avg_delta) == (None, None)
    assert (found.psi, found.js_distance, found.test.p_value) == (0.0, 0.0, 1.0)
    assert found.current_null_share == 1.0
    assert found.null_test.p_value < 1e-20


def test_all_null_on_both_sides_is_no_drift() -> None:
    found = compare_numeric(np.full(9, np.nan), np.full(5, np.nan), discrete_values=20)
    assert (found.psi, found.js_distance, found.test.p_value) == (0.0, 0.0, 1.0)


def test_zeros_and_distinct_values_are_shares() -> None:
    found = compare_numeric(np.array([0.0, 0.0, 1.0, 2.0]), np.array([0.0, 5.0]), discrete_values=20)
    assert found.zero_delta == pytest.approx(0.5 - 0.5)
    assert found.distinct_delta == pytest.approx(1.0 - 0.75)


@given(samples)
def test_a_sample_does_not_differ_from_itself(x: np.ndarray) -> None:
    found = compare_numeric(x, x, discrete_values=3)
    assert found.psi == 0.0
    assert found.ks.statistic == 0.0
    assert found.wasserstein == 0.0


@given(samples, samples)
def test_ties_equal_scipy(x: np.ndarray, y: np.ndarray) -> None:
    expected, found = stats.ks_2samp(x, y, method="asymp"), compare_numeric(x, y, discrete_values=2)
    assert found.ks.statistic == pytest.approx(expected.statistic)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(x, y))


TEETH = np.arange(400) * 37 % 101 / 7.0, np.arange(250) * 53 % 97 / 6.5


@pytest.mark.parametrize(
    ("reference", "current", "ks", "wasserstein"),
    [
        (*TEETH, (0.03850000000000009, 0.9697872844989557), 0.20192307692307684),
        (TEETH[0][:30], TEETH[1][:20], (0.09999999999999998, 0.9986321002354367), 0.39670329670329674),
        (TEETH[0], np.floor(TEETH[1]), (0.07, 0.41832124557022765), 0.3458571428571428),
        (np.floor(TEETH[0] / 4), np.floor(TEETH[1] / 5), (0.16749999999999998, 0.00030269744327307725), None),
    ],
    ids=["many", "few", "ties", "steps"],
)
def test_figures_on_record(
    reference: np.ndarray, current: np.ndarray, ks: tuple[float, float], wasserstein: float | None
) -> None:
    """Recorded once: another version of scipy must not move the drift tables that were written before."""
    found = compare_numeric(reference, current, discrete_values=2)
    assert (found.ks.statistic, found.ks.p_value) == pytest.approx(ks, rel=1e-12)
    if wasserstein is not None:
        assert found.wasserstein == pytest.approx(wasserstein, rel=1e-12)


INFINITE, NOTHING = float("inf"), float("nan")
ODD = st.sampled_from([INFINITE, -INFINITE, NOTHING])
HUGE = st.one_of(st.integers(-5, 5).map(float), st.sampled_from([1.7e308, -1.7e308, 1e-320, 0.0, -0.0]), ODD)


def numbers_of(found: Comparison) -> list[float]:
    """Return every number of a comparison."""
    flat = [found.ks, found.chi_squared, found.null_test, found.infinite_test, found.shift]
    values = [vars(part).values() for part in (found, *filter(None, flat))]
    return [float(value) for each in values for value in each if isinstance(value, int | float)]


@given(arrays(np.float64, st.integers(0, 40), elements=HUGE), arrays(np.float64, st.integers(0, 40), elements=HUGE))
def test_whatever_a_column_holds_every_figure_is_a_number(x: np.ndarray, y: np.ndarray) -> None:
    """All-null, constant, empty, infinite and huge ones included; no warning of numpy either."""
    found = compare_numeric(x, y, discrete_values=2)
    assert np.isfinite(numbers_of(found)).all()
    assert (found.reference_infinite, found.current_infinite) == (np.isinf(x).sum(), np.isinf(y).sum())
    assert (found.reference_nulls, found.current_nulls) == (np.isnan(x).sum(), np.isnan(y).sum())
    assert found.has_values == bool(np.isfinite(x).any() and np.isfinite(y).any())


@pytest.mark.parametrize("value", [INFINITE, -INFINITE, NOTHING])
def test_a_value_that_is_no_number_changes_no_other_statistic(value: float) -> None:
    before, after = np.random.default_rng(0).normal([[0.0], [5.0]], 1, (2, 1_000))
    clean, found = (compare_numeric(before, side, discrete_values=10) for side in (after, np.append(after, value)))
    for name in ("psi", "js_distance", "ks", "wasserstein", "avg_delta", "shift"):
        assert getattr(found, name) == getattr(clean, name), name
    assert (found.current_rows, found.current_nulls + found.current_infinite) == (1_001, 1)


def test_large_numbers_are_compared_in_a_unit_of_their_size() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 8.0]), np.array([2.0, 4.0, 4.0, 9.0])
    plain, large = (compare_numeric(x * unit, y * unit, discrete_values=2) for unit in (1.0, 1e307))
    for name in ("psi", "js_distance", "ks"):
        assert getattr(large, name) == getattr(plain, name)
    assert large.avg_delta == pytest.approx(plain.avg_delta * 1e307)
    assert large.wasserstein == pytest.approx(plain.wasserstein * 1e307)


def test_bins_for_pictures_are_shares_in_the_order_of_the_numbers() -> None:
    found = compare_numeric(np.array([1.0, 1, 2, np.nan]), np.array([2.0, 3]), discrete_values=5)
    assert found.bins == (Shift("1", 2 / 3, 0.0), Shift("2", 1 / 3, 0.5), Shift("3", 0.0, 0.5))
    deciles = compare_numeric(np.arange(100.0), np.arange(50.0, 100), discrete_values=5).bins
    assert [each.bin for each in deciles[::9]] == ["up to 9", "over 89"]
    assert [(each.reference, each.current) for each in deciles] == [(0.1, 0.0)] * 5 + [(0.1, 0.2)] * 5


def test_bins_of_categories_are_the_most_frequent_and_the_others_as_one() -> None:
    before = {f"{each:02}": each for each in range(1, 31)}
    found = compare_categorical(before, {"99": 10, None: 5}).bins
    assert (len(found), found[0], found[1].bin) == (20, Shift("99", 0.0, 1.0), "30")
    assert found[-1].bin == "12 others"
    assert found[-1].reference == pytest.approx(sum(range(1, 13)) / sum(range(1, 31)))
    assert sum(each.reference for each in found) == pytest.approx(1)
    assert compare_categorical({None: 3}, {"a": 1}).bins == ()
