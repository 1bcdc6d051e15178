"""What new or corrected source rows change: exactly the affected keys, from the earliest affected date on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, cast

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from boathouse.features.feature_view import FeatureView, Source

# Column that marks a row of a change as one to delete; no table may use the name.
GONE = "__gone"
_SINCE, _SIGN = "__since", "__sign"


def find_changed_keys(view: FeatureView, before: Sequence[DataFrame], now: Sequence[DataFrame]) -> DataFrame:
    """Return the keys whose features may differ, one row a key, with ``__since``, the first date that may.

    A source row that is new, gone or different in a column that the view uses changes the features of its
    key from its date on, since a view's row depends on no source row known later than itself; in a source
    without time it changes all of them.

    Args:
        view: The view.
        before: Its sources as they were when the view was computed, in the order of ``view.sources``.
        now: The same, as they are.
    """
    changes = [
        _changes_of(source, view.key_names, old, new)
        for source, old, new in zip(view.sources, before, now, strict=True)
    ]
    everything = reduce(DataFrame.unionByName, changes)
    return everything.groupBy(*view.key_names).agg(F.min(_SINCE).alias(_SINCE))


def _always() -> Column:
    """Return a date before all others; as text, since Java's dates want four digits of a year."""
    return F.lit("0001-01-01").cast("date")


def _changes_of(source: Source, keys: Sequence[str], old: DataFrame, new: DataFrame) -> DataFrame:
    columns = list(source.columns)
    rows = new.select(*columns, F.lit(1).alias(_SIGN)).unionByName(old.select(*columns, F.lit(-1).alias(_SIGN)))
    # A row that is as often in both sums up to zero.
    changed = rows.groupBy(*columns).agg(F.sum(_SIGN).alias(_SIGN)).where(F.col(_SIGN) != 0)
    since = _always() if source.time_column is None else F.coalesce(F.col(source.time_column), _always())
    return changed.select(*keys, since.cast("date").alias(_SINCE))


def recompute(view: FeatureView, sources: Sequence[DataFrame], stored: DataFrame, changed: DataFrame) -> DataFrame:
    """Return the rows that replace those of the changed keys, and with ``__gone`` true those to delete.

    Args:
        view: The view.
        sources: Its sources as they are, in the order of ``view.sources``.
        stored: The view's table as it is.
        changed: What :func:`find_changed_keys` returned.
    """
    keys, time = list(view.key_names), view.time_column
    affected = [
        frame.select(*source.columns).join(changed.select(*keys), keys, "left_semi")
        for source, frame in zip(view.sources, sources, strict=True)
    ]
    computed = compute_view(view, affected)
    fresh = _since(computed, changed, keys, time)
    old = _since(stored.select(*view.columns), changed, keys, time)
    gone = old.join(fresh.select(*keys, time), [*keys, time], "left_anti")
    return fresh.withColumn(GONE, F.lit(False)).unionByName(gone.withColumn(GONE, F.lit(True)))  # noqa: FBT003


def compute_month(view: FeatureView, sources: Sequence[DataFrame], stored: DataFrame, first: date) -> DataFrame:
    """Return the rows of one month in the form of :func:`recompute`, from sources known by its end.

    Args:
        view: The view.
        sources: Its sources, in the order of ``view.sources``.
        stored: The view's table as it is.
        first: First day of the month.
    """
    end = F.last_day(F.lit(first))
    known = [
        frame.select(*source.columns).where(F.lit(True) if time is None else F.col(time) <= end)  # noqa: FBT003
        for source, frame in zip(view.sources, sources, strict=True)
        for time in (source.time_column,)
    ]
    in_month = F.col(view.time_column).between(F.lit(first), end)
    fresh = compute_view(view, known).where(in_month)
    identity = [*view.key_names, view.time_column]
    gone = stored.select(*view.columns).where(in_month).join(fresh.select(*identity), identity, "left_anti")
    return fresh.withColumn(GONE, F.lit(False)).unionByName(gone.withColumn(GONE, F.lit(True)))  # noqa: FBT003


def compute_view(view: FeatureView, sources: Sequence[DataFrame]) -> DataFrame:
    """Return the view computed from ``sources``, its columns in stored order."""
    return cast("DataFrame", view.compute(*sources)).select(*view.columns)


def order_views(views: Sequence[FeatureView]) -> tuple[FeatureView, ...]:
    """Return ``views`` so that each comes after the views it is made from; they were checked for circles."""
    waiting: Mapping[str, FeatureView] = {view.table: view for view in views}
    ordered: list[FeatureView] = []
    while waiting:
        ready = [view for view in waiting.values() if not set(view.source_names) & set(waiting)]
        ordered += ready
        waiting = {table: view for table, view in waiting.items() if view not in ready}
    return tuple(ordered)


def _since(rows: DataFrame, changed: DataFrame, keys: Sequence[str], time: str) -> DataFrame:
    affected = rows.join(changed, list(keys)).where(F.col(time) >= F.col(_SINCE))
    return affected.drop(_SINCE)
