"""Looking at an experiment as often as one likes: intervals and p-values that hold at every look at once."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
