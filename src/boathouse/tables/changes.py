"""What changed in a table between two versions: its change feed, the files that came and went, single commits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspark.sql.types import StructType

from boathouse.tables.engines import get_engine
from boathouse.tables.time_travel import list_files, read_files

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import DataFrame

    from boathouse.tables.location import TableLocation


FEED_PROPERTY = "delta.enableChangeDataFeed"
# With these a file alone does not show a table's rows: some are deleted, or its columns have other names.
_OPAQUE = frozenset({"deletionVectors", "columnMapping"})
_COLUMN_MAPPING_READER = 2
SIGN = "__sign"


def has_feed(location: TableLocation) -> bool:
    """Return whether the engine can read a change feed of the table, and the table keeps one now."""
    if not get_engine(location.engine).capabilities.change_feed:
        return False
    if location.path is not None:
        from deltalake import DeltaTable

        return str(DeltaTable(location.path).metadata().configuration.get(FEED_PROPERTY)).lower() == "true"
    rows = location.session().sql(f"SHOW TBLPROPERTIES {location.sql_name}").collect()
    return any(row["key"] == FEED_PROPERTY and row["value"].lower() == "true" for row in rows)


def read_feed(location: TableLocation, since: int, until: int) -> DataFrame:
    """Return the rows of the feed after ``since`` up to ``until``, with ``__sign``: 1 came, -1 went; lazily.

    A row that came and went again is there twice: signs add up to what changed. The engine raises an error of its own
    where the feed does not reach back that far.
    """
    from pyspark.sql import functions as F

    reader = location.session().read.format("delta").option("readChangeFeed", "true")
    reader = reader.option("startingVersion", since + 1).option("endingVersion", until)
    rows = reader.load(location.engine_path) if location.path else reader.table(location.table)
    came = F.col("_change_type").isin("insert", "update_postimage")
    return rows.withColumn(SIGN, F.when(came, 1).otherwise(-1))


def read_changed_files(location: TableLocation, since: int, until: int) -> DataFrame | None:
    """Return the rows of files that only one of the versions has, with ``__sign``; None where files do not show it.

    Every writer of Delta puts rows into new files and takes files out; rows of files that both versions have are the
    same. A row that was only copied into another file is there with both signs.

    Raises:
        TableError: If files of ``since`` were vacuumed.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError
    from pyspark.sql import functions as F

    path = location.path
    if path is None:
        return None
    try:
        old, new = (DeltaTable(path, version=version) for version in (since, until))
    except DeltaError:
        # Its log was cleaned up.
        return None
    if any(_is_opaque(table) for table in (old, new)):
        return None
    before, now = ({action["path"]: action for action in list_files(table)} for table in (old, new))
    sides = []
    for table, files, others, sign in ((new, now, before, 1), (old, before, now, -1)):
        rows = read_files(
            location.session(), table, path, [action for name, action in files.items() if name not in others]
        )
        sides.append(rows.withColumn(SIGN, F.lit(sign)))
    return sides[0].unionByName(sides[1], allowMissingColumns=True)


def _is_opaque(table: DeltaTable) -> bool:
    protocol = table.protocol()
    if protocol.reader_features is None:
        return int(protocol.min_reader_version) >= _COLUMN_MAPPING_READER
    return bool(_OPAQUE & set(protocol.reader_features))


@dataclass(frozen=True, kw_only=True)
class AddedFile:
    """One data file.

    Attributes:
        path: Relative to the table's folder.
        partition: Partition values as text, by column; null is null.
        rows: Its rows; None if the log does not record them.
    """

    path: str
    partition: Mapping[str, str | None]
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One version.

    Attributes:
        version: Its number.
        added: Files with rows that are new; files that only rearrange rows are left out.
        took_away: Whether rows were deleted, updated or overwritten.
        columns: Column name to Spark type name where the commit states them, else None.
        operation: Delta's name of the operation, such as ``MERGE``.
        committed_at: When, UTC; None if the commit does not record it.
    """

    version: int
    added: tuple[AddedFile, ...]
    took_away: bool
    columns: Mapping[str, str] | None
    operation: str
    committed_at: datetime | None

    @property
    def rows(self) -> int | None:
        """Rows added; None if a file's are unknown."""
        counts = [file.rows for file in self.added]
        return None if None in counts else sum(count for count in counts if count is not None)


def read_commit(path: str, version: int) -> Commit | None:
    """Return what ``version`` of the table in folder ``path`` did, or None if its log entry is not there."""
    file = Path(path) / "_delta_log" / f"{version:020d}.json"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    actions: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    info: dict[str, Any] = next((each["commitInfo"] for each in actions if "commitInfo" in each), {})
    stated = [each["metaData"] for each in actions if "metaData" in each]
    stamp = info.get("timestamp")
    return Commit(
        version=version,
        added=tuple(_describe_file(each["add"]) for each in actions if "add" in each and _changes(each["add"])),
        took_away=any("remove" in each and _changes(each["remove"]) for each in actions),
        columns=read_columns(stated[-1]["schemaString"]) if stated else None,
        operation=str(info.get("operation", "unknown operation")),
        committed_at=None if stamp is None else datetime.fromtimestamp(stamp / 1000, tz=UTC),
    )


def read_columns(schema: str) -> dict[str, str]:
    """Return column name to Spark type name of a schema as the log writes it."""
    return {field.name: field.dataType.simpleString() for field in StructType.fromJson(json.loads(schema)).fields}


def list_added(path: str) -> tuple[int, str, list[AddedFile]]:
    """Return the newest version of the table in folder ``path``, the id of the table, and the files of that version."""
    from deltalake import DeltaTable

    table = DeltaTable(path)
    names = list(table.metadata().partition_columns)
    files = []
    for action in list_files(table):
        values = {name: action[f"partition.{name}"] for name in names}
        texts = {name: None if value is None else str(value) for name, value in values.items()}
        files.append(AddedFile(path=unquote(action["path"]), partition=texts, rows=action.get("num_records")))
    return int(table.version()), str(table.metadata().id), files


def read_added(path: str, files: Sequence[AddedFile]) -> pa.Table:
    """Return the rows of some files of the table in folder ``path``, with the columns that the table has now.

    Raises:
        FileNotFoundError: If a file was vacuumed.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable
    from pyarrow.fs import LocalFileSystem

    schema = pa.schema(DeltaTable(path).schema().to_arrow())
    form, local = ds.ParquetFileFormat(), LocalFileSystem()
    fragments = []
    for file in files:
        expression = ds.scalar(value=True)
        for name, text in file.partition.items():
            value = pa.scalar(text, pa.string()).cast(schema.field(name).type)
            expression &= ds.field(name).is_null() if text is None else (ds.field(name) == value)
        whole = (Path(path) / file.path).as_posix()
        fragments.append(form.make_fragment(whole, local, partition_expression=expression))
    return ds.FileSystemDataset(fragments, schema, form, local).to_table(use_threads=False)


def _changes(action: dict[str, Any]) -> bool:
    """Return whether an action changes data; compaction does not."""
    return bool(action.get("dataChange", True))


def _describe_file(add: dict[str, Any]) -> AddedFile:
    rows = json.loads(add["stats"]).get("numRecords") if add.get("stats") else None
    # The log holds paths as URIs.
    return AddedFile(path=unquote(add["path"]), partition=add.get("partitionValues") or {}, rows=rows)
