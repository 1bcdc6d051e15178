"""Axes of charts: which part of a scale is shown, where its ticks are, and how numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

# Numbers beyond it are no figure of a window; their differences would not fit into a double.
LARGEST = 1e150
# Share of the range that stays free at an end that no bound fixes.
_MARGIN = 0.08
# Smallest width of an axis, as a share of its largest number: less would make noise look like change.
_LEAST_SHARE = 0.2
_TICKS = 4
# Digits after the point from which a number is written with a power of ten.
_DIGITS = 6


def finite(value: float | None) -> float | None:
    """Return ``value``; None if it is missing, NaN, infinite or too large to be drawn."""
    return value if value is not None and math.isfinite(value) and abs(value) <= LARGEST else None


def show_number(value: float | None) -> str:
    """Return a number with three significant digits, whole numbers from 1,000 with commas; a dash for None."""
    shown = finite(value)
    if shown is None:
        return "–"
    if 1_000 <= abs(shown) < 1e9:
        return f"{shown:,.0f}"
    return f"{shown:.3f}" if 0.001 <= abs(shown) < 1 else f"{shown:.3g}"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A straight scale from numbers to places in a drawing.

    Attributes:
        low: Number at ``start``.
        high: Number at ``end``, above ``low``.
        start: Place of ``low``.
        end: Place of ``high``; before ``start`` for an axis that points up.
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where ``value`` stands, within both ends."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Return about four round numbers within the scale, each as text with the digits that tell them apart."""
        raw = (self.high - self.low) / _TICKS
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(each * unit for each in (1, 2, 2.5, 5, 10) if each * unit >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor(self.high / step + 1e-9) - first
        digits = max(0, math.ceil(-math.log10(step) - 1e-9) + (step / unit == 2.5))
        form = f",.{digits}f" if digits < _DIGITS and self.high < 1e9 else ".3g"
        return [(tick, f"{tick:{form}}") for tick in ((first + number) * step for number in range(count + 1))]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the axis of a figure may be.

    Attributes:
        minimum: Smallest value of the figure: the axis does not go below, unless a value does.
        maximum: Largest value likewise.
        least: Smallest width of the axis; a fifth of the largest number if that is more.
    """

    minimum: float | None = None
    maximum: float | None = None
    least: float = 0.0


FREE = Bounds()


def choose_range(values: Iterable[float], bounds: Bounds = FREE) -> tuple[float, float]:
    """Return both ends of an axis that has every value, all finite, with some room; never of no width."""
    minimum, maximum = bounds.minimum, bounds.maximum
    shown = list(values) or [0.0 if minimum is None else minimum, 1.0 if maximum is None else maximum]
    low, high = min(shown), max(shown)
    width = max(high - low, bounds.least, _LEAST_SHARE * max(abs(low), abs(high))) or 1.0
    middle = (low + high) / 2
    bottom, top = middle - width * (0.5 + _MARGIN), middle + width * (0.5 + _MARGIN)
    if minimum is not None:
        bottom = min(max(bottom, minimum), low)
    if maximum is not None:
        top = max(min(top, maximum), high)
    return (bottom, top) if top > bottom else (bottom, bottom + width)


def label_dates(days: Sequence[date], most: int) -> list[tuple[date, str]]:
    """Return at most ``most`` of the days, evenly chosen, with their labels: months if no two share one, else days."""
    ordered = sorted(set(days))
    months = len({(day.year, day.month) for day in ordered}) == len(ordered)
    step = max(1, math.ceil(len(ordered) / max(most, 1)))
    return [(day, f"{day:%Y-%m}" if months else f"{day:%m-%d}") for day in ordered[::-1][::step]][::-1]
