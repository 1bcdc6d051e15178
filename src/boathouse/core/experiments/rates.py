"""Rates of two groups: intervals for each and for their difference, and a test."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from boathouse.core.errors import ExperimentError


@dataclass(frozen=True)
class Difference:
    """What the second group has more than the first.

    Attributes:
        first: Rate or mean of the first group.
        second: Rate or mean of the second group.
        low: Lower end of the interval of ``second - first``.
        high: Upper end.
        p_value: Probability of a difference at least as large if there were none, two-sided.
    """

    first: float
    second: float
    low: float
    high: float
    p_value: float

    @property
    def estimate(self) -> float:
        """The difference, ``second - first``."""
        return self.second - self.first


def normal_quantile(confidence: float) -> float:
    """Return z with ``confidence`` of a standard normal between -z and z; 0.95 gives 1.96."""
    return float(ndtri((1 + confidence) / 2))


def two_sided_p(z: float) -> float:
    """Return the probability that a standard normal is at least as far from 0 as ``z``."""
    return float(2 * ndtr(-abs(z)))


def wilson_interval(hits: int, total: int, confidence: float) -> tuple[float, float]:
    """Return the score interval of a rate; (0, 1) without observations.

    Source: Wilson (1927), Journal of the American Statistical Association 22:209-212.
    """
    if not total:
        return 0.0, 1.0
    z = normal_quantile(confidence)
    rate = hits / total
    center = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    # Rounding must not push the ends past what they are exactly.
    low = 0.0 if hits == 0 else max(0.0, center - half)
    high = 1.0 if hits == total else min(1.0, center + half)
    return low, high


def newcombe_interval(first: tuple[int, int], second: tuple[int, int], confidence: float) -> tuple[float, float]:
    """Return the interval of ``second - first`` of two rates, each given as (hits, total).

    Built from the Wilson intervals of both, so that it never leaves -1 to 1 and works near 0 and 1.
    Source: Newcombe (1998), Statistics in Medicine 17:873-890, method 10.
    """
    rates = [hits / total if total else 0.5 for hits, total in (first, second)]
    (low_1, high_1), (low_2, high_2) = (wilson_interval(*group, confidence) for group in (first, second))
    estimate = rates[1] - rates[0]
    low = estimate - math.hypot(rates[1] - low_2, high_1 - rates[0])
    high = estimate + math.hypot(high_2 - rates[1], rates[0] - low_1)
    return low, high


def compare_rates(first: tuple[int, int], second: tuple[int, int], *, confidence: float) -> Difference:
    """Return the difference of two rates, each given as (hits, total), with Newcombe's interval.

    The p-value is that of the two-proportion z-test with pooled variance, which equals Pearson's
    chi-squared test of the two-by-two table without correction; 1 where all outcomes are alike.

    Raises:
        ExperimentError: If a group is empty.
    """
    for _, total in (first, second):
        if not total:
            raise ExperimentError.too_few("units per group", total, 1)
    (hits_1, total_1), (hits_2, total_2) = first, second
    pooled = (hits_1 + hits_2) / (total_1 + total_2)
    variance = pooled * (1 - pooled) * (1 / total_1 + 1 / total_2)
    rates = hits_1 / total_1, hits_2 / total_2
    p_value = two_sided_p((rates[1] - rates[0]) / math.sqrt(variance)) if variance else 1.0
    low, high = newcombe_interval(first, second, confidence)
    return Difference(rates[0], rates[1], low, high, p_value)
