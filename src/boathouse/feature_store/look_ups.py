"""The log of look-ups: gathered in memory, written in batches, compared with the offline tables."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boathouse.core.errors import MissingTableError
from boathouse.core.features.look_ups import LOOK_UPS, Consistency, compare_look_ups
from boathouse.datasets.delta_log import open_log
from boathouse.datasets.delta_options import WriteOptions
from boathouse.datasets.delta_write import DeltaWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.core.features import FeatureView
    from boathouse.datasets.delta_place import TablePlace
    from boathouse.online_store import FeatureRows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LookUpLog:
    """Look-ups of one environment; safe to share between threads."""

    def __init__(self, place: TablePlace, *, batch: int = 1_000) -> None:
        """Remember the table.

        Args:
            place: Where ``inference.feature_look_ups`` is.
            batch: Rows gathered before they are written; what is gathered is lost with the process.
        """
        self._place, self._batch = place, batch
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
            schema = ", ".join(f"`{column.name}` {column.dtype}" for column in LOOK_UPS.columns)
            frame = self._place.session().createDataFrame(waiting, schema)
            options = WriteOptions(table=self._place.table, mode="merge", keys=LOOK_UPS.keys)
            DeltaWriter(self._place, options, LOOK_UPS).write(frame)
        return len(waiting)


def measure_consistency(view: FeatureView, table: TablePlace, look_ups: TablePlace) -> Consistency:
    """Return how the logged answers of ``view`` compare with its offline table.

    Raises:
        MissingTableError: If nothing was logged, or the view was not computed.
    """
    for place, maker in ((look_ups, "boathouse features look-up --log"), (table, "feature_engineering")):
        if not open_log(place).exists():
            where = place.path or place.sql_name
            raise MissingTableError.in_environment(place.table, place.environment, where, maker)
    logged = look_ups.read(open_log(look_ups).newest())
    return compare_look_ups(view, table.read(open_log(table).newest()), logged)


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
