"""The point-in-time join: each spine row with the features that were known at its time."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from boathouse.core.errors import FeatureError
from boathouse.core.features.feature_view import FeatureView, check_collisions

# Names no table may use; they never leave this module.
_ROW, _TIME, _SIDE, _VALUES, _FOUND, _TIE = "__row", "__time", "__side", "__values", "__found", "__tie"


def join_point_in_time(
    spine: DataFrame, views: Sequence[tuple[FeatureView, DataFrame]], *, spine_time: str
) -> DataFrame:
    """Return the spine's rows, each with the latest feature row of every view known at its time.

    A feature row is taken if its time is not later than ``spine_time`` (equal is known) and, where the
    view has a maximum age, not older than that. Every spine row is kept, repeated ones too, and none is
    added; without a matching row, or with a null in key or time on either side, the view's features are
    null. Among feature rows of one key and time, which a view's contract forbids, one is taken, the same in
    every run and engine.

    Args:
        spine: Any rows that have all views' keys and ``spine_time``.
        views: Each view with its table; other columns of the table are ignored.
        spine_time: The spine's date column.

    Raises:
        FeatureError: If two views share a feature name, or the spine lacks a key or holds a feature's name.
    """
    check_collisions([view for view, _ in views])
    _check_spine(spine, [view for view, _ in views], spine_time)
    joined = spine
    for view, table in views:
        joined = _join_view(joined, view, table, spine_time)
    return joined


def _check_spine(spine: DataFrame, views: Sequence[FeatureView], spine_time: str) -> None:
    needed = {spine_time, *(name for view in views for name in view.key_names)}
    missing = sorted(needed - set(spine.columns))
    if missing:
        raise FeatureError.spine_lacks(missing, spine.columns)
    taken = sorted({name for view in views for name in view.feature_names} & set(spine.columns))
    if taken:
        raise FeatureError.spine_holds(taken)


def _join_view(spine: DataFrame, view: FeatureView, table: DataFrame, spine_time: str) -> DataFrame:
    """Interleave spine and feature rows by key and time, and carry the last feature row forward."""
    keys = list(view.key_names)
    carried = [name for name in spine.columns if name not in keys]
    values = F.struct(F.col(view.time_column).alias(_FOUND), *view.feature_names)
    asked = spine.select(*keys, F.col(spine_time).alias(_TIME), F.lit(1).alias(_SIDE), F.struct(*carried).alias(_ROW))
    # A row without a date is known at none; sorted first, it would be found wherever nothing else is.
    dated = table.where(F.col(view.time_column).isNotNull())
    known = dated.select(*keys, F.col(view.time_column).alias(_TIME), F.lit(0).alias(_SIDE), values.alias(_VALUES))
    # Only rows of one key and time, which a view's contract forbids, are told apart by this.
    known = known.withColumn(_TIE, F.xxhash64(*(F.col(_VALUES).getField(name) for name in view.feature_names)))
    asked = asked.withColumn(_TIE, F.lit(0).cast("bigint"))
    # Typed here: left to the union, Sail gives a missing struct no type at all.
    no_values, no_row = (F.lit(None).cast(dict(side.dtypes)[name]) for side, name in ((known, _VALUES), (asked, _ROW)))
    rows = asked.withColumn(_VALUES, no_values).unionByName(known.withColumn(_ROW, no_row))
    # Side 0 (features) sorts before side 1 (spine), so that a row of the same date is known.
    order = Window.partitionBy(*keys).orderBy(_TIME, _SIDE, _TIE).rowsBetween(Window.unboundedPreceding, 0)
    latest = F.last(_VALUES, ignorenulls=True).over(order)
    found = rows.select(*keys, _TIME, _SIDE, _ROW, latest.alias(_VALUES)).where(F.col(_SIDE) == 1)
    usable = _is_usable(view, keys)
    features = [F.when(usable, F.col(_VALUES).getField(name)).alias(name) for name in view.feature_names]
    names = [F.col(name) if name in keys else F.col(_ROW).getField(name).alias(name) for name in spine.columns]
    return found.select(*names, *features)


def _is_usable(view: FeatureView, keys: Sequence[str]) -> Column:
    """Return whether the found row belongs to a known key and is young enough."""
    usable = F.lit(True)  # noqa: FBT003 - a literal, not a switch
    for key in keys:
        usable = usable & F.col(key).isNotNull()
    if view.max_age_days is None:
        return usable
    age = F.datediff(F.col(_TIME), F.col(_VALUES).getField(_FOUND))
    return usable & (age <= view.max_age_days)
