"""An older version of a table, for an engine that cannot read one: from the list of its files."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, SparkSession


def read_older(session: SparkSession, path: str, version: int) -> DataFrame | None:
    """Return ``version`` of the table in folder ``path``, or None if the engine can read it by itself.

    Sail 0.7.2 starts from the newest checkpoint, also for a version before it, and then misses the commits
    in between. The log, read through ``deltalake``, tells the files of any version that was not vacuumed.

    Raises:
        TableError: If files of the version are gone.
    """
    checkpoint = Path(path) / "_delta_log" / "_last_checkpoint"
    if not checkpoint.exists():
        return None
    from deltalake import DeltaTable

    if version == DeltaTable(path).version():
        return None
    table = DeltaTable(path, version=version)
    return read_files(session, table, path, list_files(table))


def list_files(table: DeltaTable) -> list[dict[str, Any]]:
    """Return the files of the opened version: ``path``, as the log writes it, and values of partition columns."""
    import pyarrow as pa

    actions: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return actions


def read_files(session: SparkSession, table: DeltaTable, path: str, actions: list[dict[str, Any]]) -> DataFrame:
    """Return the rows of the files ``actions`` of the opened version ``table`` in folder ``path``.

    Raises:
        TableError: If files are gone.
    """
    from boathouse.core.errors import TableError

    partitions = list(table.metadata().partition_columns)
    schema = session.createDataFrame([], _spark_schema(table))
    # The log holds paths as URIs.
    files = [Path(path) / unquote(each["path"]) for each in actions]
    gone = sum(not file.exists() for file in files)
    if gone:
        raise TableError.vacuumed(path, table.version(), gone)
    groups: dict[tuple[Any, ...], list[str]] = {}
    for each, file in zip(actions, files, strict=True):
        place = tuple(each[f"partition.{name}"] for name in partitions)
        groups.setdefault(place, []).append(file.as_posix())
    parts = [
        _read_part(session, schema, group, dict(zip(partitions, place, strict=True))) for place, group in groups.items()
    ]
    return reduce(lambda left, right: left.unionByName(right), parts) if parts else schema


def _read_part(session: SparkSession, schema: DataFrame, files: list[str], values: dict[str, Any]) -> DataFrame:
    """Return the rows of the files of one partition, whose values are not in the files."""
    from pyspark.sql import functions as F

    types = dict(schema.dtypes)
    stored = ", ".join(f"`{name}` {dtype}" for name, dtype in schema.dtypes if name not in values)
    rows = session.read.schema(stored).parquet(*files)
    for name, value in values.items():
        rows = rows.withColumn(name, F.lit(value).cast(types[name]))
    return rows.select(*schema.columns)


def _spark_schema(table: DeltaTable) -> str:
    from pyspark.sql.types import StructType

    fields = StructType.fromJson(json.loads(table.schema().to_json())).fields
    return ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in fields)
