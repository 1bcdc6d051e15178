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
        driver_rows: Predictions up to this number are held on the driver, so that the model runs once; more
            stay with the engine, which runs it again for each check and write; 0 to 100 million.
    """

    months: int
    reason_count: int
    driver_rows: int

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("months", self.months, 1, 120)
        require_whole("reason_count", self.reason_count, 0, 20)
        require_whole("driver_rows", self.driver_rows, 0, 100_000_000)
