"""From the table of batch predictions to the online store: the newest of each key, to be read without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from boathouse.online_store.predictions import PREDICTION_FEATURES, prediction_view

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.online_store import OnlineStore
    from boathouse.tables.location import TableLocation

_TIME, _RANK = "__time", "__rank"


def publish_predictions(
    store: OnlineStore,
    place: TableLocation,
    model: str,
    *,
    keys: Sequence[tuple[str, str]],
    time_column: str,
    version: str | None = None,
) -> str:
    """Replace the published predictions of a model, in one step; return what was done, in a line.

    Of each key the prediction of the latest date is published; of several for one date, that scored last. A
    publish from an older version of the table than the live one changes nothing.

    Args:
        store: Where to.
        place: The table ``inference.predictions``.
        model: Registered name whose predictions are published.
        keys: Key columns of the table and their types.
        time_column: Column with the date that a prediction is as of.
        version: Version of the model; None for whichever scored last.

    Raises:
        TableError: If nothing was predicted in this environment.
        OnlineStoreError: If the store takes nothing.
    """
    newest, names = place.require_version("batch_inference"), [name for name, _ in keys]
    view = prediction_view(model, tuple(keys))
    frame = select_newest(_of_model(place.read(newest), model, version), names, time_column)
    done = store.publish_full(view, _rows(frame), source_version=newest)
    if done.skipped:
        return f"{view.name}: nothing published, {done.skipped}"
    return f"{view.name}: {done.rows:,} keys of version {newest} in {store.where}"


def select_newest(frame: DataFrame, keys: Sequence[str], time_column: str) -> DataFrame:
    """Return one row a key: the key, time in microseconds since 1970 UTC, and the published columns as double."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    latest_first = Window.partitionBy(*keys).orderBy(
        F.col(time_column).desc(), F.col("scored_at").desc(), F.col("model_version").cast("bigint").desc()
    )
    rows = frame.withColumn(_RANK, F.row_number().over(latest_first)).where(F.col(_RANK) == 1)
    time = F.unix_micros(F.col(time_column).cast("timestamp"))
    return rows.select(*keys, time.alias(_TIME), *(F.col(name).cast("double") for name in PREDICTION_FEATURES))


def _of_model(frame: DataFrame, model: str, version: str | None) -> DataFrame:
    """Return the rows that ``model`` scored to decide by, not beside the one that decides."""
    from pyspark.sql import functions as F

    rows = frame.where(F.col("model_name") == model)
    if "role" in frame.columns:
        rows = rows.where(F.col("role") == "champion")
    return rows if version is None else rows.where(F.col("model_version") == version)


def _rows(frame: DataFrame) -> Iterator[tuple[Any, ...]]:
    for batch in frame.toArrow().to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
