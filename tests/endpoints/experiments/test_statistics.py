"""Plans, intervals and tests against published numbers and independent oracles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from boathouse.endpoints.experiments.planning import Plan, plan_means, plan_rates
from boathouse.endpoints.experiments.statistics import (
    check_sample_ratio,
    compare_means,
    compare_rates,
    follow_difference,
    newcombe_interval,
    wilson_interval,
)
from boathouse.errors import ExperimentError, OptionError

SURE = {"confidence": 0.95, "power": 0.8}


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(hits: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(hits, total, 0.95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10; theirs is first minus second.
    [
        ((48, 80), (56, 70), -0.3339, -0.0524),
        ((3, 10), (9, 10), -0.8090, -0.1705),
        ((0, 29), (5, 56), -0.1926, 0.0381),
        ((0, 20), (0, 10), -0.2775, 0.1611),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((0, 20), (10, 10), -1.0, -0.6791),
    ],
)
def test_newcombe_gives_the_published_intervals(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe_interval(second, first, 0.95)
    assert found == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_p_value_of_rates_is_pearsons(hits_1: int, more_1: int, hits_2: int, more_2: int) -> None:
    first, second = (hits_1, hits_1 + more_1), (hits_2, hits_2 + more_2)
    found = compare_rates(first, second, confidence=0.95)
    if hits_1 + hits_2 == 0:
        assert found.p_value == 1
        return
    table = [[hits_1, more_1], [hits_2, more_2]]
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, abs=1e-12)
    assert -1 <= found.low <= found.estimate <= found.high <= 1


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    st.lists(st.floats(-100, 100), min_size=2, max_size=30),
)
def test_means_are_compared_as_scipy_does(first: list[float], second: list[float]) -> None:
    if min(np.var(first), np.var(second)) < 1e-6:
        return
    found = compare_means(first, second, confidence=0.9)
    expected = stats.ttest_ind(second, first, equal_var=False)
    low, high = expected.confidence_interval(0.9)
    assert (found.p_value, found.low, found.high) == pytest.approx((expected.pvalue, low, high), abs=1e-9)


def test_values_that_are_all_alike() -> None:
    assert compare_means([1, 1], [1, 1], confidence=0.95).p_value == 1
    apart = compare_means([1, 1], [2, 2], confidence=0.95)
    assert (apart.low, apart.high, apart.p_value) == (1, 1, 0)
    with pytest.raises(ExperimentError, match="at least 2 units per group, found 1"):
        compare_means([1], [2, 3], confidence=0.95)


def test_the_plan_for_rates_is_that_of_the_textbook() -> None:
    # (1.959964 * sqrt(2 * 0.125 * 0.875) + 0.841621 * sqrt(0.10 * 0.90 + 0.15 * 0.85))^2 / 0.05^2 = 685.6
    assert (plan_rates(0.10, 0.05, **SURE).control, plan_rates(0.10, 0.05, **SURE).treatment) == (686, 686)
    # The same, seen from the other side.
    assert plan_rates(0.15, -0.05, **SURE).total == 2 * 686


def test_the_plan_for_means_is_that_of_the_t_distribution() -> None:
    # The textbook case: 64 per group see half a deviation with power 0.8 (Cohen 1988, table 2.4.1).
    assert plan_means(2.0, 1.0, **SURE).control == 64


def exact_power_of_means(plan: tuple[int, int], effect: float) -> float:
    first, second = plan
    freedom = first + second - 2
    shift = effect / math.sqrt(1 / first + 1 / second)
    limit = stats.t.ppf(0.975, freedom)
    return float(stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift))


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_plans_for_means_have_their_power_and_no_more(effect: float, share: float) -> None:
    plan = plan_means(1.0, effect, **SURE, share=share)
    assert 0.798 <= exact_power_of_means((plan.control, plan.treatment), effect) <= 0.82
    assert plan.treatment / plan.control == pytest.approx(share / (1 - share), rel=0.05)


@pytest.mark.parametrize(("baseline", "effect", "share"), [(0.1, 0.05, 0.5), (0.3, -0.05, 0.5), (0.12, 0.02, 0.25)])
def test_plans_for_rates_have_their_power(baseline: float, effect: float, share: float) -> None:
    plan = plan_rates(baseline, effect, **SURE, share=share)
    generator = np.random.default_rng(5)
    hits_1 = generator.binomial(plan.control, baseline, size=4_000)
    hits_2 = generator.binomial(plan.treatment, baseline + effect, size=4_000)
    seen = [
        compare_rates((int(a), plan.control), (int(b), plan.treatment), confidence=0.95).p_value < 0.05
        for a, b in zip(hits_1, hits_2, strict=True)
    ]
    # Three standard deviations of a share of 4,000 are 0.019.
    assert np.mean(seen) == pytest.approx(0.8, abs=0.025)


def test_days_are_whole_weeks() -> None:
    plan = plan_rates(0.10, 0.05, **SURE)
    assert [plan.days(per_day) for per_day in (10_000, 196, 195, 100)] == [7, 7, 14, 14]


def test_sample_ratio_by_hand() -> None:
    # (4850 - 5000)^2 / 5000 twice is 9; one degree of freedom.
    found = check_sample_ratio({"a": 4_850, "b": 5_150}, {"a": 50, "b": 50}, level=0.001)
    assert found.statistic == pytest.approx(9)
    assert found.p_value == pytest.approx(stats.chisquare([4_850, 5_150]).pvalue)
    assert not check_sample_ratio({"a": 4_800, "b": 5_200}, {"a": 50, "b": 50}, level=0.001).holds
    assert found.holds
    assert check_sample_ratio({"a": 900, "b": 100}, {"a": 90, "b": 10}, level=0.001).statistic == 0
    with pytest.raises(ExperimentError, match="units, found 0"):
        check_sample_ratio({}, {"a": 50, "b": 50}, level=0.001)


def test_the_sequential_numbers_by_hand() -> None:
    # V = 0.01, t = 0.2: V + t^2 = 0.05. d = 0.3: log ratio = 0.5 ln 0.2 + 0.09 * 0.04 / (2 * 0.01 * 0.05) = 2.79528.
    found = follow_difference(0.3, 0.01, expected_effect=0.2, confidence=0.95)
    assert found.p_value == pytest.approx(math.exp(-2.795281), rel=1e-5)
    # half = sqrt(2 * 0.01 * 0.05 / 0.04 * (ln 20 + 0.5 ln 5)) = 0.308244
    assert (found.low, found.high) == pytest.approx((0.3 - 0.308244, 0.3 + 0.308244), abs=1e-5)


@given(st.floats(-1, 1), st.floats(1e-6, 1), st.floats(0.01, 1))
def test_the_interval_holds_zero_exactly_when_the_p_value_does_not_reject(
    estimate: float, variance: float, effect: float
) -> None:
    found = follow_difference(estimate, variance, expected_effect=effect, confidence=0.95)
    if abs(found.p_value - 0.05) > 1e-9:
        assert (found.low <= 0 <= found.high) is (found.p_value > 0.05)


def peek(generator: np.random.Generator, effect: float, looks: int = 20, units: int = 5_000) -> tuple[bool, bool]:
    """Return whether Welch's test and the sequential one ever saw an effect while units came in."""
    first, second = generator.normal(0, 1, units), generator.normal(effect, 1, units)
    by_welch = by_sequence = False
    for count in np.linspace(units / looks, units, looks).astype(int):
        one, two = first[:count], second[:count]
        by_welch |= compare_means(one, two, confidence=0.95).p_value < 0.05
        variance = float(one.var() + two.var()) / count
        estimate = float(two.mean() - one.mean())
        by_sequence |= follow_difference(estimate, variance, expected_effect=0.1, confidence=0.95).p_value < 0.05
    return by_welch, by_sequence


