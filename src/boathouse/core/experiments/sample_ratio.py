"""Whether units were divided as planned; if not, no difference between the groups means anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import chdtrc

from boathouse.core.errors import ExperimentError


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
