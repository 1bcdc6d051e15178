"""What a batch scoring run does, as read from ``params:batch_inference.<group>``."""

from __future__ import annotations

from dataclasses import dataclass

from boathouse.core.options import require_whole


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Size of a scoring run.

    Attributes:
        months: Newest cohorts up to ``as_of`` that are scored; 1 to 120. Two leave, beside the newest
            cohort, one whose labels have arrived, so that performance can be measured.
        reason_count: Reasons given with each prediction; 0 to 20.
    """

    months: int
    reason_count: int

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("months", self.months, 1, 120)
        require_whole("reason_count", self.reason_count, 0, 20)
