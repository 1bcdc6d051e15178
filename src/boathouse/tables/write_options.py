"""How a table is written: the options of its catalog entry, and what a save replaces in each of the four modes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from boathouse.errors import ConfigError, TableError
from boathouse.options import require_choice, require_whole
from boathouse.tables.contract import sql_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame


MODES = ("overwrite", "append", "merge", "replace_where")
# Values of ``lakehouse.schema_evolution`` in conf: whether a save may add columns to tables of an environment.
REFUSE, ADDITIVE = "refuse", "additive"
# The options that only make sense with one mode, by that mode.
_NEEDED = {"append": "batch_column", "merge": "keys", "replace_where": "replace_columns"}
# A condition of more alternatives than this is slow to plan and a sign of a wrong column.
MOST_SLICES = 1000
# Exact in SQL on every engine; floats are not, and collected timestamps depend on the driver's zone.
_SLICE_TYPES = frozenset({"string", "boolean", "date", "tinyint", "smallint", "int", "bigint"})

Scalar = str | int | bool | date | None


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """How one table is written.

    Attributes:
        table: Full name, for messages.
        mode: ``overwrite`` (the frame is the table), ``append`` (batches that are not there yet are
            added), ``merge`` (rows are updated or inserted by key) or ``replace_where`` (the slices
            that occur in the frame are replaced).
        keys: For merge: the columns that identify a row.
        batch_column: For append: the column that identifies a batch.
        replace_columns: For replace_where: the columns whose values identify a slice.
        partition_by: Columns that new tables are partitioned by.
        cluster_by: Columns that new tables are clustered by, where the engine can.
        allow_schema_evolution: Whether a save may change the stored columns.
        allow_additions: Whether a save may add columns to the stored ones, which stay.
        ignore_when_comparing: Columns that do not count when a save is compared with what is stored,
            such as the time of writing.
        change_feed: Whether the table keeps Delta's change data feed for those who follow it: the online store,
            monitoring. Set where tables go by name; local engines share a lakehouse, and Sail 0.7.2 writes no table
            that has the feed.
        retries: Further attempts after another writer committed first, 0 to 50.
    """

    table: str
    mode: str = "overwrite"
    keys: tuple[str, ...] = ()
    batch_column: str | None = None
    replace_columns: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    allow_schema_evolution: bool = False
    allow_additions: bool = False
    ignore_when_comparing: frozenset[str] = field(default_factory=frozenset)
    change_feed: bool = False
    retries: int = 10

    def __post_init__(self) -> None:
        """Check that mode and its option are given together.

        Raises:
            ConfigError: If an option is missing, or belongs to another mode.
            OptionError: If mode or retries are out of range.
        """
        require_choice("mode", self.mode, MODES)
        require_whole("retries", self.retries, 0, 50)
        for mode, option in _NEEDED.items():
            given = bool(getattr(self, option))
            if mode == self.mode and not given:
                raise ConfigError.in_catalog(self.table, f"mode {mode} needs '{option}'")
            if mode != self.mode and given:
                raise ConfigError.in_catalog(self.table, f"'{option}' belongs to mode {mode}, not to {self.mode}")
        if self.partition_by and self.cluster_by:
            raise ConfigError.in_catalog(self.table, "a table has 'partition_by' or 'cluster_by', not both")


@dataclass(frozen=True)
class TableSlice:
    """The rows of one slice of a table in mode ``replace_where``.

    A plain frame cannot say that a slice has become empty: it names only the slices that occur in it.

    Attributes:
        rows: The slice's rows; may be none.
        values: Values of the table's ``replace_columns``, in their order.
    """

    rows: DataFrame
    values: tuple[Scalar, ...]


def find_slices(frame: DataFrame, columns: Sequence[str], *, table: str) -> list[tuple[Scalar, ...]]:
    """Return the distinct values of ``columns`` in ``frame``, sorted; runs one action.

    Raises:
        TableError: If there are more than 1,000, or a column's type is no string, date, boolean or integer.
    """
    types = dict(frame.dtypes)
    for column in columns:
        if types[column] not in _SLICE_TYPES:
            allowed = ", ".join(sorted(_SLICE_TYPES))
            raise TableError(f"Table '{table}': slices by '{column}' ({types[column]}); allowed types: {allowed}.")
    rows = frame.select(*columns).distinct().limit(MOST_SLICES + 1).collect()
    if len(rows) > MOST_SLICES:
        raise TableError(
            f"Table '{table}': {len(rows)} or more distinct values of {', '.join(columns)} in one write, at most "
            f"{MOST_SLICES} are allowed. Choose a coarser column or mode merge."
        )
    return sorted((tuple(row) for row in rows), key=repr)


def slice_condition(columns: Sequence[str], slices: Sequence[tuple[Scalar, ...]]) -> str:
    """Return a condition that is true exactly for the rows of ``slices``; ``false`` for none."""
    if not slices:
        return "false"
    if len(columns) == 1 and all(values[0] is not None for values in slices):
        return f"`{columns[0]}` IN ({', '.join(literal(values[0]) for values in slices)})"
    return " OR ".join(f"({' AND '.join(map(_equals, columns, values))})" for values in slices)


def literal(value: Scalar) -> str:
    """Return ``value`` as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    if isinstance(value, str):
        return sql_text(value)
    return str(value)


def _equals(column: str, value: Scalar) -> str:
    """Return a condition comparing one column; null equals null."""
    return f"`{column}` IS NULL" if value is None else f"`{column}` = {literal(value)}"


def allows_additions(table: str, lakehouse: Mapping[str, str]) -> bool:
    """Return whether conf lets saves add columns to the environment's tables: ``lakehouse.schema_evolution``.

    Raises:
        ConfigError: If the value is neither ``refuse`` nor ``additive``.
    """
    setting = lakehouse.get("schema_evolution", REFUSE)
    if setting not in (REFUSE, ADDITIVE):
        raise ConfigError.in_catalog(
            table, f"lakehouse.schema_evolution is {setting!r}; expected {REFUSE} or {ADDITIVE}"
        )
    return setting == ADDITIVE


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


def check_slice(options: WriteOptions, occurring: Sequence[tuple[Scalar, ...]], named: tuple[Scalar, ...]) -> None:
    """Check that ``named`` is the only slice among those ``occurring`` in the rows.

    Raises:
        TableError: If there are others.
    """
    foreign = [values for values in occurring if values != named]
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
