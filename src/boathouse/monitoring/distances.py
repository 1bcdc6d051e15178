"""Distances between two histograms over the same bins, and tests on their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.monitoring.effects import NO_EFFECT, Effect

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from boathouse.monitoring.profiles import Profile

    Counts = NDArray[np.float64]


# Pseudo-rows per bin (Jeffreys' prior): a bin empty on one side gives a large index, not an infinite one.
PSEUDO_COUNT = 0.5

# Smallest expected count for which the chi-squared approximation is trusted (Cochran, Biometrics 10(4), 1954).
SMALLEST_EXPECTED = 5.0
# From this many rare categories on they are tested among themselves: pooled, those that went and those that came
# would cancel out. With fewer, the gamma approximation of the statistic is too coarse.
MANY_RARE = 5
# Known rows on each side from which no value in common is no accident in a column of categories.
ROWS_TO_REPLACE = 30


@dataclass(frozen=True)
class TestResult:
    """A test's statistic and the p-value of "no difference", 0 to 1."""

    # pytest would otherwise try to collect a class of this name.
    __test__ = False

    statistic: float
    p_value: float


def population_stability_index(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the population stability index of two count vectors over the same bins.

    The sum of :func:`stability_contributions`. 0 means the same shares; it has no upper bound.
    Source: Siddiqi, *Credit Risk Scorecards*, 2006.
    """
    return float(stability_contributions(reference, current).sum())


def stability_contributions(reference: ArrayLike, current: ArrayLike) -> NDArray[np.float64]:
    """Return what each bin adds to the population stability index: ``(c - r) * ln(c / r)``, at least 0.

    Shares are smoothed, ``(count + 0.5) / (rows + 0.5 * bins)``; bins empty on both sides add
    nothing and do not count as bins.
    """
    both = _stack(reference, current)
    used = both.sum(axis=0) > 0
    smoothed = both + PSEUDO_COUNT * used
    shares = smoothed / smoothed.sum(axis=1, keepdims=True)
    ratio = np.divide(shares[1], shares[0], out=np.ones(len(used)), where=used)
    terms: Counts = (shares[1] - shares[0]) * np.log(ratio)
    return terms


def kullback_leibler_divergence(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the Kullback-Leibler divergence of the current shares from the reference's, in nats; 0 same.

    ``sum(c ln(c / r))``, without upper bound, over shares smoothed as those of :func:`stability_contributions`.
    """
    both = _stack(reference, current)
    both = both[:, both.sum(axis=0) > 0] + PSEUDO_COUNT
    shares = both / both.sum(axis=1, keepdims=True)
    return float((shares[1] * np.log(shares[1] / shares[0])).sum())


def jensen_shannon_distance(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the Jensen-Shannon distance, base 2, of two count vectors: 0 same, 1 disjoint.

    The square root of the divergence ``H(m) - (H(r) + H(c)) / 2`` with ``m = (r + c) / 2``.
    Source: Endres & Schindelin, *IEEE Trans. Inf. Theory* 49(7), 2003.
    """
    shares = _shares(_stack(reference, current))
    middle = shares.mean(axis=0)
    divergence = _entropy(middle) - (_entropy(shares[0]) + _entropy(shares[1])) / 2
    return float(np.sqrt(np.clip(divergence, 0.0, 1.0)))


def total_variation_distance(reference: ArrayLike, current: ArrayLike) -> float:
    """Return half the sum of absolute differences of the shares: 0 same, 1 disjoint."""
    shares = _shares(_stack(reference, current))
    return float(np.abs(shares[1] - shares[0]).sum() / 2)


def l_infinity_distance(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the largest absolute difference of any share: 0 same, 1 at most."""
    shares = _shares(_stack(reference, current))
    return float(np.abs(shares[1] - shares[0]).max(initial=0.0))


def two_way_chi_squared(reference: ArrayLike, current: ArrayLike) -> TestResult:
    """Return the chi-squared test of homogeneity of two samples' counts, without Yates' correction.

    Where an expected count is below 5, rare categories are first pooled into one; a 2 x 2 table that still has one
    goes to Fisher's exact test, whose statistic is the odds ratio, at most the largest double. Five or more rare
    categories are also tested among themselves; of the two tests the more significant one is returned, its p-value
    doubled (Bonferroni). Fewer than two categories leave nothing to test: statistic 0, p-value 1.
    """
    both = _stack(reference, current)
    both = both[:, both.sum(axis=0) > 0]
    if both.shape[1] < 2 or not both.sum(axis=1).all():
        return NOTHING_TO_TEST
    rare = _expected(both).min(axis=0) < SMALLEST_EXPECTED
    among = _test_rare(both[:, rare]) if rare.sum() >= MANY_RARE else None
    pooled = _test_pooled(both, rare)
    if among is None:
        return pooled
    strongest = min(pooled, among, key=lambda test: test.p_value)
    return TestResult(strongest.statistic, min(1.0, 2 * strongest.p_value))


def _test_pooled(both: Counts, rare: NDArray[np.bool_]) -> TestResult:
    """Return the test with all ``rare`` categories pooled into one."""
    from scipy.stats import chi2_contingency, fisher_exact

    if both.shape[1] > 2 and rare.any():
        both = np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])
    if both.shape[1] < 2:
        return NOTHING_TO_TEST
    if both.shape[1] == 2 and _expected(both).min() < SMALLEST_EXPECTED:
        result = fisher_exact(both.astype(np.int64))
    else:
        result = chi2_contingency(both, correction=False)
    # An odds ratio is infinite where a category is on one side alone; tables and JSON need a number.
    return TestResult(float(min(result.statistic, np.finfo(np.float64).max)), float(result.pvalue))


