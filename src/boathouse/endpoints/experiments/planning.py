"""How many units an experiment needs to see the effect that it is about."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from boathouse.errors import ExperimentError, OptionError
from boathouse.options import require_between

# Smaller ones take more units than there are people: of a rate, or in deviations of a mean.
_SMALLEST_EFFECT = 1e-5
_MOST_DAYS = 365_000


@dataclass(frozen=True)
class Plan:
    """Units that have to be exposed.

    Attributes:
        control: Units of the control.
        treatment: Units of the treatment.
    """

    control: int
    treatment: int

    @property
    def total(self) -> int:
        """Units of both."""
        return self.control + self.treatment

    def days(self, units_per_day: float) -> int:
        """Return the days that ``units_per_day`` new units a day take; at least 7, so that each weekday counts alike.

        Whole weeks: a test that ends on another weekday than it began weighs weekdays unequally.

        Raises:
            OptionError: If it is no number above 0.
            ExperimentError: If that takes more than a thousand years.
        """
        if not 0 < units_per_day < math.inf:
            raise OptionError.out_of_range("per_day", units_per_day, "a number above 0")
        if self.total / units_per_day > _MOST_DAYS:
            raise ExperimentError.out_of_reach(f"{self.total:,} units at {units_per_day:g} new units a day")
        return 7 * max(1, math.ceil(self.total / units_per_day / 7))


def plan_rates(baseline: float, effect: float, *, confidence: float, power: float, share: float = 0.5) -> Plan:
    """Return the units that show a change of a rate from ``baseline`` to ``baseline + effect``.

    For the two-proportion z-test, two-sided, without continuity correction. Source: Fleiss, Levin and Paik
    (2003), Statistical Methods for Rates and Proportions, 3rd ed., equations 4.14 and 4.19.

    Args:
        baseline: Rate of the control, above 0 and below 1.
        effect: Smallest change worth seeing, absolute; negative for a fall.
        confidence: 1 minus the chance to see an effect where there is none.
        power: Chance to see this effect.
        share: Share of units that get the treatment, above 0 and below 1.

    Raises:
        ExperimentError: If the changed rate is outside 0 to 1, the effect is 0 or takes too many units.
        OptionError: If ``baseline`` is no such rate, or the effect no finite number.
    """
    changed = baseline + effect
    if not 0 < baseline < 1:
        raise OptionError.out_of_range("baseline", baseline, "a rate above 0 and below 1")
    _require_finite("effect", effect)
    if not effect or not 0 <= changed <= 1 or abs(effect) < _SMALLEST_EFFECT:
        raise ExperimentError.out_of_reach(f"a rate of {baseline:g} that changes by {effect:g}")
    _require_share(share)
    ratio = share / (1 - share)
    mean = (baseline + ratio * changed) / (1 + ratio)
    spread_0 = math.sqrt((ratio + 1) * mean * (1 - mean))
    spread_1 = math.sqrt(ratio * baseline * (1 - baseline) + changed * (1 - changed))
    z_level, z_power = _quantiles(confidence, power)
    control = (z_level * spread_0 + z_power * spread_1) ** 2 / (ratio * effect**2)
    return Plan(math.ceil(control), math.ceil(ratio * control))


def plan_means(deviation: float, effect: float, *, confidence: float, power: float, share: float = 0.5) -> Plan:
    """Return the units that show a change of a mean by ``effect``.

    For Welch's test, two-sided, with equal deviations; Guenther's correction of the normal formula for
    the t distribution. Source: Guenther (1981), The American Statistician 35:243-244.

    Args:
        deviation: Standard deviation of the value over units, in its unit, above 0.
        effect: Smallest change worth seeing, in the same unit.
        confidence: 1 minus the chance to see an effect where there is none.
        power: Chance to see this effect.
        share: Share of units that get the treatment, above 0 and below 1.

    Raises:
        ExperimentError: If the effect is 0 or takes too many units.
        OptionError: If the deviation is not above 0, or one of both is not finite.
    """
    if not 0 < deviation < math.inf:
        raise OptionError.out_of_range("deviation", deviation, "a number above 0")
    _require_finite("effect", effect)
    if not effect or abs(effect) < deviation * _SMALLEST_EFFECT:
        raise ExperimentError.out_of_reach(f"a deviation of {deviation:g} and an effect of {effect:g}")
    _require_share(share)
    ratio = share / (1 - share)
    z_level, z_power = _quantiles(confidence, power)
    control = (1 + 1 / ratio) * ((z_level + z_power) * deviation / effect) ** 2 + z_level**2 / 4
    return Plan(math.ceil(control), math.ceil(ratio * control))


def _quantiles(confidence: float, power: float) -> tuple[float, float]:
    return float(ndtri((1 + confidence) / 2)), float(ndtri(power))


def _require_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise OptionError.out_of_range(name, value, "a finite number, not 0")


def _require_share(share: float) -> None:
    require_between("share", share, 0.001, 0.999)


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """The rules of all experiments of an environment.

    Attributes:
        enabled: Whether A/B tests are run here at all.
        confidence: Of intervals, 0.5 to 0.9999; 1 minus it is the chance to see an effect where there is none.
        power: Chance to see an effect as large as planned for, 0.5 to 0.9999.
        srm_level: p-value, 0 to 0.05, below which the division of units is not what was planned. Practice is far
            below 0.05, since the check is made often: Fabijan et al. (2019), KDD, "Diagnosing sample ratio mismatch".
    """

    enabled: bool
    confidence: float
    power: float
    srm_level: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not isinstance(self.enabled, bool):
            raise OptionError.out_of_range("experiments.enabled", self.enabled, "true or false")
        require_between("experiments.confidence", self.confidence, 0.5, 0.9999)
        require_between("experiments.power", self.power, 0.5, 0.9999)
        require_between("experiments.srm_level", self.srm_level, 0, 0.05)
