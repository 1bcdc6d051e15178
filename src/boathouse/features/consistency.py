"""Logged online look-ups, compared with the offline tables as of the time of each."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from boathouse.features.point_in_time import join_point_in_time
from boathouse.tables.contract import Column, TableContract
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from boathouse.features.feature_view import FeatureView
    from boathouse.features.online.look_up import FeatureRows
    from boathouse.tables.location import TableLocation


LOOK_UPS = TableContract(
    name="inference.feature_look_ups",
    description="What the online store answered, to be compared with the offline tables.",
    grain="One row per look-up, view and key.",
    columns=(
        Column(name="look_up_id", dtype="string", description="One request and key."),
        Column(name="asked_at", dtype="timestamp", description="When it was asked, in UTC."),
        Column(name="view", dtype="string", description="The view, with its version from the second on."),
        Column(name="digest", dtype="string", description="Definition of the view that was live."),
        Column(name="key_values", dtype="array<string>", description="Values of the view's keys, as text."),
        Column(
            name="observed_at",
            dtype="timestamp",
            description="Time of the values; null if the key was unknown.",
            nullable=True,
        ),
        Column(name="values", dtype="array<double>", description="Features in the view's order; null is unknown."),
    ),
    keys=("look_up_id", "view"),
)


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """How the answers of one view compare.

    Attributes:
        view: The view's label.
        look_ups: Answers compared.
        equal: Those in which every feature has the same bits (a zero's sign aside).
        older_online: Those that differ and are of an earlier date than what was known offline: published late.
        other_definition: Answers by a definition that is no longer declared; not compared.
    """

    view: str
    look_ups: int
    equal: int
    older_online: int
    other_definition: int

    @property
    def share(self) -> float:
        """Share of equal answers, 0 to 1; 1 without any."""
        return self.equal / self.look_ups if self.look_ups else 1.0


def compare_look_ups(view: FeatureView, table: DataFrame, look_ups: DataFrame) -> Consistency:
    """Return how the logged answers of ``view`` compare with its table, recomputed for the time of each.

    Args:
        view: The view.
        table: Its offline table.
        look_ups: ``inference.feature_look_ups``; rows of other views are ignored.
    """
    own = look_ups.where(F.col("view") == view.label)
    known = own.where(F.col("digest") == view.digest)
    others = own.where(F.col("digest") != view.digest).count()
    keys = [F.col("key_values")[place].cast(dtype).alias(name) for place, (name, dtype) in enumerate(view.keys)]
    spine = known.select(
        *keys, F.col("asked_at").cast("date").alias("__asked"), F.col("values").alias("__values"), "observed_at"
    )
    joined = join_point_in_time(spine, [(view, table)], spine_time="__asked", keep_times=True)
    offline = view.time_name
    same = reduce(
        and_,
        [F.col("__values")[place].eqNullSafe(F.col(name)) for place, name in enumerate(view.feature_names)],
    )
    seen = F.coalesce(F.col("observed_at").cast("date"), F.lit("0001-01-01").cast("date"))
    older = ~same & (seen < F.col(offline))
    counts = joined.agg(
        F.count(F.lit(1)).alias("all"),
        F.count(F.when(same, 1)).alias("equal"),
        F.count(F.when(older, 1)).alias("older"),
    ).collect()[0]
    return Consistency(
        view=view.label,
        look_ups=counts["all"],
        equal=counts["equal"],
        older_online=counts["older"],
        other_definition=others,
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LookUpLog:
    """Look-ups of one environment; safe to share between threads."""

    def __init__(self, location: TableLocation, *, batch: int = 1_000) -> None:
        """Remember the table.

        Args:
            location: Where ``inference.feature_look_ups`` is.
            batch: Rows gathered before they are written; what is gathered is lost with the process.
        """
        self._location, self._batch = location, batch
        self._rows: list[tuple[Any, ...]] = []
        self._lock = threading.Lock()

    def record(self, keys: Sequence[Sequence[Any]], rows: FeatureRows, *, asked_at: datetime) -> None:
        """Note what the store answered; writes when a batch is full."""
        found = [row for number, key in enumerate(keys) for row in _describe(number, key, rows, asked_at)]
        with self._lock:
            self._rows += found
            full = len(self._rows) >= self._batch
        if full:
            self.flush()

    def flush(self) -> int:
        """Write what has been gathered; return the rows written."""
        with self._lock:
            waiting, self._rows = self._rows, []
        if waiting:
            frame = self._location.session().createDataFrame(waiting, LOOK_UPS.ddl)
            options = WriteOptions(table=self._location.table, mode="merge", keys=LOOK_UPS.keys)
            DeltaWriter(self._location, options, LOOK_UPS).write(frame)
        return len(waiting)


def measure_consistency(view: FeatureView, table: TableLocation, look_ups: TableLocation) -> Consistency:
    """Return how the logged answers of ``view`` compare with its offline table.

    Raises:
        TableError: If nothing was logged, or the view was not computed.
    """
    logged = look_ups.read(look_ups.require_version("boathouse features look-up KEY --log"))
    return compare_look_ups(view, table.read(table.require_version("feature_engineering")), logged)


def _describe(number: int, key: Sequence[Any], rows: FeatureRows, asked_at: datetime) -> list[tuple[Any, ...]]:
    """Return one row per view for one key."""
    names = list(dict.fromkeys(name for view in rows.views for name, _ in view.keys))
    values = dict(zip(names, key, strict=True))
    look_up, start, described = uuid.uuid4().hex, 0, []
    for place, view in enumerate(rows.views):
        numbers = rows.matrix[number, start : start + len(view.features)].tolist()
        start += len(view.features)
        time = _EPOCH + timedelta(microseconds=int(rows.times[number, place])) if rows.found[number, place] else None
        features = [None if value != value else value for value in numbers]  # noqa: PLR0124 - NaN differs from itself
        own = [str(values[name]) for name in view.key_names]
        described.append((look_up, asked_at, view.label, view.digest, own, time, features))
    return described
