"""Refreshing a feature table in full, by what changed in its sources, or month by month."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from boathouse.features.feature_view import FeatureView, contract_of
from boathouse.features.incremental import GONE, compute_month, compute_view, find_changed_keys, recompute
from boathouse.features.registry import RefreshRecords
from boathouse.tables.commits import retry_on_conflict
from boathouse.tables.delta_log import open_log
from boathouse.tables.row_rules import check_rows, nan_counts, violation_counts
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.environment import Environment
    from boathouse.tables.location import TableLocation

RETRIES = 10


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did.

    Attributes:
        view: The view's label.
        mode: ``full``, ``incremental`` or ``month``.
        keys: Keys that were computed again; None where all were.
        rows: Rows written or deleted.
        version: Version of the view's table afterwards.
        reason: Why it was done in full, or why nothing was done; else empty.
    """

    view: str
    mode: str
    keys: int | None
    rows: int
    version: int
    reason: str = ""


@dataclass(frozen=True)
class FeatureState:
    """How far a feature table has come.

    Attributes:
        version: Its newest version.
        newest: Date of its newest row; None if it is empty.
        newest_source: Date of the newest row of its sources; None if they are empty.
        written_at: When the version was committed, UTC.
    """

    version: int
    newest: date | None
    newest_source: date | None
    written_at: datetime

    @property
    def lag_days(self) -> int:
        """Days by which the newest row is older than the newest source row."""
        if self.newest_source is None:
            return 0
        return max(0, (self.newest_source - (self.newest or date(1, 1, 1))).days)


class FeatureRefresher:
    """Feature tables of one environment."""

    def __init__(self, environment: Environment) -> None:
        """Remember where the tables are."""
        self._environment = environment
        self._records = RefreshRecords(self.location("audit.feature_refreshes"))

    def location(self, table: str) -> TableLocation:
        """Return where ``<schema>.<table>`` is."""
        return self._environment.table(table)

    def refresh(self, view: FeatureView, *, full: bool = False) -> Refreshed:
        """Bring the table of ``view`` up to date with its sources; a rerun or a crash in between changes nothing more.

        Only keys whose source rows changed are computed, if it is known what the table was computed from:
        the same definition, sources whose versions can still be read, and a table with no other writer since.

        Raises:
            TableError: If a source is not there.
            DataQualityError: If the computed rows break the view's contract; nothing is written then.
        """
        versions = self._source_versions(view)
        reason, last = ("asked for", None) if full else self._find_start(view)
        if last is None:
            return self._refresh_fully(view, versions, reason)
        before = json.loads(last["sources"])
        if before == versions:
            return Refreshed(view.label, "incremental", 0, 0, last["table_version"], "the sources have not changed")
        old, now = self._read(view, before), self._read(view, versions)
        changed = _held(find_changed_keys(view, old, now))
        change = recompute(view, now, self._stored(view), changed)
        rows = self._merge(view, change)
        return self._note(view, "incremental", versions, rows, keys=changed.count())

    def refresh_month(self, view: FeatureView, first: date) -> Refreshed:
        """Compute one month from what was known at its end; a month that was done from these sources is not again.

        Raises:
            TableError: If a source is not there.
            DataQualityError: If the computed rows break the view's contract.
        """
        versions = self._source_versions(view)
        done = self._records.find_month(view.label, view.digest, first)
        table = open_log(self.location(view.table))
        if done is not None and json.loads(done["sources"]) == versions and table.exists():
            return Refreshed(view.label, "month", None, 0, table.newest(), "done before from these sources")
        if not table.exists():
            empty = self.location(view.table).session().createDataFrame([], contract_of(view).ddl)
            self._overwrite(view, empty)
        rows = self._merge(view, compute_month(view, self._read(view, versions), self._stored(view), first))
        return self._note(view, "month", versions, rows, month=first)

    def read(self, view: FeatureView) -> DataFrame:
        """Return the newest version of the view's table.

        Raises:
            TableError: If the view has not been computed in this environment.
        """
        location = self.location(view.table)
        location.require_version("feature_engineering")
        return self._stored(view)

    def state(self, view: FeatureView) -> FeatureState | None:
        """Return how far the table of ``view`` has come, or None if there is none.

        Raises:
            TableError: If a source is not there.
        """
        log = open_log(self.location(view.table))
        if not log.exists():
            return None
        newest = self._stored(view).agg({view.time_column: "max"}).collect()[0][0]
        sources = zip(view.sources, self._read(view, self._source_versions(view)), strict=True)
        times = {
            source: frame.agg({source.time_column: "max"}).collect()[0][0]
            for source, frame in sources
            if source.time_column
        }
        latest = max((each for each in times.values() if each is not None), default=newest)
        # A view of a source that is not delivered here waits for it; it is not late.
        if newest is None and any(source.may_be_empty and time is None for source, time in times.items()):
            latest = None
        version = log.newest()
        return FeatureState(version, newest, latest, log.committed_at(version) or datetime.now(UTC))

    def preview(self, view: FeatureView) -> DataFrame:
        """Return the view computed from the sources as they are; nothing is written.

        Raises:
            TableError: If a source is not there.
        """
        return compute_view(view, self._read(view, self._source_versions(view)))

    def _find_start(self, view: FeatureView) -> tuple[str, dict[str, Any] | None]:
        """Return the record that an incremental refresh goes on from, or why there is none."""
        log = open_log(self.location(view.table))
        if not log.exists():
            return "there is no table yet", None
        last = self._records.find_last(view.label)
        if last is None:
            return "it is not recorded what the table was computed from", None
        if last["digest"] != view.digest:
            return "the definition has changed", None
        if last["table_version"] != log.newest():
            return "the table has been written otherwise", None
        return "", last

    def _refresh_fully(self, view: FeatureView, versions: dict[str, int], reason: str) -> Refreshed:
        frame = compute_view(view, self._read(view, versions))
        self._overwrite(view, frame)
        rows = open_log(self.location(view.table)).rows(self.location(view.table).require_version()) or 0
        return self._note(view, "full", versions, rows, reason=reason)

    def _overwrite(self, view: FeatureView, frame: DataFrame) -> None:
        options = WriteOptions(
            table=self.location(view.table).table,
            mode="overwrite",
            allow_schema_evolution=True,
            change_feed=view.online,
            retries=RETRIES,
        )
        DeltaWriter(self.location(view.table), options, contract_of(view)).write(frame)

    def _merge(self, view: FeatureView, change: DataFrame) -> int:
        """Check and commit a change in one step; return its rows."""
        location, contract = self.location(view.table), contract_of(view)
        change = _held(change)
        kept = change.where(~change[GONE]).drop(GONE)
        contract.check_schema(dict(kept.dtypes), where=f"Refreshing '{location.table}'")
        check_rows(kept, nan_counts(kept) | violation_counts(contract), table=location.table)
        rows = change.count()
        if rows:
            retry_on_conflict(lambda: _commit(location, view, change), table=location.table, retries=RETRIES)
        return rows

    def _note(  # noqa: PLR0913 - the columns of a record
        self,
        view: FeatureView,
        mode: str,
        versions: dict[str, int],
        rows: int,
        *,
        keys: int | None = None,
        month: date | None = None,
        reason: str = "",
    ) -> Refreshed:
        version = self.location(view.table).require_version()
        self._records.add(
            view=view.label,
            digest=view.digest,
            mode=mode,
            month=month,
            sources=json.dumps(versions, sort_keys=True),
            table_version=version,
            rows=rows,
            refreshed_at=datetime.now(UTC),
        )
        return Refreshed(view.label, mode, keys, rows, version, reason)

    def _source_versions(self, view: FeatureView) -> dict[str, int]:
        found = {}
        for name in view.source_names:
            location = self.location(name)
            found[name] = location.require_version(
                "feature_engineering" if name.startswith("features.") else "data_prep"
            )
        return found

    def _read(self, view: FeatureView, versions: dict[str, int]) -> list[DataFrame]:
        return [
            self.location(source.table).read(versions[source.table]).select(*source.columns) for source in view.sources
        ]

    def _stored(self, view: FeatureView) -> DataFrame:
        location = self.location(view.table)
        return location.read(location.require_version("feature_engineering"))


