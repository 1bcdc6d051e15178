"""Options of batch scoring (``params:batch_inference.scoring``) and of a stream (``stream_inference.stream``)."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from boathouse.errors import OptionError
from boathouse.options import parse_date, require_between, require_choice, require_whole


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


TRIGGERS = ("available_now", "continuous")


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """Options of a stream: when it reads, how much at once, and how long it waits for late requests.

    Attributes:
        name: Names the stream in the targets' logs; another name starts from the beginning. Letters, digits, dash,
            underscore.
        post_newest: Whether a run first posts a request for each row of the newest cohort, as the worked
            example does; off where other systems fill the table of requests.
        delay_s: A request made more than so many seconds before the newest of all earlier batches is late; 0 to a
            year.
        skew_s: How many seconds after its arrival a request may say it was made, since clocks differ; what is later
            is broken: it would make all others late. 0 to a day.
        reason_count: Reasons given with each adverse decision; 0 to 20.
        trigger: ``available_now`` answers what is there and ends; ``continuous`` goes on.
        interval_s: With continuous: polling interval in seconds; 0.1 to 86,400.
        stop_when_idle_s: With continuous: end after so many seconds without new rows; 0 never ends.
        most_versions: Versions (sail) read at once; 1 to 1,000. Elsewhere the same number of files a batch.
    """

    name: str
    post_newest: bool
    delay_s: float
    reason_count: int
    trigger: str
    interval_s: float
    stop_when_idle_s: float
    most_versions: int
    skew_s: float = 300.0

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(self.name)):
            raise OptionError.out_of_range("name", self.name, "1 to 64 letters, digits, dashes and underscores")
        if not isinstance(self.post_newest, bool):
            raise OptionError.out_of_range("post_newest", self.post_newest, "true or false")
        require_between("delay_s", self.delay_s, 0, 366 * 86_400)
        require_between("skew_s", self.skew_s, 0, 86_400)
        require_whole("reason_count", self.reason_count, 0, 20)
        require_choice("trigger", self.trigger, TRIGGERS)
        require_between("interval_s", self.interval_s, 0.1, 86_400)
        require_between("stop_when_idle_s", self.stop_when_idle_s, 0, 86_400_000)
        require_whole("most_versions", self.most_versions, 1, 1_000)
