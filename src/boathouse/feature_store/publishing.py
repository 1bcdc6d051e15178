"""From a feature table to the online store: all of it, or what has changed since the version that is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.core.errors import MissingTableError
from boathouse.datasets.delta_log import open_log
from boathouse.online_store import OnlineView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from boathouse.core.features import FeatureView
    from boathouse.datasets.delta_place import TablePlace
    from boathouse.online_store import OnlineStore

MODES = ("auto", "full", "incremental")
_LATEST, _TIME = "__latest", "__time"


def publish_view(store: OnlineStore, view: FeatureView, place: TablePlace, *, mode: str = "auto") -> str:
    """Publish the newest row of each key; return what was done, in a line.

    Args:
        store: Where to.
        view: The view; its live definition must be the same for an incremental publish.
        place: The view's table.
        mode: ``full`` replaces everything; ``incremental`` compares the table with the version that is live and
            changes only keys whose rows changed; ``auto`` is incremental where that is possible.

    Raises:
        MissingTableError: If the view has not been computed in this environment.
        OnlineStoreError: If the store takes nothing, or an incremental publish has nothing to go on from.
    """
    log = open_log(place)
    if not log.exists():
        where = place.path or place.sql_name
        raise MissingTableError.in_environment(place.table, place.environment, where, "feature_engineering")
    version, online = log.newest(), OnlineView.from_feature_view(view)
    digest, live = store.source_versions().get(online.name, ("", -1))
    if mode == "full" or (mode == "auto" and (digest != online.digest or live > version)):
        done = store.publish_full(online, _rows(_newest(view, place.read(version)), view), source_version=version)
        return (done.skipped and f"{view.label}: nothing published, {done.skipped}") or (
            f"{view.label}: {done.rows:,} keys of version {version} in {store.where}"
        )
    if live == version and digest == online.digest:
        return f"{view.label}: version {version} is live already"
    return _publish_changes(store, view, place, online, live=live, version=version)


def _publish_changes(
    store: OnlineStore, view: FeatureView, place: TablePlace, online: OnlineView, *, live: int, version: int
) -> str:
    before = place.read(live) if 0 <= live <= version else None
    now = place.read(version)
    changed = _changed_keys(view, before, now) if before is not None else now.select(*view.key_names).distinct()
    changed = changed.sparkSession.createDataFrame(changed.toArrow(), changed.schema)
    keys = [tuple(row) for row in changed.collect()]
    newest = _newest(view, now.join(changed, list(view.key_names), "left_semi"))
    done = store.publish_changes(online, _rows(newest, view), source_version=version, replaced=keys)
    return f"{view.label}: {len(keys):,} changed keys of version {version} ({done.rows:,} rows) in {store.where}"


def _changed_keys(view: FeatureView, before: DataFrame, now: DataFrame) -> DataFrame:
    """Return the keys with rows that are not the same in both versions."""
    from pyspark.sql import functions as F

    columns = list(view.columns)
    rows = now.select(*columns, F.lit(1).alias("__sign")).unionByName(
        before.select(*columns, F.lit(-1).alias("__sign"))
    )
    changed = rows.groupBy(*columns).agg(F.sum("__sign").alias("__sign")).where(F.col("__sign") != 0)
    return changed.select(*view.key_names).distinct()


def _newest(view: FeatureView, table: DataFrame) -> DataFrame:
    """Return keys, time in microseconds since 1970 UTC and features of the newest row of each key."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    latest = F.max(view.time_column).over(Window.partitionBy(*view.key_names))
    rows = table.withColumn(_LATEST, latest).where(F.col(view.time_column) == F.col(_LATEST))
    time = F.unix_micros(F.col(view.time_column).cast("timestamp"))
    return rows.select(*view.key_names, time.alias(_TIME), *view.feature_names)


def _rows(newest: DataFrame, view: FeatureView) -> Iterator[tuple[Any, ...]]:
    for batch in newest.select(*view.key_names, _TIME, *view.feature_names).toArrow().to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
