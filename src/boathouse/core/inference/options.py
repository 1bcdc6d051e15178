"""What a batch scoring run does, as read from ``params:batch_inference.<group>``."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from boathouse.core.errors import OptionError
from boathouse.core.options import parse_date, require_whole


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Cohorts and models of a scoring run.

    Attributes:
        months: Newest cohorts up to ``as_of`` that are scored; 1 to 120. Two leave, beside the newest
            cohort, one whose labels have arrived, so that performance can be measured.
        from_month: First month (YYYY-MM) of a backfill, inclusive; None or empty for the newest ``months``.
        to_month: Last month (YYYY-MM) of a backfill, inclusive; None or empty for up to ``as_of``.
        version: Version to score with in place of the champion; None or empty for the champion.
        challenger: Whether the challenger scores the same rows, for comparison.
        reason_count: Reasons given with each adverse decision; 0 to 20.
        driver_rows: Predictions of a cohort up to this number are held on the driver, so that the model runs
            once; more stay with the engine, which runs it again for each check and write; 0 to 100 million.
    """

    months: int
    reason_count: int
    driver_rows: int
    from_month: str | None = None
    to_month: str | None = None
    version: str | int | None = None
    challenger: bool = False

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("months", self.months, 1, 120)
        require_whole("reason_count", self.reason_count, 0, 20)
        require_whole("driver_rows", self.driver_rows, 0, 100_000_000)
        if not isinstance(self.challenger, bool):
            raise OptionError.out_of_range("challenger", self.challenger, "true or false")
        first, last = self.first_day, self.last_day
        if first and last and first > last:
            raise OptionError.out_of_range("to_month", self.to_month, f"a month from {self.from_month} on")

    @property
    def is_backfill(self) -> bool:
        """Whether months are named, in place of the newest."""
        return bool(self.from_month or self.to_month)

    @property
    def first_day(self) -> date | None:
        """First day of ``from_month``."""
        return parse_date("from_month", f"{self.from_month}-01") if self.from_month else None

    @property
    def last_day(self) -> date | None:
        """Last day of ``to_month``."""
        if not self.to_month:
            return None
        first = parse_date("to_month", f"{self.to_month}-01")
        return first.replace(day=monthrange(first.year, first.month)[1])

    @property
    def wanted_version(self) -> str | None:
        """``version`` as text, as registries have it; None for the champion."""
        return None if self.version in (None, "") else str(self.version)
