"""Older versions of a table in a folder: read from the list of their files, checked, linked into another folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from boathouse.errors import TableError
from boathouse.plain_paths import plain_path

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame, SparkSession

_LOG = "_delta_log"
# 00000000000000000007.json, 00000000000000000010.checkpoint.parquet and the like.
_LOG_FILE = re.compile(r"(\d{20})\..+")


def read_older(session: SparkSession, path: str, version: int) -> DataFrame | None:
    """Return ``version`` of the table in folder ``path``, or None if the engine can read it by itself.

    Sail 0.7.2 starts from the newest checkpoint, also for a version before it, and then misses the commits
    in between. The log, read through ``deltalake``, names the files of any version that was not vacuumed.

    Raises:
        TableError: If files of the version are gone.
    """
    checkpoint = Path(path) / _LOG / "_last_checkpoint"
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
    partitions = list(table.metadata().partition_columns)
    schema = session.createDataFrame([], _spark_schema(table))
    files = [f"{plain_path(path)}/{name}" for name in _existing_files(Path(path), table.version(), actions)]
    groups: dict[tuple[Any, ...], list[str]] = {}
    for action, file in zip(actions, files, strict=True):
        values = tuple(action[f"partition.{name}"] for name in partitions)
        groups.setdefault(values, []).append(file)
    parts = [
        _read_part(session, schema, group, dict(zip(partitions, values, strict=True)))
        for values, group in groups.items()
    ]
    return reduce(lambda left, right: left.unionByName(right), parts) if parts else schema


def _existing_files(path: Path, version: int, actions: list[dict[str, Any]]) -> list[str]:
    """Return the files of ``actions`` relative to ``path``; the log writes them as URIs.

    Raises:
        TableError: If files are gone.
    """
    files = [unquote(action["path"]) for action in actions]
    gone = sum(not (path / file).exists() for file in files)
    if gone:
        raise TableError(
            f"Version {version} of the table in {path.as_posix()} cannot be read: {gone} of its files are gone, "
            "probably vacuumed. Read a newer version, or rebuild the table from its sources."
        )
    return files


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


def list_version_files(path: Path, version: int) -> list[str]:
    """Return the data files of ``version``, relative to the folder ``path``.

    Raises:
        TableError: If there is no table, no such version, or files of it are gone.
    """
    return _existing_files(path, version, list_files(_open_version(path, version)))


def find_problem(path: Path, version: int) -> str:
    """Return why ``version`` cannot be read, or nothing if it can."""
    try:
        list_version_files(path, version)
    except TableError as error:
        return str(error)
    return ""


def link_version(source: Path, version: int, target: Path) -> None:
    """Make ``target`` a table of its own whose newest version is ``version`` of ``source``.

    Data files become second names of the same files where the file system allows it, else copies: a Delta
    writer never changes a data file, so neither table can alter the other. The log is copied up to
    ``version``, so that versions keep their numbers.

    Raises:
        TableError: If the version cannot be read.
    """
    files = list_version_files(source, version)
    vectors = [file.name for file in source.glob("deletion_vector_*.bin")]
    (target / _LOG).mkdir(parents=True)
    for name in sorted(entry.name for entry in (source / _LOG).iterdir()):
        numbered = _LOG_FILE.fullmatch(name)
        if numbered and int(numbered[1]) <= version:
            shutil.copyfile(source / _LOG / name, target / _LOG / name)
    for file in (*files, *vectors):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        _link(source / file, target / file)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _open_version(path: Path, version: int) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if not DeltaTable.is_deltatable(path.as_posix()):
        raise TableError(f"There is no table in {path.as_posix()}, so its version {version} cannot be read.")
    newest = DeltaTable(path.as_posix()).version()
    if version > newest:
        raise TableError.missing_version(path.as_posix(), f"version {version}", newest)
    try:
        return DeltaTable(path.as_posix(), version=version)
    except (DeltaError, TableNotFoundError) as error:
        raise TableError(
            f"Version {version} of the table in {path.as_posix()} cannot be read: the log no longer goes back that "
            "far, probably cleaned up. Read a newer version, or rebuild the table from its sources."
        ) from error
