"""Features of the moment: what is stored and what the request adds, in the order a model takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.core.scoring.on_demand import OnDemandFeature, assemble, select_on_demand
from boathouse.online_store.rows import FeatureRows
from boathouse.online_store.views import OnlineView

if TYPE_CHECKING:
    from boathouse.core.scoring.feature_spec import FeatureSpec
    from boathouse.online_store.store import OnlineStore

_SECONDS_A_DAY = 86_400


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


def online_views(spec: FeatureSpec) -> tuple[OnlineView, ...]:
    """Return the stored views that a model looks up, in the definitions it was trained on."""
    return tuple(
        OnlineView(
            name=view.name if view.version == 1 else f"{view.name}_v{view.version}",
            digest=view.digest,
            keys=view.keys,
            features=view.features,
            max_age_s=None if view.max_age_days is None else view.max_age_days * _SECONDS_A_DAY,
        )
        for view in spec.views
    )


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