def _held(frame: DataFrame) -> DataFrame:
    """Return ``frame`` computed once: neither local engine keeps one for its later readers."""
    return frame.sparkSession.createDataFrame(frame.toArrow(), frame.schema)


def _commit(location: TableLocation, view: FeatureView, change: DataFrame) -> None:
    session = location.session()
    # A constant name would let two threads write each other's rows.
    name = f"boathouse_{uuid.uuid4().hex}"
    change.createOrReplaceTempView(name)
    try:
        session.sql(merge_statement(location.sql_name, name, view.columns[: len(view.keys) + 1], view.feature_names))
    finally:
        session.catalog.dropTempView(name)


def merge_statement(target: str, source: str, identity: Sequence[str], features: Sequence[str]) -> str:
    """Return the MERGE that deletes, updates what differs and inserts, by ``identity``."""
    same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in identity)
    differs = " OR ".join(f"NOT (t.`{name}` <=> s.`{name}`)" for name in features)
    changes = ", ".join(f"`{name}` = s.`{name}`" for name in features)
    names = [*identity, *features]
    columns, values = (", ".join(f"{prefix}`{name}`" for name in names) for prefix in ("", "s."))
    return (
        f"MERGE INTO {target} AS t USING {source} AS s ON {same} "  # noqa: S608 - quoted names alone
        f"WHEN MATCHED AND s.`{GONE}` THEN DELETE "
        f"WHEN MATCHED AND ({differs}) THEN UPDATE SET {changes} "
        f"WHEN NOT MATCHED AND NOT s.`{GONE}` THEN INSERT ({columns}) VALUES ({values})"
    )
