"""Where features come from, what depends on a column, and which definitions are duplicates of one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from boathouse.errors import FeatureError

if TYPE_CHECKING:
    from boathouse.features.feature_view import FeatureView
    from boathouse.scoring.feature_spec import FeatureSpec, ViewSpec
    from boathouse.scoring.on_demand import OnDemandFeature

_RELATIVE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What breaks or changes with a column.

    Attributes:
        by_view: The features computed from it, directly or through other views, by their view.
        on_demand: On-demand features computed from those.
    """

    by_view: tuple[tuple[FeatureView, tuple[str, ...]], ...]
    on_demand: tuple[str, ...]

    @property
    def views(self) -> tuple[FeatureView, ...]:
        """The views with such features."""
        return tuple(view for view, _ in self.by_view)

    @property
    def features(self) -> tuple[str, ...]:
        """All features computed from it, those on demand left out."""
        return tuple(name for _, names in self.by_view for name in names)


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


def trace_sources(
    view: FeatureView, views: Sequence[FeatureView], features: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the columns behind ``features`` of ``view``, by table, those of the views it is made from included.

    Without ``features``, all that the view reads.
    """
    by_table = {each.table: each for each in views}
    found: dict[str, tuple[str, ...]] = {}
    waiting: list[tuple[FeatureView, Sequence[str] | None]] = [(view, features)]
    while waiting:
        current, wanted = waiting.pop()
        for table, columns in _read_by(current, wanted).items():
            found[table] = tuple(dict.fromkeys((*found.get(table, ()), *columns)))
            if table in by_table:
                made = by_table[table]
                waiting.append((made, [name for name in made.feature_names if name in columns]))
    return found


def describe_sources(view: FeatureView, views: Sequence[FeatureView]) -> dict[str, Any]:
    """Return the columns behind ``view`` and behind each of its features, by table, as JSON can hold them."""

    def trace(features: Sequence[str] | None) -> dict[str, list[str]]:
        return {table: list(columns) for table, columns in trace_sources(view, views, features).items()}

    return {"sources": trace(None), "features": {name: trace([name]) for name in view.feature_names}}


def list_taken(view: ViewSpec, spec: FeatureSpec | None, inputs: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the features of ``view`` that a model of ``inputs`` takes, also for one on demand; None if unknown."""
    if spec is None or inputs is None:
        return None
    needed = {*inputs, *(name for each in spec.on_demand if each.name in inputs for name in each.stored)}
    return tuple(name for name in view.features if name in needed)


def select_sources(
    known: Sequence[Mapping[str, Any] | None], features: Sequence[str] | None
) -> dict[str, tuple[str, ...]] | None:
    """Return the columns behind ``features``, by table, of the first description that parts them by feature.

    Where none does, or without ``features``, all of the view's; None where nothing is known.

    Args:
        known: What :func:`describe_sources` gave, or an earlier version of it, the best first.
        features: Features of the view.
    """
    described = [each for each in known if each]
    by_feature: Mapping[str, Any] = next((each["features"] for each in described if "features" in each), {})
    parts = [by_feature[name] for name in features or () if name in by_feature]
    found: dict[str, tuple[str, ...]] = {}
    for part in parts or [each["sources"] for each in described[:1] if each.get("sources")]:
        for table, columns in part.items():
            found[table] = tuple(dict.fromkeys((*found.get(table, ()), *columns)))
    return found or None


def _read_by(view: FeatureView, features: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    if features is None:
        read: dict[str, tuple[str, ...]] = {}
        for source in view.sources:
            read[source.table] = tuple(dict.fromkeys((*read.get(source.table, ()), *source.columns)))
        return read
    # A view of which only keys and times are read depends on what these come from.
    parts = [view.columns_of(name) for name in features] or [view.identity_columns]
    return {table: tuple(dict.fromkeys(name for part in parts for name in part.get(table, ()))) for table in parts[0]}


def find_impact(column: str, views: Sequence[FeatureView], on_demand: Sequence[OnDemandFeature]) -> Impact:
    """Return what depends on ``column``, given as ``<schema>.<table>.<column>`` or as a whole ``<schema>.<table>``.

    Raises:
        FeatureError: If no view reads it.
    """
    hit = [(view, tuple(name for name in view.feature_names if _reads(view, name, column, views))) for view in views]
    by_view = tuple((view, names) for view, names in hit if names)
    if not by_view:
        tables = sorted({table for view in views for table in view.source_names})
        raise FeatureError(
            f"No view reads {column}. Give <schema>.<table> or <schema>.<table>.<column>; "
            f"views read {', '.join(tables)}."
        )
    features = {name for _, names in by_view for name in names}
    depending = tuple(each.name for each in on_demand if set(each.stored) & features)
    return Impact(by_view=by_view, on_demand=depending)


def _reads(view: FeatureView, feature: str, column: str, views: Sequence[FeatureView]) -> bool:
    sources = trace_sources(view, views, [feature])
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
