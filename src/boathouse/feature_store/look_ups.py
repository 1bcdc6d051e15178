"""The log of look-ups: gathered in memory, written in batches, compared with the offline tables."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boathouse.core.features.look_ups import LOOK_UPS, Consistency, compare_look_ups
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.core.features import FeatureView
    from boathouse.online_store import FeatureRows
    from boathouse.tables.location import TableLocation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LookUpLog:
    """Look-ups of one environment; safe to share between threads."""

    def __init__(self, place: TableLocation, *, batch: int = 1_000) -> None:
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
            frame = self._place.session().createDataFrame(waiting, LOOK_UPS.ddl)
            options = WriteOptions(table=self._place.table, mode="merge", keys=LOOK_UPS.keys)
            DeltaWriter(self._place, options, LOOK_UPS).write(frame)
        return len(waiting)


def measure_consistency(view: FeatureView, table: TableLocation, look_ups: TableLocation) -> Consistency:
    """Return how the logged answers of ``view`` compare with its offline table.

    Raises:
        TableError: If nothing was logged, or the view was not computed.
    """
    logged = look_ups.read(look_ups.require_version("boathouse features look-up --log"))
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
        described.append((look_up, asked_at, view.name, view.digest, own, time, features))
    return described
