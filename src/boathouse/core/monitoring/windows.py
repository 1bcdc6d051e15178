"""Windows of time that monitoring compares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

Period = Literal["day", "month"]
# How the platform names the length of a window.
GRANULARITIES: dict[Period, str] = {"day": "1 day", "month": "1 month"}


@dataclass(frozen=True)
class Window:
    """A span of days; ``start`` inclusive, ``end`` exclusive."""

    start: date
    end: date

    def as_timestamps(self) -> tuple[datetime, datetime]:
        """Return both ends as midnights in UTC."""
        return tuple(datetime.combine(day, time(), tzinfo=UTC) for day in (self.start, self.end))  # type: ignore[return-value]


def window_of(day: date, period: Period) -> Window:
    """Return the day itself, or the calendar month that contains it."""
    if period == "day":
        return Window(day, day + timedelta(days=1))
    start = day.replace(day=1)
    end = start.replace(year=start.year + 1, month=1) if start.month == 12 else start.replace(month=start.month + 1)
    return Window(start, end)
