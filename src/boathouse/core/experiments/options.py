"""How sure an experiment has to be."""

from __future__ import annotations

from dataclasses import dataclass

from boathouse.core.errors import OptionError
from boathouse.core.options import require_between


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
