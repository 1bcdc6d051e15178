"""What a look-up returns, and what a model takes of it: stored features and those computed from the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.features.online.tables import NO_TIME, check_view, max_age_s
from boathouse.scoring.feature_spec import ViewSpec
from boathouse.scoring.on_demand import OnDemandFeature, assemble, select_on_demand

if TYPE_CHECKING:
    from boathouse.features.online.store import OnlineStore
    from boathouse.scoring.feature_spec import FeatureSpec

MICROSECONDS = 1_000_000


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
        """Return the rows of the look-up statement, one a key; any order of the rows will do."""
        features = tuple(name for view in views for name in view.features)
        if any(row[0] > following[0] for row, following in pairwise(rows)):
            rows = sorted(rows, key=itemgetter(0))
        first_time = 1 + len(views)
        first_feature = first_time + len(views)
        times = np.array([row[first_time:first_feature] for row in rows], dtype=np.int64)
        times = times.reshape(len(rows), len(views))
        # None becomes NaN.
        matrix = np.array([row[first_feature:] for row in rows], dtype=np.float64).reshape(len(rows), len(features))
        found = times != NO_TIME
        return cls(features, matrix, found, np.where(found, times, 0), tuple(views))

    def stale(self, now: datetime) -> np.ndarray:
        """Return booleans, keys by views: whether a found value is older than its view allows."""
        age = int(now.astimezone(UTC).timestamp() * MICROSECONDS) - self.times
        limits = [np.inf if (limit := max_age_s(view)) is None else limit * MICROSECONDS for view in self.views]
        late: np.ndarray = self.found & (age > np.array(limits))
        return late


def join_rows(parts: Sequence[FeatureRows]) -> FeatureRows:
    """Return the rows of the parts, which are of the same views, one after the other."""
    if len(parts) == 1:
        return parts[0]
    matrix, found, times = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("matrix", "found", "times")
    )
    return FeatureRows(parts[0].features, matrix, found, times, parts[0].views)


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
