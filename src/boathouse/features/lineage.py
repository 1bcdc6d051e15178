"""Where features come from, what depends on a column, and which definitions are duplicates of one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from boathouse.errors import FeatureError

if TYPE_CHECKING:
    from boathouse.features.feature_view import FeatureView
    from boathouse.scoring.on_demand import OnDemandFeature

_RELATIVE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What breaks or changes with a column.

    Attributes:
        views: Views that read it, directly or through other views.
        features: Their features.
        on_demand: On-demand features computed from those.
    """

    views: tuple[FeatureView, ...]
    features: tuple[str, ...]
    on_demand: tuple[str, ...]


def find_feature(
    name: str, views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]
) -> tuple[FeatureView, ...]:
    """Return the views that a view, a stored or an on-demand feature called ``name`` comes from.

    Raises:
        FeatureError: If there is none of that name.
    """
    stored = {name, *(column for each in on_demand if each.name == name for column in each.stored)}
    found = tuple(view for view in views if name in (view.name, view.label) or stored & set(view.feature_names))
    if not found:
        raise FeatureError.unknown(name, [view.label for view in views])
    return found


def trace_sources(view: FeatureView, views: Sequence[FeatureView]) -> dict[str, tuple[str, ...]]:
    """Return the columns that ``view`` reads, by table, those of the views it is made from included."""
    by_table = {each.table: each for each in views}
    found: dict[str, tuple[str, ...]] = {}
    waiting = [view]
    while waiting:
        for source in waiting.pop().sources:
            found[source.table] = tuple(dict.fromkeys((*found.get(source.table, ()), *source.columns)))
            if source.table in by_table:
                waiting.append(by_table[source.table])
    return found


def find_impact(column: str, views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]) -> Impact:
    """Return what depends on ``column``, given as ``<schema>.<table>.<column>`` or as a whole ``<schema>.<table>``.

    Raises:
        FeatureError: If no view reads it.
    """
    reading = tuple(view for view in views if _reads(view, column, views))
    if not reading:
        tables = sorted({table for view in views for table in view.source_names})
        raise FeatureError(
            f"No view reads {column}. Give <schema>.<table> or <schema>.<table>.<column>; "
            f"views read {', '.join(tables)}."
        )
    features = tuple(name for view in reading for name in view.feature_names)
    depending = tuple(each.name for each in on_demand if set(each.stored) & set(features))
    return Impact(views=reading, features=features, on_demand=depending)


def _reads(view: FeatureView, column: str, views: Sequence[FeatureView]) -> bool:
    sources = trace_sources(view, views)
    return column in sources or any(column == f"{table}.{name}" for table, names in sources.items() for name in names)


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """Two features, or views, with one meaning.

    Attributes:
        first: Name of one.
        second: Name of the other.
        share: Share of the rows with equal values, 0 to 1; 1 for equal logic.
        reason: ``equal logic`` or ``equal values``.
    """

    first: str
    second: str
    share: float
    reason: str


def find_equal_logic(views: Sequence[FeatureView]) -> list[Duplicate]:
    """Return pairs of views whose functions do the same with the same sources, whatever they are called."""
    return [
        Duplicate(first=one.label, second=other.label, share=1.0, reason="equal logic")
        for one, other in combinations(views, 2)
        if one.logic_digest == other.logic_digest
    ]


def find_equal_values(columns: Mapping[str, np.ndarray], *, share: float = 0.999) -> list[Duplicate]:
    """Return pairs of features whose values are equal in at least ``share`` of the rows; two unknowns are equal.

    Values are equal within a billionth of the greater. Features with one value only are not compared.

    Args:
        columns: Features of the same rows, float64 with NaN for unknown.
        share: Share of the rows, above 0 to 1.
    """
    varied = {name: values for name, values in columns.items() if len(values) and not _is_constant(values)}
    found = []
    for (one, left), (other, right) in combinations(varied.items(), 2):
        equal = float(np.mean(np.isclose(left, right, rtol=_RELATIVE, atol=0, equal_nan=True)))
        if equal >= share:
            found.append(Duplicate(first=one, second=other, share=equal, reason="equal values"))
    return found


def _is_constant(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) == 0 or (len(known) == len(values) and bool((known == known[0]).all()))
