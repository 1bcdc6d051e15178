"""Rates of two groups: intervals for each and for their difference, and a test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from boathouse.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Sequence


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


@dataclass(frozen=True)
class SampleRatio:
    """The check of the division.

    Attributes:
        found: Units of each variant.
        expected: Units of each variant by plan.
        statistic: Pearson's chi-squared; 0: exactly as planned.
        p_value: Chance of a division at least as far from the plan if it were followed.
        holds: Whether the p-value is at least the level.
    """

    found: Mapping[str, int]
    expected: Mapping[str, float]
    statistic: float
    p_value: float
    holds: bool


def check_sample_ratio(found: Mapping[str, int], shares: Mapping[str, float], *, level: float) -> SampleRatio:
    """Return whether ``found`` units fit ``shares`` (chi-squared goodness of fit, one degree less than variants).

    Source: Pearson (1900); for experiments Fabijan et al. (2019), KDD, "Diagnosing sample ratio mismatch in
    online controlled experiments".

    Args:
        found: Units of each variant; one that is missing has none.
        shares: Planned share of each variant, in any unit; all above 0.
        level: p-value below which the division does not hold.

    Raises:
        ExperimentError: If there are no units, or fewer than two variants.
    """
    total, whole = sum(found.get(name, 0) for name in shares), sum(shares.values())
    if len(shares) < 2:
        raise ExperimentError.too_few("variants", len(shares), 2)
    if not total:
        raise ExperimentError.too_few("units", 0, 1)
    expected = {name: total * share / whole for name, share in shares.items()}
    statistic = sum((found.get(name, 0) - count) ** 2 / count for name, count in expected.items())
    p_value = float(chdtrc(len(shares) - 1, statistic))
    return SampleRatio({name: found.get(name, 0) for name in shares}, expected, statistic, p_value, p_value >= level)


@dataclass(frozen=True)
class AlwaysValid:
    """What may be said at any time.

    Attributes:
        low: Lower end of the confidence sequence of the difference.
        high: Upper end.
        p_value: Always-valid p-value of this look; the smallest of all looks so far may be used.
    """

    low: float
    high: float
    p_value: float


def follow_difference(estimate: float, variance: float, *, expected_effect: float, confidence: float) -> AlwaysValid:
    """Return interval and p-value that keep their promise however often and whenever one looks.

    The mixture sequential probability ratio test with a normal mixture of variance t^2 around 0. With V the
    variance of the estimate and d the estimate, the mixture's likelihood ratio is
    sqrt(V / (V + t^2)) * exp(d^2 t^2 / (2 V (V + t^2))); its inverse is the p-value, and the interval holds
    all differences that it does not reject. Holds for estimates that are normal, so for some hundred units
    on. The price is an interval that is wider at any single look.

    Sources: Robbins (1970), Annals of Mathematical Statistics 41:1397-1409; Johari, Koomen, Pekelis and
    Walsh (2022), Operations Research 70:1806-1821.

    Args:
        estimate: Difference of rates or means.
        variance: Of the estimate: the sum of both groups' variances, each divided by its units.
        expected_effect: t: the effect that was planned for; the test is the most powerful about there.
        confidence: Share of experiments whose intervals all hold the truth.
    """
    if variance <= 0:
        return AlwaysValid(estimate, estimate, 1.0 if not estimate else 0.0)
    mixture = expected_effect**2
    total = variance + mixture
    log_ratio = 0.5 * math.log(variance / total) + estimate**2 * mixture / (2 * variance * total)
    level = 1 - confidence
    half = math.sqrt(2 * variance * total / mixture * (math.log(1 / level) + 0.5 * math.log(total / variance)))
    return AlwaysValid(estimate - half, estimate + half, min(1.0, math.exp(-min(log_ratio, 700.0))))


_FEWEST = 2


def compare_means(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, *, confidence: float
) -> Difference:
    """Return the difference of means, one value per unit, with Welch's interval and p-value.

    Deviations may differ; degrees of freedom after Welch and Satterthwaite. Source: Welch (1947),
    Biometrika 34:28-35. Where no value differs from another, the interval is a point and p is 0 or 1.

    Raises:
        ExperimentError: If a group has fewer than two values.
    """
    groups = [np.asarray(each, dtype=np.float64) for each in (first, second)]
    for group in groups:
        if len(group) < _FEWEST:
            raise ExperimentError.too_few("units per group", len(group), _FEWEST)
    mean_1, mean_2 = (float(group.mean()) for group in groups)
    parts = [float(group.var(ddof=1)) / len(group) for group in groups]
    error = math.sqrt(sum(parts))
    estimate = mean_2 - mean_1
    if not error:
        return Difference(mean_1, mean_2, estimate, estimate, 1.0 if not estimate else 0.0)
    freedom = sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    p_value = float(2 * stdtr(freedom, -abs(estimate / error)))
    return Difference(mean_1, mean_2, estimate - half, estimate + half, p_value)
