"""The point-in-time join: each spine row with the features that were known at its time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from boathouse.errors import FeatureError
from boathouse.features.feature_view import FeatureView, check_collisions

# Names no table may use; they never leave this module.
_TIME, _FOUND, _LATEST = "__time", "__found", "__latest"
_TIMES = ("date", "timestamp")
_MICROSECONDS_A_DAY = 86_400_000_000
_LOWEST = -sys.float_info.max


def join_point_in_time(
    spine: DataFrame,
    views: Sequence[tuple[FeatureView, DataFrame]],
    *,
    spine_time: str,
    strictly_before: bool = False,
    keep_times: bool = False,
) -> DataFrame:
    """Return the spine's rows, each with the latest feature row of every view known at its time.

    A feature row is taken if its time is not later than ``spine_time`` and, where the view has a maximum
    age, not older than that. Every spine row is kept, repeated ones too, and none is added; without a
    matching row, or with a null in key or time on either side, the view's features are null. Of feature
    rows of one key and time, which a view's contract forbids, each feature's greatest value is taken, so that
    the result is the same in every run and engine; :func:`count_repeated` counts them.

    Only keys and times are sorted; the features themselves are fetched by an equal join afterwards, so that
    a key that holds most of the rows slows the join down but does not pile them up on one worker.

    Args:
        spine: Any rows that have all views' keys and ``spine_time``.
        views: Each view with its table; other columns of the table are ignored.
        spine_time: The spine's time: a date, or a timestamp (an instant, whatever zone it was written in).
            The views' time columns have the same type.
        strictly_before: Whether a feature row of the spine's own time is not known yet.
        keep_times: Whether ``<view>_<time column>``, the time of the row that was taken, follows the features
            of each view; null where none was.

    Raises:
        FeatureError: If two views share a feature name, the spine lacks a key or holds a feature's name, a
            table lacks a column, or times are of different types.
    """
    check_collisions([view for view, _ in views])
    _check_spine(spine, [view for view, _ in views], spine_time, keep_times=keep_times)
    for view, table in views:
        _check_table(view, table)
        _check_times(view, dict(table.dtypes)[view.time_column], spine_time, dict(spine.dtypes)[spine_time])
    joined = spine
    for view, table in views:
        joined = _join_view(joined, view, table, spine_time, strictly_before=strictly_before, keep_times=keep_times)
    return joined


def _check_spine(spine: DataFrame, views: Sequence[FeatureView], spine_time: str, *, keep_times: bool) -> None:
    needed = {spine_time, *(name for view in views for name in view.key_names)}
    missing = sorted(needed - set(spine.columns))
    if missing:
        raise FeatureError.spine_lacks(missing, spine.columns)
    added = {name for view in views for name in view.feature_names}
    added |= {view.time_name for view in views} if keep_times else set()
    taken = sorted(added & set(spine.columns))
    if taken:
        raise FeatureError(f"The spine already has columns named like features: {', '.join(taken)}. Drop them first.")


def _check_table(view: FeatureView, table: DataFrame) -> None:
    missing = sorted(set(view.columns) - set(table.columns))
    if missing:
        raise FeatureError(
            f"The table of feature view '{view.name}' lacks {', '.join(missing)}; "
            f"it has {', '.join(sorted(table.columns))}. "
            f"Compute it again: boathouse features refresh --view {view.label} --full"
        )


def _check_times(view: FeatureView, found: str, spine_time: str, asked: str) -> None:
    """Refuse times that cannot be compared: a date has no instant, a timestamp without zone neither."""
    if found not in _TIMES or found != asked:
        raise FeatureError(
            f"Times cannot be compared: {view.name}.{view.time_column} is {found}, the spine's {spine_time} is "
            f"{asked}. Both must be date, or both timestamp (an instant; timestamp_ntz has no zone). "
            "Cast one of them, in a stated zone."
        )


def _join_view(
    spine: DataFrame,
    view: FeatureView,
    table: DataFrame,
    spine_time: str,
    *,
    strictly_before: bool,
    keep_times: bool,
) -> DataFrame:
    """Find the time of each spine row's feature row, then fetch the row."""
    keys = list(view.key_names)
    known = table.where(_present([*keys, view.time_column])).withColumnRenamed(view.time_column, _FOUND)
    matches = _match_times(spine, known.select(*keys, _FOUND), view, spine_time, strictly_before=strictly_before)
    types = dict(table.dtypes)
    values = [_greatest(name, types[name]).alias(name) for name in view.feature_names]
    added = list(view.feature_names)
    if keep_times:
        values.append(F.max(_FOUND).alias(view.time_name))
        added.append(view.time_name)
    rows = matches.join(known.select(*keys, _FOUND, *view.feature_names), [*keys, _FOUND]).groupBy(*keys, _TIME)
    joined = spine.join(rows.agg(*values).withColumnRenamed(_TIME, spine_time), [*keys, spine_time], "left")
    return joined.select(*spine.columns, *added)