def adjust_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Benjamini-Hochberg adjusted p-values, in the order given.

    Calling those below ``alpha`` significant keeps the expected share of false alarms among them
    below ``alpha``. Source: Benjamini & Hochberg, *J. R. Stat. Soc. B* 57(1), 1995.
    """
    from scipy.stats import false_discovery_control

    given = np.asarray(p_values, dtype=np.float64)
    adjusted: NDArray[np.float64] = false_discovery_control(given) if given.size else given
    return adjusted


def _stack(reference: ArrayLike, current: ArrayLike) -> Counts:
    both: Counts = np.stack([np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)])
    if not (np.isfinite(both) & (both >= 0)).all():
        raise ValueError("Counts are finite and not negative; leave infinite and missing values out before counting.")
    return both


def _shares(both: Counts) -> Counts:
    rows = both.sum(axis=1, keepdims=True)
    return both / np.where(rows == 0, 1.0, rows)


def _entropy(shares: Counts) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())


def _expected(both: Counts) -> Counts:
    counts: Counts = np.outer(both.sum(axis=1), both.sum(axis=0)) / both.sum()
    return counts


def _test_rare(both: Counts) -> TestResult | None:
    """Return the chi-squared test of categories too rare for its usual distribution, or None without power.

    Given the margins, the statistic has the mean and, to the order of 1 / rows, the variance below; its distribution is
    approximated by the gamma distribution with both (checked against draws in the tests). Where each category
    occurs once the statistic cannot vary: then nothing can be said.
    Source of the moments: Haldane, *Biometrika* 31, 1940; of the approximation: Satterthwaite, *Biometrics* 2, 1946.
    """
    from scipy.stats import gamma

    totals, sides = both.sum(axis=0), both.sum(axis=1)
    if not sides.all():
        return None
    rows, bins, share = totals.sum(), len(totals), sides[0] / totals.sum()
    spread = share * (1 - share)
    statistic = float((np.square(both[0] - totals * share) / (totals * spread)).sum())
    mean = rows / (rows - 1) * (bins - 1)
    variance = (
        2 * (bins - 1) + (1 - 6 * spread) / spread * (1 / totals).sum() - bins**2 * (1 - 4 * spread) / (rows * spread)
    )
    # Below one the approximation of the variance is no longer positive for sure.
    if variance < 1:
        return None
    return TestResult(statistic, float(gamma.sf(statistic, mean**2 / variance, scale=variance / mean)))


NOTHING_TO_TEST = TestResult(0.0, 1.0)


@dataclass(frozen=True)
class Shift:
    """The bin that adds most to the stability index: its label and the shares (0 to 1) before and after."""

    bin: str
    reference: float
    current: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two windows of one column side by side.

    Attributes:
        data_type: ``double`` or ``string``.
        reference_rows: Rows of the reference, nulls included.
        current_rows: Rows of the current window, nulls included.
        psi: Population stability index of the known values; 0 same, no upper bound.
        js_distance: Jensen-Shannon distance, base 2, of the known values; 0 same to 1 disjoint.
        ks: Kolmogorov-Smirnov test of the known values; None for categories or without values.
        chi_squared: Two-way chi-squared test on counts, for categories and for numbers binned by value, whose
            ties make the other test blind; None for other numbers.
        shift: The bin that adds most to the stability index.
        reference_nulls: Rows of the reference without a value.
        current_nulls: Rows of the current window without a value.
        reference_infinite: Rows of the reference with an infinite number.
        current_infinite: Rows of the current window with an infinite number.
        distinct_delta: Distinct values per row now minus before, each 0 to 1.
        avg_delta: Mean now minus before, in the column's unit; None for categories or without values.
        zero_delta: Share of zeros among all rows now minus before; None for categories.
        wasserstein: Wasserstein-1 distance in the column's unit; None for categories or without values.
        tv_distance: Total variation distance, 0 to 1; None for numbers of many values.
        l_infinity: Largest difference of a value's share, 0 to 1; None for numbers of many values.
        kl_divergence: Kullback-Leibler divergence of the current shares from the reference's, in nats, smoothed.
        mann_whitney: Mann-Whitney test of numbers; None for categories or without values.
        superiority: Probability that a current number is above one of the reference; 0.5 same; None likewise.
        levene: Brown-Forsythe test of equal spread; None likewise.
        effect: By how much the known values differ for sure.
        null_effect: Likewise the share of nulls.
        infinite_effect: Likewise the share of infinite numbers.
        before: Profile of the reference; None where it was not made.
        after: Profile of the current window; None likewise.
        new_values: Values that the reference does not have, those of most rows first; of categories, and of numbers
            binned by value.
        vanished_values: Values that the current window does not have, likewise.
        new_share: Share of the current known rows with a new value, 0 to 1.
        vanished_share: Share of the reference's known rows with a vanished value, 0 to 1.
        is_surprising: Whether categories came or went that chance does not explain.
        bins: Shares of the known rows by bin, for pictures: of numbers in their order, of categories the most frequent
            first and the others as one.

    Nulls and infinite numbers are counted apart: every other statistic is of known, finite values. Where a side has
    none, distances are 0 and there is nothing to test. No number is NaN or infinite.
    """

    data_type: str
    reference_rows: int
    current_rows: int
    psi: float
    js_distance: float
    ks: TestResult | None
    chi_squared: TestResult | None
    shift: Shift
    distinct_delta: float
    reference_nulls: int = 0
    current_nulls: int = 0
    reference_infinite: int = 0
    current_infinite: int = 0
    avg_delta: float | None = None
    zero_delta: float | None = None
    wasserstein: float | None = None
    tv_distance: float | None = None
    l_infinity: float | None = None
    new_values: tuple[str, ...] = ()
    vanished_values: tuple[str, ...] = ()
    new_share: float = 0.0
    vanished_share: float = 0.0
    is_surprising: bool = False
    kl_divergence: float = 0.0
    mann_whitney: TestResult | None = None
    superiority: float | None = None
    levene: TestResult | None = None
    effect: Effect = NO_EFFECT
    null_effect: Effect = NO_EFFECT
    infinite_effect: Effect = NO_EFFECT
    before: Profile | None = None
    after: Profile | None = None
    bins: tuple[Shift, ...] = ()

    @property
    def std_delta(self) -> float | None:
        """Standard deviation now minus before, in the column's unit; None for categories or without two values."""
        return self._change("stddev")

    @property
    def quantile_deltas(self) -> tuple[float, ...]:
        """Quantiles 0.05, 0.25, 0.5, 0.75 and 0.95 now minus before, in the column's unit; empty without values."""
        if self.before is None or self.after is None:
            return ()
        limit, pairs = float(np.finfo(np.float64).max), zip(self.after.quantiles, self.before.quantiles, strict=False)
        return tuple(min(max(now - before, -limit), limit) for now, before in pairs)

    def _change(self, figure: str) -> float | None:
        before, after = (getattr(side, figure, None) for side in (self.before, self.after))
        return None if before is None or after is None else float(after - before)

    @property
    def reference_null_share(self) -> float:
        """Share of the reference's rows without a value, 0 to 1."""
        return self.reference_nulls / max(self.reference_rows, 1)

    @property
    def current_null_share(self) -> float:
        """Share of the current rows without a value, 0 to 1."""
        return self.current_nulls / max(self.current_rows, 1)

    @property
    def reference_infinite_share(self) -> float:
        """Share of the reference's rows with an infinite number, 0 to 1."""
        return self.reference_infinite / max(self.reference_rows, 1)

    @property
    def current_infinite_share(self) -> float:
        """Share of the current rows with an infinite number, 0 to 1."""
        return self.current_infinite / max(self.current_rows, 1)

    @property
    def null_delta(self) -> float:
        """Share of nulls now minus before; -1 to 1."""
        return self.current_null_share - self.reference_null_share

    @property
    def null_test(self) -> TestResult:
        """The test of the counts of nulls and of values."""
        return self._test_share(self.reference_nulls, self.current_nulls)

    @property
    def infinite_test(self) -> TestResult:
        """The test of the counts of infinite numbers and of all others."""
        return self._test_share(self.reference_infinite, self.current_infinite)

    def _test_share(self, *counts: int) -> TestResult:
        counted, rows = np.array(counts), np.array([self.reference_rows, self.current_rows])
        return two_way_chi_squared(*np.column_stack([rows - counted, counted]))

    @property
    def has_values(self) -> bool:
        """Whether both sides have a known value: without, there is no distribution to compare."""
        return all(known > 0 for known in self._known)

    @property
    def is_replaced(self) -> bool:
        """Whether categories have no value in common at all, in enough rows on each side to be no accident."""
        return self.data_type == "string" and self.new_share == 1.0 and min(self._known) >= ROWS_TO_REPLACE

    @property
    def _known(self) -> tuple[int, int]:
        """Rows of each side with a known, finite value."""
        return (
            self.reference_rows - self.reference_nulls - self.reference_infinite,
            self.current_rows - self.current_nulls - self.current_infinite,
        )

    @property
    def test(self) -> TestResult:
        """The test that fits the column."""
        return self.chi_squared or self.ks or NOTHING_TO_TEST
