"""Distances and tests on counts, against hand-computed values and scipy."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from boathouse.monitoring.distances import (
    adjust_p_values,
    jensen_shannon_distance,
    l_infinity_distance,
    population_stability_index,
    total_variation_distance,
    two_way_chi_squared,
)

EVEN = [25, 25, 25, 25]
UNEVEN = [35, 20, 25, 20]

counts = st.lists(st.integers(0, 10_000), min_size=2, max_size=12).filter(any)


def test_two_way_chi_squared_known_value() -> None:
    result = two_way_chi_squared(EVEN, UNEVEN)
    assert result.statistic == pytest.approx(2.7778, abs=5e-5)
    assert result.p_value == pytest.approx(0.4272, abs=5e-5)


def test_two_way_chi_squared_judges_rates_not_counts() -> None:
    assert two_way_chi_squared([100, 300], [10_000, 30_000]).p_value == pytest.approx(1.0)


def test_two_way_chi_squared_equals_scipy() -> None:
    reference, current = [120, 80, 45, 300], [90, 110, 60, 280]
    expected = stats.chi2_contingency([reference, current], correction=False)
    assert two_way_chi_squared(reference, current).statistic == pytest.approx(expected.statistic)
    assert two_way_chi_squared(reference, current).p_value == pytest.approx(expected.pvalue)


def test_two_way_chi_squared_of_few_rows_is_fishers() -> None:
    # Fisher's tea tasting (The Design of Experiments, 1935): two-sided p = 34/70.
    assert two_way_chi_squared([3, 1], [1, 3]).p_value == pytest.approx(34 / 70)


def test_two_way_chi_squared_pools_rare_categories() -> None:
    pooled = stats.chi2_contingency([[500, 400, 5], [450, 460, 4]], correction=False)
    assert two_way_chi_squared([500, 400, 3, 2], [450, 460, 0, 4]).statistic == pytest.approx(pooled.statistic)


@pytest.mark.parametrize(("reference", "current"), [([5, 0], [7, 0]), ([0, 0], [3, 4])])
def test_two_way_chi_squared_of_nothing_to_test(reference: list[int], current: list[int]) -> None:
    assert two_way_chi_squared(reference, current).p_value == 1.0


@given(counts)
def test_stability_index_of_itself_is_zero(x: list[int]) -> None:
    assert population_stability_index(x, x) == 0.0


@given(counts, st.data())
def test_stability_index_is_symmetric_and_not_negative(x: list[int], data: st.DataObject) -> None:
    y = data.draw(st.lists(st.integers(0, 10_000), min_size=len(x), max_size=len(x)).filter(any))
    assert population_stability_index(x, y) == pytest.approx(population_stability_index(y, x), abs=1e-12)
    assert population_stability_index(x, y) >= -1e-12


def test_stability_index_by_hand() -> None:
    # Smoothed shares 0.5 / 0.5 and 0.75 / 0.25: 0.25 ln 1.5 + 0.25 ln 2.
    assert population_stability_index([9.5, 9.5], [29.5, 9.5]) == pytest.approx(
        0.25 * math.log(1.5) + 0.25 * math.log(2)
    )


def test_stability_index_leaves_out_bins_empty_on_both_sides() -> None:
    assert population_stability_index([10, 0, 20], [30, 0, 10]) == population_stability_index([10, 20], [30, 10])


@pytest.mark.parametrize(
    ("reference", "current", "expected"), [(EVEN, EVEN, 0.0), ([5, 0], [0, 9], 1.0), (EVEN, UNEVEN, None)]
)
def test_jensen_shannon_equals_scipy(reference: list[int], current: list[int], expected: float | None) -> None:
    wanted = jensenshannon(reference, current, base=2) if expected is None else expected
    assert jensen_shannon_distance(reference, current) == pytest.approx(wanted)


def test_total_variation_and_l_infinity_by_hand() -> None:
    assert total_variation_distance(EVEN, UNEVEN) == pytest.approx(0.10)
    assert l_infinity_distance(EVEN, UNEVEN) == pytest.approx(0.10)
    assert total_variation_distance([1, 0], [0, 1]) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_equal_scipy(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values)
    np.testing.assert_allclose(adjust_p_values(p_values), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("reference", "current", "statistic", "p_value"),
    [
        ([120, 80, 45, 300], [90, 110, 60, 280], 11.832278506382302, 0.007980353643168849),
        ([500, 400, 3, 2], [450, 460, 0, 4], 6.884375141278465, 0.031994618229986324),
        ([3, 1], [1, 3], 9.0, 0.48571428571428565),
        ([9_000, 1_000], [8_800, 1_200], 20.42900919305414, 6.188458781738713e-06),
        ([1, 2, 3], [3, 2, 1], 0.0, 1.0),
        ([10_000, 5, 700], [12_000, 9, 1_500], 151.19221315166652, 1.4758018850820362e-33),
    ],
    ids=["plain", "pooled", "exact", "rates", "nothing left", "far"],
)
def test_figures_on_record(reference: list[int], current: list[int], statistic: float, p_value: float) -> None:
    """Recorded once: another version of scipy must not move the drift tables that were written before."""
    found = two_way_chi_squared(reference, current)
    assert (found.statistic, found.p_value) == pytest.approx((statistic, p_value), rel=1e-12)


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_rare_categories_replaced_by_others_are_seen(rows: int) -> None:
    before, after = np.repeat([rows, 0], 1_000), np.repeat([0, rows], 1_000)
    assert two_way_chi_squared(before, after).p_value < 1e-20


def test_rare_categories_of_which_each_occurs_once_say_nothing() -> None:
    assert two_way_chi_squared(np.repeat([1, 0], 1_000), np.repeat([0, 1], 1_000)).p_value == 1.0


@pytest.mark.parametrize(
    "totals",
    [[4] * 6, [2] * 50, [1, 2, 3, 4, 5, 6], [1] * 300 + [3] * 300, [900, 400] + [3] * 200],
    ids=["six", "fifty", "mixed", "many", "with frequent ones"],
)
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_rare_categories_of_one_distribution_rarely_alarm(totals: list[int], share: float) -> None:
    """Of samples drawn without any difference, at most about 1 % may have a p-value below 0.01."""
    rows = sum(totals)
    draws = np.random.default_rng(5).multivariate_hypergeometric(totals, int(share * rows), size=2_000)
    found = [two_way_chi_squared(draw, np.array(totals) - draw).p_value for draw in draws]
    assert np.mean(np.array(found) < 0.01) < 0.02


def test_adjusted_p_values_by_hand() -> None:
    # The third largest of five, 0.03, becomes 0.03 · 5/3 = 0.05; the two smallest both 0.01 · 5/2.
    assert adjust_p_values([0.01, 0.04, 0.03, 0.005, 0.9]).tolist() == pytest.approx(
        [0.025, 0.05, 0.05, 0.025, 0.9], rel=1e-12
    )
    assert adjust_p_values([]).tolist() == []


def test_importing_monitoring_s_tests_loads_no_scipy() -> None:
    script = "import sys, boathouse.monitoring.drift; print([name for name in sys.modules if name.startswith('scipy')])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
