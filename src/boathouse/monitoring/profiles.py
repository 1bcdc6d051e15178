"""What one window of one column holds: counts, moments, quantiles, the most frequent values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.monitoring.curves import take_quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Categories of which the rows are told.
FREQUENT = 10
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class SortedSide:
    """One window of a column: its finite values sorted, and how many nulls and infinite numbers there were."""

    values: Floats
    nulls: int
    infinite: int

    @classmethod
    def from_values(cls, values: Floats) -> SortedSide:
        """Sort ``values``; NaN counts as null."""
        # numpy sorts NaN to the end, so one search finds where they begin.
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        low = int(np.searchsorted(ordered, -np.inf, side="right"))
        high, known = (int(np.searchsorted(ordered, end)) for end in (np.inf, np.nan))
        return cls(ordered[low:high], len(ordered) - known, low + known - high)

    @property
    def rows(self) -> int:
        """Number of rows, nulls and infinite numbers included."""
        return len(self.values) + self.nulls + self.infinite

    @property
    def known(self) -> int:
        """Number of rows with a finite value."""
        return len(self.values)

    def divide(self, unit: float) -> Floats:
        """Return the values in another unit."""
        return self.values if unit == 1.0 else self.values / unit


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One window of one column; figures of numbers are None for categories, and where there is no value.

    Attributes:
        data_type: ``double`` or ``string``.
        rows: All rows.
        nulls: Rows without a value, those with NaN included.
        infinite: Rows with an infinite number, which no other figure counts.
        zeros: Rows with a zero; None for categories.
        distinct: Number of different values.
        avg: Mean.
        stddev: Standard deviation of a sample (one less in the denominator); None for less than two values.
        minimum: Smallest value.
        maximum: Largest value.
        quantiles: The quantiles of :data:`QUANTILES`, linear between neighbours; empty for none.
        lengths: Shortest, longest and mean length of a category in characters, by rows; None for numbers.
        frequent: The categories of most rows with their rows, at most 10; empty for numbers.
    """

    data_type: str
    rows: int
    nulls: int
    distinct: int
    infinite: int = 0
    zeros: int | None = None
    avg: float | None = None
    stddev: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    quantiles: tuple[float, ...] = ()
    lengths: tuple[int, int, float] | None = None
    frequent: tuple[tuple[str, int], ...] = ()

    @property
    def median(self) -> float | None:
        """The median; None where there is none."""
        return self.quantiles[QUANTILES.index(0.5)] if self.quantiles else None

    def share(self, rows: int | None) -> float | None:
        """Return ``rows`` in percent of all; None for None, 0 for a window without rows."""
        return None if rows is None else 100 * rows / max(self.rows, 1)


def profile_numbers(side: SortedSide, distinct: int, unit: float = 1.0) -> Profile:
    """Return the profile of one window of numbers.

    Args:
        side: Its values.
        distinct: Number of different ones.
        unit: What values are divided by before they are summed, where sums may not fit into a double.
    """
    values, scaled = side.values, side.divide(unit)
    low, high = (int(np.searchsorted(values, 0.0, side=end)) for end in ("left", "right"))
    return Profile(
        data_type="double",
        rows=side.rows,
        nulls=side.nulls,
        infinite=side.infinite,
        distinct=distinct,
        zeros=high - low,
        avg=_bound(float(scaled.mean()) * unit) if len(values) else None,
        stddev=_bound(float(scaled.std(ddof=1)) * unit) if len(values) > 1 else None,
        minimum=float(values[0]) if len(values) else None,
        maximum=float(values[-1]) if len(values) else None,
        quantiles=tuple(take_quantiles(values, QUANTILES)),
    )


def _bound(value: float) -> float:
    return float(np.clip(value, -_LARGEST, _LARGEST))


def profile_categories(counts: Mapping[str, int], nulls: int) -> Profile:
    """Return the profile of one window of categories, given as known rows by category."""
    known = sum(counts.values())
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    lengths = [len(name) for name in counts]
    total = sum(len(name) * rows for name, rows in counts.items())
    return Profile(
        data_type="string",
        rows=known + nulls,
        nulls=nulls,
        distinct=len(counts),
        lengths=(min(lengths), max(lengths), total / known) if known else None,
        frequent=tuple(frequent),
    )
