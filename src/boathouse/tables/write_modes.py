"""The four modes: what a save replaces, and the one commit that does it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.errors import TableError
from boathouse.tables.changes import FEED_PROPERTY
from boathouse.tables.delta_log import open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.write_options import Scalar, find_slices, slice_condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, DataFrameWriter

    from boathouse.tables.location import TableLocation
    from boathouse.tables.write_options import WriteOptions


@dataclass(frozen=True)
class Change:
    """What one save does to an existing table.

    Attributes:
        rows: The rows it brings.
        current: The stored rows that these replace.
        condition: SQL condition that selects ``current``; None where all rows or keys do.
        is_addition: Whether nothing stored is replaced, so that there is nothing to compare.
    """

    rows: DataFrame
    current: DataFrame
    condition: str | None = None
    is_addition: bool = False


def plan_change(
    options: WriteOptions, frame: DataFrame, stored: DataFrame, *, named: tuple[Scalar, ...] | None = None
) -> Change | None:
    """Return what saving ``frame`` changes in ``stored``, or None if there is nothing to do.

    Args:
        options: How the table is written.
        frame: The rows to save.
        stored: The table as it is.
        named: For replace_where: the one slice that is replaced, whether ``frame`` has rows of it or not.

    Raises:
        TableError: If ``frame`` has rows outside the named slice.
    """
    if options.mode == "append":
        return _plan_append(options, frame, stored)
    if options.mode == "replace_where":
        slices = find_slices(frame, options.replace_columns, table=options.table)
        if named is not None:
            check_slice(options, slices, named)
            slices = [named]
        condition = slice_condition(options.replace_columns, slices)
        return Change(frame, stored.where(condition), condition) if slices else None
    if options.mode == "merge":
        keys = list(options.keys)
        return Change(frame, stored.join(frame.select(*keys), keys, "left_semi").select(*stored.columns))
    return Change(frame, stored)


def check_slice(options: WriteOptions, found: Sequence[tuple[Scalar, ...]], named: tuple[Scalar, ...]) -> None:
    """Check that ``found`` is nothing but ``named``.

    Raises:
        TableError: If it is more.
    """
    foreign = [values for values in found if values != named]
    if foreign:
        columns = ", ".join(options.replace_columns)
        raise TableError(
            f"Table '{options.table}': the rows have {len(foreign)} values of {columns} outside the slice replaced. "
            "Save the rows of each slice with its own values."
        )


def _plan_append(options: WriteOptions, frame: DataFrame, stored: DataFrame) -> Change | None:
    """Return the addition of those batches of ``frame`` that are not stored yet.

    The addition is committed as a replacement of the (empty) slices of its batches: should another
    writer add one of them in between, its equal rows are replaced instead of doubled.
    """
    column = [str(options.batch_column)]
    batches = find_slices(frame, column, table=options.table)
    there = stored.where(slice_condition(column, batches))
    new = [batch for batch in batches if batch not in set(find_slices(there, column, table=options.table))]
    condition = slice_condition(column, new)
    return Change(frame.where(condition), there, condition, is_addition=True) if new else None


def create_table(location: TableLocation, options: WriteOptions, frame: DataFrame) -> bool:
    """Write ``frame`` as version 0 and return True, or False if another writer has made the table."""
    with location.creation_lock():
        if open_log(location).exists():
            return False
        location.save(_creator(location, options, frame))
        return True


def _creator(location: TableLocation, options: WriteOptions, frame: DataFrame) -> DataFrameWriter:
    """Return a writer that makes a new table and fails where there is one."""
    writer = frame.write.format("delta").mode("error")
    if options.partition_by:
        writer = writer.partitionBy(*options.partition_by)
    if options.cluster_by and get_engine(location.engine).capabilities.clustering:
        writer = writer.clusterBy(*options.cluster_by)
    if keeps_feed(location, options):
        writer = writer.option(FEED_PROPERTY, "true")
    return writer


def keeps_feed(location: TableLocation, options: WriteOptions) -> bool:
    """Return whether the table is to keep a change feed, and is where one can."""
    return options.change_feed and location.path is None and get_engine(location.engine).capabilities.change_feed


def commit_change(location: TableLocation, options: WriteOptions, change: Change, *, evolves: bool) -> None:
    """Commit ``change`` to an existing table; ``evolves`` says that its columns differ from those stored."""
    if options.mode == "overwrite":
        _overwrite(location, options, change.rows, evolves=evolves)
        return
    rows = _fill_missing(change.rows, change.current)
    if evolves:
        location.save(rows.limit(0).write.format("delta").mode("append").option("mergeSchema", "true"))
    if options.mode == "merge":
        _merge(location, options, rows)
    else:
        location.save(rows.write.format("delta").mode("overwrite").option("replaceWhere", change.condition))


def _overwrite(location: TableLocation, options: WriteOptions, rows: DataFrame, *, evolves: bool) -> None:
    """Replace all rows, and the columns too if they may change."""
    writer = rows.write.format("delta").mode("overwrite")
    if options.partition_by:
        writer = writer.partitionBy(*options.partition_by)
    location.save(writer.option("overwriteSchema", "true") if evolves else writer)


def _fill_missing(rows: DataFrame, stored: DataFrame) -> DataFrame:
    """Return ``rows`` in stored order, with nulls for stored columns they lack and new columns last."""
    from pyspark.sql import functions as F

    known = [
        F.col(name) if name in rows.columns else F.lit(None).cast(dtype).alias(name) for name, dtype in stored.dtypes
    ]
    return rows.select(*known, *[name for name in rows.columns if name not in stored.columns])


def _merge(location: TableLocation, options: WriteOptions, rows: DataFrame) -> None:
    """Update rows that differ and insert those that are new, by key."""
    session = location.session()
    # A constant name would let two threads write each other's rows.
    view = f"boathouse_{uuid.uuid4().hex}"
    rows.createOrReplaceTempView(view)
    try:
        session.sql(merge_statement(location.sql_name, view, options.keys, rows.columns, options.ignore_when_comparing))
    finally:
        session.catalog.dropTempView(view)


def merge_statement(
    target: str, source: str, keys: Sequence[str], columns: Sequence[str], ignore: frozenset[str] = frozenset()
) -> str:
    """Return a MERGE by ``keys`` that leaves rows alone whose compared columns are equal."""
    same_key = " AND ".join(f"t.`{key}` = s.`{key}`" for key in keys)
    compared = [name for name in columns if name not in keys and name not in ignore]
    update = ""
    if compared:
        equal = " AND ".join(f"t.`{name}` <=> s.`{name}`" for name in compared)
        update = f" WHEN MATCHED AND NOT ({equal}) THEN UPDATE SET *"
    return f"MERGE INTO {target} AS t USING {source} AS s ON {same_key}{update} WHEN NOT MATCHED THEN INSERT *"
