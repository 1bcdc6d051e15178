"""From a feature table to the online store: all of it, or what has changed since the version that is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.core.errors import OnlineStoreError, TableError
from boathouse.feature_store.changes import find_changed_keys
from boathouse.online_store import OnlineView
from boathouse.online_store.rows import MICROSECONDS
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pyspark.sql import DataFrame

    from boathouse.core.features import FeatureView
    from boathouse.online_store import LiveView, OnlineStore
    from boathouse.tables.location import TableLocation

MODES = ("auto", "full", "incremental")
_LATEST, _TIME = "__latest", "__time"


def publish_view(store: OnlineStore, view: FeatureView, place: TableLocation, *, mode: str = "auto") -> str:
    """Publish the newest row of each key; return what was done, in a line.

    Args:
        store: Where to.
        view: The view; its live definition must be the same for an incremental publish.
        place: The view's table.
        mode: ``full`` replaces everything; ``incremental`` changes only keys whose rows changed since the version
            that is live, as the change feed, changed files or a comparison tell; ``auto`` is incremental where
            that is possible, and says why where it is not.

    Raises:
        TableError: If the view has not been computed in this environment.
        OnlineStoreError: If the store takes nothing, is another environment's, or an incremental publish has nothing
            to go on from.
        TableError: If an incremental publish cannot be told what changed.
    """
    version, online = place.require_version("feature_engineering"), OnlineView.from_feature_view(view)
    table_id = open_log(place).table_id()
    live = store.live_views().get(online.name)
    reason = "" if mode == "full" else _find_obstacle(live, online, version, table_id)
    if mode == "full" or (mode == "auto" and reason):
        return _publish_all(store, view, place, version=version, table_id=table_id, reason=reason if live else "")
    if live is None or reason:
        raise OnlineStoreError.not_incremental(view.label, reason)
    if live.version == version:
        return f"{view.label}: version {version} is live already"
    try:
        return _publish_changes(store, view, place, live=live.version, version=version)
    except TableError as error:
        if mode == "incremental":
            raise
        return _publish_all(store, view, place, version=version, table_id=table_id, reason=str(error))


def purge_view(store: OnlineStore, view: FeatureView, *, now: datetime) -> str:
    """Take rows out of the store that are older than the view's maximum age; return what was done, in a line.

    A look-up counts them as unknown before and after; this makes room.
    """
    if view.max_age_days is None:
        return f"{view.label}: nothing to purge, rows have no maximum age"
    online = OnlineView.from_feature_view(view)
    gone = store.purge(online, now_us=int(now.timestamp() * MICROSECONDS))
    return f"{view.label}: {gone:,} keys purged, older than {view.max_age_days} days"


def _find_obstacle(live: LiveView | None, online: OnlineView, version: int, table_id: str) -> str:
    """Return why what is live is nothing to go on from, or an empty text."""
    if live is None:
        return "nothing is live"
    if live.digest != online.digest:
        return "another definition is live"
    if live.table_id != table_id:
        return "the table was made anew since"
    return "" if live.version <= version else f"version {live.version} of the table is live, the newest is {version}"


def _publish_all(
    store: OnlineStore, view: FeatureView, place: TableLocation, *, version: int, table_id: str, reason: str
) -> str:
    online, rows = OnlineView.from_feature_view(view), _rows(_newest(view, place.read(version)), view)
    done = store.publish_full(online, rows, source_version=version, table_id=table_id)
    if done.skipped:
        return f"{view.label}: nothing published, {done.skipped}"
    why = f" ({reason})" if reason else ""
    return f"{view.label}: {done.rows:,} keys of version {version} in {store.where}{why}"


def _publish_changes(store: OnlineStore, view: FeatureView, place: TableLocation, *, live: int, version: int) -> str:
    changes = find_changed_keys(view, place, since=live, until=version)
    keys = list(zip(*(changes.table[name].to_pylist() for name in view.key_names), strict=True))
    now = place.read(version)
    changed = now.sparkSession.createDataFrame(changes.table, now.select(*view.key_names).schema)
    newest = _newest(view, now.join(changed, list(view.key_names), "left_semi"))
    online = OnlineView.from_feature_view(view)
    done = store.publish_changes(online, _rows(newest, view), source_version=version, replaced=keys)
    return (
        f"{view.label}: {len(keys):,} changed keys of version {version} ({done.rows:,} rows) in {store.where}, "
        f"told by {changes.told_by}"
    )


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
