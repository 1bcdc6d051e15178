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
        cohorts: Newest cohorts up to ``as_of`` that are scored, a cohort being all rows of one date; 1 to 1,000. One
            more than it takes until labels arrive lets performance be measured.
        from_date: First date (YYYY-MM-DD) of a backfill, inclusive; None or empty for the newest ``cohorts``.
        to_date: Last date (YYYY-MM-DD) of a backfill, inclusive; None or empty for up to ``as_of``.
        from_month: First month (YYYY-MM) of a backfill, in place of ``from_date``.
        to_month: Last month (YYYY-MM) of a backfill, in place of ``to_date``.
        version: Version to score with in place of the champion; None or empty for the champion.
        challenger: Whether the challenger scores the same rows, for comparison.
        reason_count: Reasons given with each adverse decision; 0 to 20.
        driver_rows: Predictions of a cohort up to this number are held on the driver, so that the model runs
            once; more stay with the engine, which runs it again for each check and write; 0 to 100 million.
    """

    cohorts: int
    reason_count: int
    driver_rows: int
    from_date: str | None = None
    to_date: str | None = None
    from_month: str | None = None
    to_month: str | None = None
    version: str | int | None = None
    challenger: bool = False

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_whole("cohorts", self.cohorts, 1, 1_000)
        require_whole("reason_count", self.reason_count, 0, 20)
        require_whole("driver_rows", self.driver_rows, 0, 100_000_000)
        if not isinstance(self.challenger, bool):
            raise OptionError.out_of_range("challenger", self.challenger, "true or false")
        for side in ("from", "to"):
            if getattr(self, f"{side}_date") and getattr(self, f"{side}_month"):
                raise OptionError.out_of_range(f"{side}_month", getattr(self, f"{side}_month"), f"{side}_date or it")
        first, last = self.first_day, self.last_day
        if first and last and first > last:
            raise OptionError.out_of_range("to_date or to_month", last, f"a date from {first} on")

    @property
    def is_backfill(self) -> bool:
        """Whether a span of dates is named, in place of the newest cohorts."""
        return bool(self.first_day or self.last_day)

    @property
    def first_day(self) -> date | None:
        """First date of a backfill; None without one."""
        if self.from_date:
            return parse_date("from_date", self.from_date)
        return parse_date("from_month", f"{self.from_month}-01") if self.from_month else None

    @property
    def last_day(self) -> date | None:
        """Last date of a backfill; None without one."""
        if self.to_date:
            return parse_date("to_date", self.to_date)
        if not self.to_month:
            return None
        first = parse_date("to_month", f"{self.to_month}-01")
        return first.replace(day=monthrange(first.year, first.month)[1])

    @property
    def wanted_version(self) -> str | None:
        """``version`` as text, as registries have it; None for the champion."""
        return None if self.version in (None, "") else str(self.version)
