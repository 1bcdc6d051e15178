"""How a table is written: the options of its catalog entry, checked when the catalog is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from boathouse.core.errors import ConfigError
from boathouse.core.options import require_choice, require_whole

MODES = ("overwrite", "append", "merge", "replace_where")
# What the conf of an environment says about its tables' columns: whether a save may add some.
REFUSE, ADDITIVE = "refuse", "additive"
# The options that only make sense with one mode, by that mode.
_NEEDED = {"append": "batch_column", "merge": "keys", "replace_where": "replace_columns"}


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


def allows_additions(table: str, lakehouse: Mapping[str, str]) -> bool:
    """Return whether conf lets saves add columns to the environment's tables: ``lakehouse.schema_evolution``.

    Raises:
        ConfigError: If it says something else than ``refuse`` or ``additive``.
    """
    said = lakehouse.get("schema_evolution", REFUSE)
    if said not in (REFUSE, ADDITIVE):
        raise ConfigError.in_catalog(table, f"lakehouse.schema_evolution is {said!r}; expected {REFUSE} or {ADDITIVE}")
    return said == ADDITIVE
