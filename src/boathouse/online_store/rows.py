"""What a look-up returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from boathouse.online_store.views import OnlineView

MICROSECONDS = 1_000_000
# In front of a view's features stand the digest that is live and the time of the values.
_BEFORE_FEATURES = 2


@dataclass(frozen=True)
class FeatureRows:
    """Features of the keys asked for, in their order.

    Attributes:
        features: Names of the matrix's columns: those of the views, in their order.
        matrix: float64, keys by features; NaN for unknown, whether the key or the value is.
        found: Booleans, keys by views: whether the view has the key.
        times: int64, keys by views: when the values were observed, microseconds since 1970 UTC; 0 if not found.
        views: The views.
    """

    features: tuple[str, ...]
    matrix: np.ndarray
    found: np.ndarray
    times: np.ndarray
    views: tuple[OnlineView, ...]

    @classmethod
    def from_database(cls, views: Sequence[OnlineView], rows: Sequence[Sequence[Any]]) -> FeatureRows:
        """Return the rows of the look-up statement, one a key, taken apart by view."""
        features = [name for view in views for name in view.features]
        matrix = np.empty((len(rows), len(features)))
        times = np.zeros((len(rows), len(views)), dtype=np.int64)
        start, column = 0, 0
        for place, view in enumerate(views):
            stop = start + _BEFORE_FEATURES + len(view.features)
            times[:, place] = [row[start + 1] or 0 for row in rows]
            values = [row[start + _BEFORE_FEATURES : stop] for row in rows]
            # None becomes NaN.
            matrix[:, column : column + len(view.features)] = np.array(values, dtype=np.float64).reshape(
                len(rows), len(view.features)
            )
            start, column = stop, column + len(view.features)
        found = np.array([[row[at] is not None for at in _time_places(views)] for row in rows], dtype=bool)
        return cls(tuple(features), matrix, found.reshape(len(rows), len(views)), times, tuple(views))

    def stale(self, now: datetime) -> np.ndarray:
        """Return booleans, keys by views: whether a found value is older than its view allows."""
        age = int(now.astimezone(UTC).timestamp() * MICROSECONDS) - self.times
        limits = [np.inf if view.max_age_s is None else view.max_age_s * MICROSECONDS for view in self.views]
        late: np.ndarray = self.found & (age > np.array(limits))
        return late


def _time_places(views: Sequence[OnlineView]) -> list[int]:
    """Return where in a database row each view's time stands."""
    places, start = [], 0
    for view in views:
        places.append(start + 1)
        start += _BEFORE_FEATURES + len(view.features)
    return places
