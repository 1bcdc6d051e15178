"""One save of one table: checked before, compared with what is stored, committed once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.errors import DataQualityError, TableError
from boathouse.namespaces import name_environment, shorten
from boathouse.tables.catalog_errors import explained
from boathouse.tables.changes import FEED_PROPERTY
from boathouse.tables.commits import retry_on_conflict
from boathouse.tables.contract import DIGEST_PROPERTY, diff_columns, documentation_digest, documentation_sql
from boathouse.tables.delta_log import find_partitions, open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.frames import Fingerprint, compute_fingerprint, fingerprint_columns
from boathouse.tables.row_rules import UNIQUE_KEYS, check_rows, nan_counts, repeated_keys, violation_counts
from boathouse.tables.write_options import plan_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import DataFrame, DataFrameWriter

    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation
    from boathouse.tables.write_options import Change, Scalar, WriteOptions

_EMPTY = "__empty_"
# Texts that come back as null from a partition, or not at all: Delta keeps no empty one, Hive's word for null is one.
_NO_VALUES = ("", "__HIVE_DEFAULT_PARTITION__")


@dataclass(frozen=True)
class Written:
    """What a save did.

    Attributes:
        rows: Rows of the frame.
        before: Newest version of the table before; None if there was none.
        after: Newest version afterwards; the same where nothing was to be written.
    """

    rows: int
    before: int | None
    after: int


@dataclass(frozen=True)
class DeltaWriter:
    """Writes frames to one table.

    Attributes:
        location: Where the table is.
        options: How it is written.
        contract: What it must look like, or None for "as it is stored".
        named: For mode replace_where: the one slice that is replaced, also by no rows; None for those that occur.
    """

    location: TableLocation
    options: WriteOptions
    contract: TableContract | None
    named: tuple[Scalar, ...] | None = None

    def write(self, frame: DataFrame) -> bool:
        """Write ``frame`` as :meth:`save` does; return whether that made a new version."""
        done = self.save(frame)
        return done.before != done.after

    def save(self, frame: DataFrame) -> Written:
        """Write ``frame``; return the versions before and after.

        The table is as before or as after, whatever happens; where nothing would change, nothing is
        written.

        Raises:
            TableError: If columns differ from the contract, or from the stored table while
                evolution is not allowed.
            DataQualityError: If rows break the contract.
            CommitConflictError: If other writers were always first.
            TableError: If the folder is not writable.
        """
        self.location.check_writable()
        self._check_columns(frame)
        fingerprint = self._check_rows(frame)
        before = self.location.newest_version()
        retry_on_conflict(
            lambda: self._attempt(frame, fingerprint), table=self.location.table, retries=self.options.retries
        )
        self._document()
        return Written(fingerprint.rows, before, self.location.require_version())

    def _document(self) -> None:
        """Set comments and keys as the contract has them, where tables are in a catalog."""
        if self.contract is None or self.location.path is not None:
            return
        session = self.location.session()
        with explained(self.location.table):
            properties = session.sql(f"SHOW TBLPROPERTIES {self.location.sql_name}").collect()
            stored = {row["key"]: row["value"] for row in properties}
            if keeps_feed(self.location, self.options) and stored.get(FEED_PROPERTY) != "true":
                session.sql(f"ALTER TABLE {self.location.sql_name} SET TBLPROPERTIES ('{FEED_PROPERTY}' = 'true')")
            if stored.get(DIGEST_PROPERTY) != documentation_digest(self.contract):
                for statement in documentation_sql(self.contract, self.location.sql_name):
                    session.sql(statement)

    def _check_columns(self, frame: DataFrame) -> None:
        """Check names and types against the contract; Sail would drop and cast silently."""
        where = f"Saving '{self.location.table}'"
        repeated = sorted({name for name in frame.columns if frame.columns.count(name) > 1})
        if repeated:
            raise TableError(f"{where}: columns occur more than once: {', '.join(repeated)}.")
        if self.contract is not None:
            self.contract.check_schema(dict(frame.dtypes), where=where)

    def _check_rows(self, frame: DataFrame) -> Fingerprint:
        """Count broken rows and take the frame's fingerprint in one action.

        Raises:
            DataQualityError: If any row breaks a rule, or has an empty text in a partition column: Delta stores it as
                null, so that it comes back as another value and its slice is never replaced.
        """
        from pyspark.sql import functions as F

        rules = nan_counts(frame) | ({} if self.contract is None else violation_counts(self.contract))
        if self.options.keys and (self.contract is None or self.contract.keys != self.options.keys):
            rules[f"merge_{UNIQUE_KEYS}"] = repeated_keys(self.options.keys)
        measures = fingerprint_columns(frame, ignore=self.options.ignore_when_comparing)
        partitions = self._text_partitions(frame)
        empty = [F.count_if(F.col(name).isin(*_NO_VALUES)).alias(f"{_EMPTY}{name}") for name in partitions]
        row = check_rows(frame, rules, *measures, *empty, table=self.location.table)
        fingerprint = Fingerprint.from_row(row)
        for name in partitions:
            if row[f"{_EMPTY}{name}"]:
                raise DataQualityError.empty_partition(
                    self.location.table, name, broken=row[f"{_EMPTY}{name}"], rows=fingerprint.rows
                )
        return fingerprint

    def _text_partitions(self, frame: DataFrame) -> list[str]:
        """Return the text columns by which the table is partitioned, or will be."""
        stored = () if self.location.path is None else find_partitions(self.location.path)
        text = {name for name, dtype in frame.dtypes if dtype == "string"}
        return [name for name in dict.fromkeys((*stored, *self.options.partition_by)) if name in text]

    def _attempt(self, frame: DataFrame, fingerprint: Fingerprint) -> None:
        """Compare with the table as it is now and commit what differs."""
        version = self.location.newest_version()
        if version is None and create_table(self.location, self.options, self._ordered(frame)):
            return
        stored = self.location.read(self.location.require_version() if version is None else version)
        evolves = self._check_evolution(frame, stored)
        change = plan_change(self.options, frame, stored, named=self.named)
        if change is None or (not evolves and self._is_unchanged(change, fingerprint)):
            return
        commit_change(self.location, self.options, change, evolves=evolves)

    def _check_evolution(self, frame: DataFrame, stored: DataFrame) -> bool:
        """Return whether the save changes the stored columns, if that is allowed.

        Raises:
            TableError: If it does and is not.
        """
        expected, saved = dict(stored.dtypes), dict(frame.dtypes)
        lines = diff_columns(expected, saved)
        retyped = any(expected.get(name, dtype) != dtype for name, dtype in saved.items())
        allowed = self.options.allow_schema_evolution and (self.options.mode == "overwrite" or not retyped)
        allowed |= self.options.allow_additions and not retyped and set(expected) <= set(saved)
        if lines and not allowed:
            raise TableError(_describe_evolution(self.location.table, lines))
        return bool(lines)

    def _is_unchanged(self, change: Change, fingerprint: Fingerprint) -> bool:
        """Return whether the rows that ``change`` would replace are the rows that it brings."""
        if change.is_addition:
            return False
        ignore = self.options.ignore_when_comparing
        return compute_fingerprint(change.current, ignore=ignore) == fingerprint

    def _ordered(self, frame: DataFrame) -> DataFrame:
        """Return ``frame`` with the contract's order of columns."""
        return frame if self.contract is None else frame.select(*self.contract.column_names)


def _describe_evolution(table: str, lines: Iterable[str]) -> str:
    """Return the column diff against the stored table, for a write that may not change it, and what to do."""
    diff, short, name = "\n".join(lines), shorten(table), table.rpartition(".")[2]
    advice = ""
    if short.startswith("features."):
        advice = (
            "Models rely on the stored columns of a view: declare the changed view as its next version, "
            f"beside {name}, and fill its table: boathouse features backfill --env {name_environment(table)} "
            "--from YYYY-MM --to YYYY-MM (docs/feature_store.md, Change). "
        )
    return (
        f"Saving '{table}': the columns are not those of the stored table.\n{diff}\n{advice}"
        "To let saves of an environment add columns, as in dev, set lakehouse.schema_evolution: additive in its "
        "globals.yml. If another change is meant, set allow_schema_evolution: true on the catalog entry for one run."
    )


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
    """Commit ``change`` to an existing table; ``evolves``: whether its columns differ from those stored."""
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
    if location.path is None and not evolves:
        location.replace_rows(rows)
        return
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
    merge = merge_statement(location.sql_name, view, options.keys, rows.columns, options.ignore_when_comparing)
    try:
        with explained(location.table):
            session.sql(merge)
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
