"""How a table is written: the options of its catalog entry, and the slices that a write replaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from boathouse.errors import ConfigError, TableError
from boathouse.options import require_choice, require_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame


MODES = ("overwrite", "append", "merge", "replace_where")
# What the conf of an environment says about its tables' columns: whether a save may add some.
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
        allow_additions: Whether a save may add columns, and leave all stored ones as they are.
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
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def _equals(column: str, value: Scalar) -> str:
    """Return a condition comparing one column; null equals null."""
    return f"`{column}` IS NULL" if value is None else f"`{column}` = {literal(value)}"


def allows_additions(table: str, lakehouse: Mapping[str, str]) -> bool:
    """Return whether conf lets saves add columns to the environment's tables: ``lakehouse.schema_evolution``.

    Raises:
        ConfigError: If it says something else than ``refuse`` or ``additive``.
    """
    said = lakehouse.get("schema_evolution", REFUSE)
    if said not in (REFUSE, ADDITIVE):
        raise ConfigError.in_catalog(table, f"lakehouse.schema_evolution is {said!r}; expected {REFUSE} or {ADDITIVE}")
    return said == ADDITIVE
