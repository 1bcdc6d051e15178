"""Windows of time that monitoring compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

# Cohorts are monthly, so is every window.
GRANULARITY = "1 month"


@dataclass(frozen=True)
class Window:
    """A span of days; ``start`` inclusive, ``end`` exclusive."""

    start: date
    end: date

    def as_timestamps(self) -> tuple[datetime, datetime]:
        """Return both ends as midnights in UTC."""
        return tuple(datetime.combine(day, time(), tzinfo=UTC) for day in (self.start, self.end))  # type: ignore[return-value]


def month_of(day: date) -> Window:
    """Return the calendar month that contains ``day``."""
    start = day.replace(day=1)
    end = start.replace(year=start.year + 1, month=1) if start.month == 12 else start.replace(month=start.month + 1)
    return Window(start, end)
