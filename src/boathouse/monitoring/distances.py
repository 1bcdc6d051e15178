"""Distances between two histograms over the same bins, and tests on their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Counts = NDArray[np.float64]


# Pseudo-rows per bin (Jeffreys' prior): a bin empty on one side gives a large index, not an infinite one.
PSEUDO_COUNT = 0.5

# Smallest expected count for which the chi-squared approximation is trusted (Cochran, Biometrics 10(4), 1954).
SMALLEST_EXPECTED = 5.0


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
    return float(np.abs(shares[1] - shares[0]).max())


def two_way_chi_squared(reference: ArrayLike, current: ArrayLike) -> TestResult:
    """Return the chi-squared test of homogeneity of two samples' counts, without Yates' correction.

    Where an expected count is below 5, rare categories are first pooled into one; a 2 x 2 table
    that still has one goes to Fisher's exact test, whose statistic is the odds ratio. Fewer than
    two categories leave nothing to test: statistic 0, p-value 1.
    """
    from scipy.stats import chi2_contingency, fisher_exact

    both = _pool_rare(_stack(reference, current))
    if both.shape[1] < 2 or not both.sum(axis=1).all():
        return TestResult(0.0, 1.0)
    if both.shape[1] == 2 and _expected(both).min() < SMALLEST_EXPECTED:
        result = fisher_exact(both.astype(np.int64))
    else:
        result = chi2_contingency(both, correction=False)
    return TestResult(float(result.statistic), float(result.pvalue))


def adjust_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Benjamini-Hochberg adjusted p-values, in the order given.

    Calling those below ``alpha`` significant keeps the expected share of false alarms among them
    below ``alpha``. Source: Benjamini & Hochberg, *J. R. Stat. Soc. B* 57(1), 1995.
    """
    from scipy.stats import false_discovery_control

    adjusted: NDArray[np.float64] = false_discovery_control(np.asarray(p_values, dtype=np.float64))
    return adjusted


def _stack(reference: ArrayLike, current: ArrayLike) -> Counts:
    return np.stack([np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)])


def _shares(both: Counts) -> Counts:
    rows = both.sum(axis=1, keepdims=True)
    return both / np.where(rows == 0, 1.0, rows)


def _entropy(shares: Counts) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())


def _expected(both: Counts) -> Counts:
    counts: Counts = np.outer(both.sum(axis=1), both.sum(axis=0)) / both.sum()
    return counts


def _pool_rare(both: Counts) -> Counts:
    both = both[:, both.sum(axis=0) > 0]
    if both.shape[1] < 3 or not both.sum(axis=1).all():
        return both
    rare = _expected(both).min(axis=0) < SMALLEST_EXPECTED
    if not rare.any():
        return both
    return np.column_stack([both[:, ~rare], both[:, rare].sum(axis=1)])


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
        psi: Population stability index over bins and nulls; 0 same, no upper bound.
        js_distance: Jensen-Shannon distance, base 2; 0 same to 1 disjoint.
        ks: Kolmogorov-Smirnov test of the known values; None for categories or without values.
        chi_squared: Two-way chi-squared test on counts, for categories and for numbers binned by value, whose
            ties make the other test blind; None for other numbers.
        null_delta: Share of nulls now minus before; -1 to 1.
        shift: The bin that adds most to the stability index.
        distinct_delta: Distinct values per row now minus before, each 0 to 1.
        avg_delta: Mean now minus before, in the column's unit; None for categories or without values.
        zero_delta: Share of zeros among all rows now minus before; None for categories.
        wasserstein: Wasserstein-1 distance in the column's unit; None for categories or without values.
        tv_distance: Total variation distance, 0 to 1; None for numbers.
        l_infinity: Largest difference of a category's share, 0 to 1; None for numbers.
        new_values: Categories that the reference does not have, sorted.
        vanished_values: Categories that the current window does not have, sorted.
    """

    data_type: str
    reference_rows: int
    current_rows: int
    psi: float
    js_distance: float
    ks: TestResult | None
    chi_squared: TestResult | None
    null_delta: float
    shift: Shift
    distinct_delta: float
    avg_delta: float | None = None
    zero_delta: float | None = None
    wasserstein: float | None = None
    tv_distance: float | None = None
    l_infinity: float | None = None
    new_values: tuple[str, ...] = ()
    vanished_values: tuple[str, ...] = ()

    @property
    def test(self) -> TestResult:
        """The test that fits the column."""
        return self.chi_squared or self.ks or NOTHING_TO_TEST