def test_looking_again_and_again_finds_nothing_that_is_not_there() -> None:
    generator = np.random.default_rng(11)
    seen = np.mean([peek(generator, effect=0.0) for _ in range(400)], axis=0)
    # What the usual test does when looked at twenty times, and what the sequential one promises: at most 5 %.
    assert seen[0] > 0.15
    assert seen[1] <= 0.05
    effects = np.mean([peek(generator, effect=0.1) for _ in range(100)], axis=0)
    assert effects[1] > 0.9


def test_a_single_look_errs_as_often_as_it_says() -> None:
    generator = np.random.default_rng(12)
    rates = [
        compare_rates(
            (int(generator.binomial(500, 0.12)), 500), (int(generator.binomial(500, 0.12)), 500), confidence=0.95
        )
        for _ in range(3_000)
    ]
    assert np.mean([found.p_value < 0.05 for found in rates]) == pytest.approx(0.05, abs=0.012)
    assert np.mean([found.low <= 0 <= found.high for found in rates]) == pytest.approx(0.95, abs=0.012)


NOTHING, ENDLESS = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("plan", "numbers", "error", "text"),
    [
        *((plan_rates, (each, 0.05), OptionError, "'baseline' is") for each in (0.0, 1.0, -0.1, NOTHING, ENDLESS)),
        *((plan_rates, (0.1, each), OptionError, "'effect' is") for each in (NOTHING, ENDLESS, -ENDLESS)),
        *((plan_rates, (0.1, each), ExperimentError, "a rate of 0.1") for each in (0, 1e-200, -0.2, 0.95)),
        *((plan_means, (each, 1.0), OptionError, "'deviation' is") for each in (0.0, -1.0, NOTHING, ENDLESS)),
        *((plan_means, (1.0, each), OptionError, "'effect' is") for each in (NOTHING, ENDLESS)),
        *((plan_means, (1.0, each), ExperimentError, "No number of units") for each in (0.0, 1e-200)),
        (plan_means, (1e308, 1e-308), ExperimentError, "No number of units"),
    ],
)
def test_numbers_that_cannot_be_planned_for_are_named(
    plan: Callable[..., Plan], numbers: tuple[float, float], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        plan(*numbers, **SURE)


@pytest.mark.parametrize("per_day", [0.0, -5.0, NOTHING, ENDLESS])
def test_units_a_day_are_above_zero(per_day: float) -> None:
    with pytest.raises(OptionError, match="'per_day' is .*; allowed: a number above 0"):
        plan_means(1.0, 0.1, **SURE).days(per_day)
    with pytest.raises(ExperimentError, match="1e-300 new units a day"):
        plan_means(1.0, 0.1, **SURE).days(1e-300)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, NOTHING])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(OptionError, match="'share' is"):
        plan_rates(0.1, 0.05, **SURE, share=share)