def _match_times(
    spine: DataFrame, known: DataFrame, view: FeatureView, spine_time: str, *, strictly_before: bool
) -> DataFrame:
    """Return keys, the time asked for, and the time of the feature row that was known then."""
    keys, dtype = list(view.key_names), dict(known.dtypes)[_FOUND]
    asked = spine.where(_present([*keys, spine_time])).select(
        *keys, F.col(spine_time).alias(_TIME), F.lit(None).cast(dtype).alias(_FOUND)
    )
    rows = asked.unionByName(known.select(*keys, F.col(_FOUND).alias(_TIME), _FOUND))
    of_spine = F.col(_FOUND).isNull()
    # At equal times the feature row comes first where it is known then, else the spine's row does.
    order = Window.partitionBy(*keys).orderBy(_TIME, ~of_spine if strictly_before else of_spine)
    latest = F.last(_FOUND, ignorenulls=True).over(order.rowsBetween(Window.unboundedPreceding, 0))
    matches = rows.withColumn(_LATEST, latest).where(of_spine & F.col(_LATEST).isNotNull() & _is_young(view, dtype))
    return matches.select(*keys, _TIME, F.col(_LATEST).alias(_FOUND)).distinct()


def _greatest(name: str, dtype: str) -> Column:
    """Return the greatest value of a group; of a group of one, its value to the bit."""
    if dtype not in ("double", "float"):
        return F.max(name)
    # Sail's max of nothing but minus infinity is the smallest finite number.
    only_infinite = (F.min(name) == float("-inf")) & (F.max(name) <= _LOWEST)
    return F.when(only_infinite, float("-inf")).otherwise(F.max(name))


def _present(names: Sequence[str]) -> Column:
    return reduce(and_, [F.col(name).isNotNull() for name in names])


def _is_young(view: FeatureView, dtype: str) -> Column:
    """Return whether the found time is within the view's maximum age."""
    if view.max_age_days is None:
        return F.lit(True)  # noqa: FBT003 - a literal, not a switch
    if dtype == "date":
        return F.datediff(F.col(_TIME), F.col(_LATEST)) <= view.max_age_days
    age = F.unix_micros(F.col(_TIME)) - F.unix_micros(F.col(_LATEST))
    return age <= view.max_age_days * _MICROSECONDS_A_DAY


def count_repeated(view: FeatureView, table: DataFrame) -> int:
    """Return how many keys and times the table of ``view`` has more than once."""
    return table.groupBy(*view.key_names, view.time_column).count().where(F.col("count") > 1).count()


def missing_shares(joined: DataFrame, views: Sequence[FeatureView]) -> dict[str, float]:
    """Return for each view the share of spine rows, 0 to 1, for which it had no row at their time; one action.

    A row that was found with null features counts as found. Without spine rows the share is 0.

    Args:
        joined: What :func:`join_point_in_time` returned with ``keep_times``.
        views: The views joined.
    """
    missing = [F.avg(F.col(view.time_name).isNull().cast("double")).alias(view.label) for view in views]
    row = joined.agg(*missing).collect()[0]
    return {view.label: float(row[view.label] or 0.0) for view in views}
