"""What is on record of a feature table: its refreshes, and the statistics measured when it was computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.core.features.registry import REFRESHES
from boathouse.datasets.delta_log import open_log
from boathouse.datasets.delta_options import WriteOptions
from boathouse.datasets.delta_write import DeltaWriter

if TYPE_CHECKING:
    from datetime import date

    from boathouse.core.features import FeatureView
    from boathouse.datasets.delta_place import TablePlace


class RefreshRecords:
    """The rows of ``audit.feature_refreshes``, one environment's."""

    def __init__(self, place: TablePlace) -> None:
        """Remember the table; read nothing."""
        self._place = place

    def find_last(self, view: str) -> dict[str, Any] | None:
        """Return the newest record of the whole view, or None; a month's refresh makes it unknown again."""
        found = self._read(view)
        return None if not found or found[-1]["mode"] == "month" else found[-1]

    def find_month(self, view: str, digest: str, month: date) -> dict[str, Any] | None:
        """Return the newest record of one month by this definition that no other refresh has followed, or None."""
        found = self._read(view)
        since = max((place for place, each in enumerate(found) if each["mode"] != "month"), default=-1)
        months = [each for each in found[since + 1 :] if each["month"] == month and each["digest"] == digest]
        return months[-1] if months else None

    def add(self, **record: Any) -> None:  # noqa: ANN401 - the columns of the contract
        """Add one record."""
        columns = REFRESHES.columns
        schema = ", ".join(f"{column.name} {column.dtype}" for column in columns)
        row = [tuple(record[column.name] for column in columns)]
        frame = self._place.session().createDataFrame(row, schema)
        options = WriteOptions(table=self._place.table, mode="merge", keys=REFRESHES.keys)
        DeltaWriter(self._place, options, REFRESHES).write(frame)

    def _read(self, view: str) -> list[dict[str, Any]]:
        log = open_log(self._place)
        if not log.exists():
            return []
        rows = self._place.read(log.newest()).where(f"view = '{view}'").collect()
        return sorted((row.asDict() for row in rows), key=lambda row: row["refreshed_at"])


def read_statistics(place: TablePlace, view: FeatureView) -> dict[str, dict[str, Any]]:
    """Return the row of ``features.statistics`` of each feature of the view in its present definition, by name.

    Empty if there is no such table, or this definition was not measured.
    """
    from pyspark.sql import functions as F

    log = open_log(place)
    if not log.exists():
        return {}
    rows = place.read(log.newest()).where((F.col("view") == view.label) & (F.col("digest") == view.digest))
    return {row["feature"]: row.asDict() for row in rows.collect()}
