"""What depends on what: from a feature back to its sources, from a source's column on to its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.errors import FeatureError

if TYPE_CHECKING:
    from boathouse.core.features.feature_view import FeatureView
    from boathouse.core.scoring.on_demand import OnDemandFeature


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
        raise FeatureError.read_by_none(column, tables)
    features = tuple(name for view in reading for name in view.feature_names)
    depending = tuple(each.name for each in on_demand if set(each.stored) & set(features))
    return Impact(views=reading, features=features, on_demand=depending)


def _reads(view: FeatureView, column: str, views: Sequence[FeatureView]) -> bool:
    sources = trace_sources(view, views)
    return column in sources or any(column == f"{table}.{name}" for table, names in sources.items() for name in names)
