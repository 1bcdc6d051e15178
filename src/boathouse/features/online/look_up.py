"""What a look-up returns, and what a model takes of it: stored features and those computed from the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.features.online.tables import check_view, max_age_s
from boathouse.scoring.feature_spec import ViewSpec
from boathouse.scoring.on_demand import OnDemandFeature, assemble, select_on_demand

if TYPE_CHECKING:
    from boathouse.features.online.store import OnlineStore
    from boathouse.scoring.feature_spec import FeatureSpec

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
    views: tuple[ViewSpec, ...]

    @classmethod
    def from_database(cls, views: Sequence[ViewSpec], rows: Sequence[Sequence[Any]]) -> FeatureRows:
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
        limits = [np.inf if (limit := max_age_s(view)) is None else limit * MICROSECONDS for view in self.views]
        late: np.ndarray = self.found & (age > np.array(limits))
        return late


def _time_places(views: Sequence[ViewSpec]) -> list[int]:
    """Return where in a database row each view's time stands."""
    places, start = [], 0
    for view in views:
        places.append(start + 1)
        start += _BEFORE_FEATURES + len(view.features)
    return places


@dataclass(frozen=True)
class ServedFeatures:
    """Features of some keys.

    Attributes:
        names: Names of the matrix's columns.
        matrix: float64, keys by features; NaN for unknown.
        rows: What the store had, with the times of the values.
        stale: Booleans, keys by views: whether a value is older than its view allows.
    """

    names: tuple[str, ...]
    matrix: np.ndarray
    rows: FeatureRows
    stale: np.ndarray


def online_views(spec: FeatureSpec) -> tuple[ViewSpec, ...]:
    """Return the stored views that a model looks up, in the definitions it was trained on.

    Raises:
        OnlineStoreError: If the store cannot hold one of them.
    """
    return tuple(map(check_view, spec.views))


def serve_features(  # noqa: PLR0913 - who asks, for what, with what, and when
    store: OnlineStore,
    spec: FeatureSpec,
    names: Sequence[str],
    keys: Sequence[Sequence[Any]],
    *,
    request: Mapping[str, np.ndarray],
    on_demand: Sequence[OnDemandFeature],
    now: datetime,
) -> ServedFeatures:
    """Return the features ``names`` of ``keys``; a stale value counts as unknown, as it does in training.

    Args:
        store: Where the views are.
        spec: Views and on-demand features, as the model was trained on them.
        names: Features wanted, in this order; stored or computed.
        keys: Values of the key columns, one sequence a row.
        request: Fields that came with the request, one number a row each.
        on_demand: The declared on-demand features.
        now: The time of the request.

    Raises:
        OnlineStoreError: If the store does not answer, or a view is not live in the definition of the spec.
        RequestError: If the request lacks a field, has an unknown one, or a definition has changed.
    """
    chosen = select_on_demand(spec, on_demand)
    rows = store.look_up(keys, online_views(spec))
    stale = rows.stale(now)
    matrix = without_stale(rows, stale)
    stored = {name: matrix[:, column] for column, name in enumerate(rows.features)}
    return ServedFeatures(tuple(names), assemble(names, stored, request, chosen), rows, stale)


def without_stale(rows: FeatureRows, stale: np.ndarray) -> np.ndarray:
    """Return the matrix with NaN where a view's value is stale."""
    if not stale.any():
        return rows.matrix
    widths = [len(view.features) for view in rows.views]
    return np.where(np.repeat(stale, widths, axis=1), np.nan, rows.matrix)
