"""The catalog's Delta tables: read at a recorded version, written under their contracts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io.core import AbstractDataset, Version

from boathouse.errors import BoathouseError, ConfigError, TableError
from boathouse.options import require_choice
from boathouse.tables.contract import write_caption
from boathouse.tables.delta_log import open_log
from boathouse.tables.frames import FORMS, convert_spark, to_spark
from boathouse.tables.location import PastVersions, TableLocation, TableVersion, note_read
from boathouse.tables.write_options import TableSlice, WriteOptions, allows_additions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kedro_datasets._typing import TablePreview
    from pyspark.sql import DataFrame

    from boathouse.tables.contract import TableContract
    from boathouse.tables.delta_log import TableLog
    from boathouse.tables.write import Written


class DeltaTableDataset(AbstractDataset[Any, Any]):
    """One table of the lakehouse, on whichever engine the project runs."""

    # Kedro hands over the version that ``--load-versions`` names; without this it would ignore it silently.
    versioned = True

    def __init__(  # noqa: PLR0913 - a catalog entry names its options
        self,
        *,
        table: str,
        lakehouse: dict[str, str],
        contract: TableContract | None = None,
        mode: str = "overwrite",
        keys: Sequence[str] = (),
        batch_column: str | None = None,
        replace_columns: Sequence[str] = (),
        partition_by: Sequence[str] = (),
        cluster_by: Sequence[str] = (),
        allow_schema_evolution: bool = False,
        ignore_when_comparing: Sequence[str] = (),
        change_feed: bool = False,
        retries: int = 10,
        read_only: bool = False,
        version: int | Version | None = None,
        timestamp: str | None = None,
        load_as: str = "spark",
        made_by: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Check the options; open nothing and start no engine.

        Args:
            table: ``<catalog>.<schema>.<table>``.
            lakehouse: ``{engine, root}``: the engine, and the folder below which tables are; with ``schema_evolution:
                additive`` saves may add columns.
            contract: What every save must meet, or None: a new table takes the frame's columns and keeps them.
            mode: ``overwrite``, ``append``, ``merge`` or ``replace_where``; see :class:`WriteOptions`.
            keys: For merge.
            batch_column: For append.
            replace_columns: For replace_where.
            partition_by: Columns that a new table is partitioned by.
            cluster_by: Columns that a new table is clustered by, on engines that can.
            allow_schema_evolution: Whether a save may change the stored columns.
            ignore_when_comparing: Columns that do not make a save differ from what is stored.
            change_feed: Whether the table keeps Delta's change data feed, where tables go by name.
            retries: Further attempts after another writer committed first.
            read_only: Refuse every save.
            version: Load this Delta version instead of the newest. In a run: ``--load-versions NAME:VERSION``.
            timestamp: Load the newest version committed at or before this ISO time (UTC without an offset).
            load_as: ``spark``, ``pandas``, ``arrow`` or ``polars``.
            made_by: The pipeline that makes the table, for the message when it is missing.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            ConfigError: If options contradict each other, or there is no such contract: a factory of the catalog
                makes an entry of any name that a pipeline misspells.
            OptionError: If an option is out of its range.
        """
        require_choice("load_as", load_as, FORMS)
        number = _parse_version(table, version)
        if number is not None and timestamp is not None:
            raise ConfigError.in_catalog(table, "give 'version' or 'timestamp', not both")
        self._location = TableLocation.from_lakehouse(table, lakehouse)
        self._options = WriteOptions(
            table=table,
            mode=mode,
            keys=tuple(keys),
            batch_column=batch_column,
            replace_columns=tuple(replace_columns),
            partition_by=tuple(partition_by),
            cluster_by=tuple(cluster_by),
            allow_schema_evolution=allow_schema_evolution,
            allow_additions=allows_additions(table, lakehouse),
            ignore_when_comparing=frozenset(ignore_when_comparing),
            change_feed=change_feed,
            retries=retries,
        )
        self._contract = contract
        self._read_only, self._load_as, self._made_by = read_only, load_as, made_by
        self._version, self._timestamp = number, _parse_moment(table, timestamp)
        self.metadata = metadata
        self.last_read: TableVersion | None = None
        self.last_written: TableVersion | None = None
        self.rows_written: int | None = None

    @property
    def location(self) -> TableLocation:
        """Where the table is."""
        return self._location

    def load(self) -> Any:  # noqa: ANN401 - the form is an option
        """Return the table as ``load_as``; ``last_read`` is the version read."""
        log = open_log(self._location)
        version = self._resolve_version(log)
        state = self._state(version, log)
        data = convert_spark(self._location.read(version), self._load_as)
        self.last_read = state
        note_read(state)
        return data

    def save(self, data: Any) -> None:  # noqa: ANN401 - a frame of any of four libraries
        """Write a frame of Spark, pandas, Arrow or polars, or a TableSlice.

        ``last_written`` is the version left, ``rows_written`` what this save did.
        """
        from boathouse.tables.commits import describe_failure
        from boathouse.tables.write import DeltaWriter

        if self._read_only or self._version is not None or self._timestamp is not None:
            raise TableError.read_only(self._location.table)
        self._location.check_writable()
        rows, named = (data.rows, data.values) if isinstance(data, TableSlice) else (data, None)
        frame = to_spark(rows, self._location.session(), self._contract, table=self._location.table)
        writer = DeltaWriter(self._location, self._options, self._contract, named)
        try:
            done = writer.save(frame)
        except BoathouseError:
            raise
        except Exception as error:
            raise TableError.failed(self._location.table, "written", describe_failure(error)) from error
        self.last_written = self._state(done.after, open_log(self._location))
        self.rows_written = self._count_written(done)

    def _count_written(self, done: Written) -> int | None:
        """Return how many rows the save added, changed or put in place of others; None where the log does not say."""
        if done.before == done.after:
            return 0
        if self._options.mode in {"overwrite", "replace_where"}:
            return done.rows
        return open_log(self._location).rows_written(done.before, done.after)

    def preview(self, nrows: int = 20) -> TablePreview:
        """Return the first ``nrows`` rows for Kedro-Viz; no rows, but no error, if the table is missing."""
        from boathouse.tables.frames import preview_table

        return preview_table(self._location, nrows)

    def _exists(self) -> bool:
        """Return whether the table exists."""
        return open_log(self._location).exists()

    def _resolve_version(self, log: TableLog) -> int:
        """Return the version to load.

        Raises:
            TableError: If there is no such table.
            TableError: If there is no such version.
        """
        location = self._location
        newest = log.find_newest()
        if newest is None:
            raise location.explain_missing(self._made_by)
        if self._timestamp is not None:
            at_time = log.version_at(self._timestamp)
            if at_time is None:
                raise TableError.missing_version(location.table, f"version at {self._timestamp.isoformat()}", newest)
            return at_time
        if self._version is not None and not 0 <= self._version <= newest:
            raise TableError.missing_version(location.table, f"version {self._version}", newest)
        return newest if self._version is None else self._version

    def _state(self, version: int, log: TableLog) -> TableVersion:
        """Return ``version`` as the log records it."""
        return TableVersion(
            table=self._location.table,
            version=version,
            rows=log.rows(version),
            path=self._location.path,
            timestamp=log.committed_at(version),
        )

    def _describe(self) -> dict[str, Any]:
        """Return what identifies the entry, in messages and on its panel in Kedro-Viz."""
        return {
            "table": self._location.table,
            "filepath": write_caption(self._location.path or self._location.table, self._contract, self.metadata),
            "engine": self._location.engine,
            "mode": "read_only" if self._read_only else self._options.mode,
            "contract": self._contract.name if self._contract else None,
            "version": self._version,
            "load_as": self._load_as,
        }


