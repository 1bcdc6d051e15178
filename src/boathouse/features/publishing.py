"""From a feature table to the online store: all of it, or the keys that changed since the version that is live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.errors import OnlineStoreError, TableError
from boathouse.features.online.look_up import MICROSECONDS
from boathouse.features.online.tables import prediction_view
from boathouse.scoring.spec import BINARY_OUTPUTS, Outputs
from boathouse.tables.changes import SIGN, has_feed, read_changed_files, read_feed
from boathouse.tables.commits import describe_failure
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from boathouse.features.feature_view import FeatureView
    from boathouse.features.online.store import LiveView, OnlineStore
    from boathouse.scoring.feature_spec import ViewSpec
    from boathouse.tables.location import TableLocation


MODES = ("auto", "full", "incremental")
_LATEST, _TIME = "__latest", "__time"


def publish_view(
    store: OnlineStore, view: FeatureView, location: TableLocation, *, mode: str = "auto", extends: Sequence[str] = ()
) -> str:
    """Publish the newest row of each key; return what was done, in a line.

    Args:
        store: Where to.
        view: The view; its live definition must be the same for an incremental publish.
        location: The view's table.
        extends: Digests of earlier definitions that stay looked up, since features were only added to the view.
        mode: ``full`` replaces everything; ``incremental`` changes only keys whose rows changed since the version
            that is live, found by the change feed, changed files or a comparison; ``auto`` is incremental where
            that is possible, and gives the reason where it is not.

    Raises:
        TableError: If the view has not been computed in this environment.
        OnlineStoreError: If the store takes nothing, is another environment's, or an incremental publish has nothing
            to go on from.
        TableError: If an incremental publish cannot find out what changed.
    """
    version, online = location.require_version("feature_engineering"), view.spec
    table_id = open_log(location).table_id()
    live = store.live_views().get(online.label)
    reason = "" if mode == "full" else _find_obstacle(live, online, version, table_id)
    if mode == "full" or (mode == "auto" and reason):
        return _publish_all(
            store, view, location, version=version, table_id=table_id, reason=reason if live else "", extends=extends
        )
    if live is None or reason:
        raise OnlineStoreError(
            f"View '{view.label}' cannot be published incrementally: {reason}. Publish all of it: "
            f"boathouse features publish --view {view.label} --mode full --env {location.environment}"
        )
    if live.version == version:
        return f"{view.label}: version {version} is live already"
    try:
        return _publish_changes(store, view, location, live=live.version, version=version)
    except TableError as error:
        if mode == "incremental":
            raise
        return _publish_all(
            store, view, location, version=version, table_id=table_id, reason=str(error), extends=extends
        )


def purge_view(store: OnlineStore, view: FeatureView, *, now: datetime) -> str:
    """Take rows out of the store that are older than the view's maximum age; return what was done, in a line.

    A look-up counts them as unknown before and after; this makes room.
    """
    if view.max_age_days is None:
        return f"{view.label}: nothing to purge, rows have no maximum age"
    online = view.spec
    gone = store.purge(online, now_us=int(now.timestamp() * MICROSECONDS))
    return f"{view.label}: {gone:,} keys purged, older than {view.max_age_days} days"


def _find_obstacle(live: LiveView | None, online: ViewSpec, version: int, table_id: str) -> str:
    """Return why what is live is nothing to go on from, or an empty text."""
    if live is None:
        return "nothing is live"
    if live.digest != online.digest:
        return "another definition is live"
    if live.table_id != table_id:
        return "the table was replaced since"
    return "" if live.version <= version else f"version {live.version} of the table is live, the newest is {version}"


def _publish_all(  # noqa: PLR0913 - what goes where, as what, and why
    store: OnlineStore,
    view: FeatureView,
    location: TableLocation,
    *,
    version: int,
    table_id: str,
    reason: str,
    extends: Sequence[str],
) -> str:
    online, rows = view.spec, _rows(_newest(view, location.read(version)), view)
    done = store.publish_full(online, rows, source_version=version, table_id=table_id, extends=extends)
    if done.skipped:
        return f"{view.label}: nothing published, {done.skipped}"
    why = f" ({reason})" if reason else ""
    return f"{view.label}: {done.rows:,} keys of version {version} in {store.where}{why}"


def _publish_changes(store: OnlineStore, view: FeatureView, location: TableLocation, *, live: int, version: int) -> str:
    changes = find_changed_keys(view, location, since=live, until=version)
    keys = list(zip(*(changes.table[name].to_pylist() for name in view.key_names), strict=True))
    now = location.read(version)
    changed = now.sparkSession.createDataFrame(changes.table, now.select(*view.key_names).schema)
    newest = _newest(view, now.join(changed, list(view.key_names), "left_semi"))
    online = view.spec
    done = store.publish_changes(online, _rows(newest, view), source_version=version, replaced=keys)
    return (
        f"{view.label}: {len(keys):,} changed keys of version {version} ({done.rows:,} rows) in {store.where}, "
        f"found by {changes.method}"
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


@dataclass(frozen=True)
class ChangedKeys:
    """Keys with rows that are not the same in both versions.

    Attributes:
        table: One row per key.
        method: ``change feed``, ``changed files`` or ``comparison of all rows``; with the reason for not being the
            first of these that the engine offers.
    """

    table: pa.Table
    method: str


def find_changed_keys(view: FeatureView, location: TableLocation, *, since: int, until: int) -> ChangedKeys:
    """Return the keys of ``view`` whose rows differ between two versions of its table.

    Delta's change feed is read where the table has one and the engine can. Else the files that only one of the
    versions has are compared, and where that is not possible, all rows of both. All three give the same keys.

    Raises:
        TableError: If none of the three can be had, since the older version was vacuumed.
    """
    from pyspark.errors import PySparkException

    failed: list[str] = []
    for method, rows in _ways(view, location, since, until):
        try:
            return ChangedKeys(_net_keys(view, rows).toArrow(), "; ".join([method, *failed]))
        except PySparkException as error:
            failed.append(f"the {method} cannot be read ({describe_failure(error)})")
    raise TableError(
        f"Table '{location.table}': what changed from version {since} to {until} is unknown: {'; '.join(failed)}. "
        f"Publish all of it: boathouse features publish --mode full --env {location.environment}."
    )


def _ways(view: FeatureView, location: TableLocation, since: int, until: int) -> Iterator[tuple[str, DataFrame]]:
    from pyspark.sql import functions as F

    if has_feed(location):
        yield "change feed", read_feed(location, since, until)
    files = read_changed_files(location, since, until)
    if files is not None:
        yield "changed files", files
    columns = list(view.columns)
    before, now = (location.read(version).select(*columns) for version in (since, until))
    rows = now.withColumn(SIGN, F.lit(1)).unionByName(before.withColumn(SIGN, F.lit(-1)))
    yield "comparison of all rows", rows


def _net_keys(view: FeatureView, signed: DataFrame) -> DataFrame:
    """Return the keys of rows whose signs do not add up to zero: a row in both versions does."""
    from pyspark.sql import functions as F

    net = signed.groupBy(*view.columns).agg(F.sum(SIGN).alias(SIGN)).where(F.col(SIGN) != 0)
    return net.select(*view.key_names).distinct()


_PREDICTION_TIME, _RANK = "__time", "__rank"


def publish_predictions(  # noqa: PLR0913 - where to, where from, and which predictions
    store: OnlineStore,
    location: TableLocation,
    model: str,
    *,
    keys: Sequence[tuple[str, str]],
    time_column: str,
    version: str | None = None,
    outputs: Outputs = BINARY_OUTPUTS,
) -> str:
    """Replace the published predictions of a model, in one step; return what was done, in a line.

    Of each key the prediction of the latest date is published; of several for one date, that scored last. A
    publish from an older version of the table than the live one changes nothing.

    Args:
        store: Where to.
        location: The table ``inference.predictions``.
        model: Registered name whose predictions are published.
        keys: Key columns of the table and their types.
        time_column: Column with the date that a prediction is as of.
        version: Version of the model; None for whichever scored last.
        outputs: Columns of the model's answers.

    Raises:
        TableError: If nothing was predicted in this environment.
        OnlineStoreError: If the store takes nothing.
    """
    newest, names = location.require_version("batch_inference"), [name for name, _ in keys]
    view = prediction_view(model, tuple(keys), outputs)
    frame = select_newest(_of_model(location.read(newest), model, version), names, time_column, view.features)
    done = store.publish_full(view, _prediction_rows(frame), source_version=newest)
    if done.skipped:
        return f"{view.name}: nothing published, {done.skipped}"
    return f"{view.name}: {done.rows:,} keys of version {newest} in {store.where}"


def select_newest(frame: DataFrame, keys: Sequence[str], time_column: str, columns: Sequence[str]) -> DataFrame:
    """Return one row a key: the key, time in microseconds since 1970 UTC, and ``columns`` as double."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    latest_first = Window.partitionBy(*keys).orderBy(
        F.col(time_column).desc(), F.col("scored_at").desc(), F.col("model_version").cast("bigint").desc()
    )
    rows = frame.withColumn(_RANK, F.row_number().over(latest_first)).where(F.col(_RANK) == 1)
    time = F.unix_micros(F.col(time_column).cast("timestamp"))
    return rows.select(*keys, time.alias(_PREDICTION_TIME), *(F.col(name).cast("double") for name in columns))


def _of_model(frame: DataFrame, model: str, version: str | None) -> DataFrame:
    """Return the rows that ``model`` scored to decide by, not beside the one that decides."""
    from pyspark.sql import functions as F

    rows = frame.where(F.col("model_name") == model)
    if "role" in frame.columns:
        rows = rows.where(F.col("role") == "champion")
    return rows if version is None else rows.where(F.col("model_version") == version)


def _prediction_rows(frame: DataFrame) -> Iterator[tuple[Any, ...]]:
    for batch in frame.toArrow().to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