def _parse_version(table: str, version: int | Version | None) -> int | None:
    """Return the Delta version to load, None for the newest; Kedro gives it as text."""
    wanted = version.load if isinstance(version, Version) else version
    if wanted is None:
        return None
    try:
        return int(wanted)
    except ValueError as error:
        raise ConfigError.in_catalog(table, f"version {wanted!r} must be a whole number, such as 3") from error


def _parse_moment(table: str, text: str | None) -> datetime | None:
    """Return ISO ``text`` as an aware time; UTC where it has no offset."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ConfigError.in_catalog(table, "'timestamp' must be written YYYY-MM-DDTHH:MM:SS") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class ExistingRowsDataset(AbstractDataset[Any, Any]):
    """The newest version of a table, or None where there is none; no node may read and write one entry."""

    def __init__(self, *, table: str, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where.

        Args:
            table: ``<catalog>.<schema>.<table>``.
            lakehouse: ``{engine, root}``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._location = TableLocation.from_lakehouse(table, lakehouse)
        self.metadata = metadata

    def load(self) -> DataFrame | None:
        """Return the rows, lazily."""
        return self._location.read_newest()

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the table's own entry writes it."""
        raise TableError.read_only(self._location.table)

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"table": self._location.table}


class PastVersionsDataset(AbstractDataset[Any, Any]):
    """Older versions of tables, for a node that knows only when it runs which ones it needs."""

    def __init__(self, *, lakehouse: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
        """Remember where.

        Args:
            lakehouse: ``{engine, root}``.
            metadata: For plugins such as Kedro-Viz.
        """
        self._lakehouse = lakehouse
        self.metadata = metadata

    def load(self) -> PastVersions:
        """Return the reader; nothing is read yet."""
        return PastVersions(self._lakehouse)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the past is not written."""
        raise TableError.read_only("past versions")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"engine": self._lakehouse.get("engine")}
