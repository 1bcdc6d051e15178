"""What is on record of a feature table: its refreshes, and the statistics measured when it was computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.features.registry import REFRESHES
from boathouse.tables.write import DeltaWriter
from boathouse.tables.write_options import WriteOptions

if TYPE_CHECKING:
    from datetime import date

    from boathouse.features.feature_view import FeatureView
    from boathouse.tables.location import TableLocation


class RefreshRecords:
    """The rows of ``audit.feature_refreshes``, one environment's."""

    def __init__(self, place: TableLocation) -> None:
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
        row = [tuple(record[column.name] for column in columns)]
        frame = self._place.session().createDataFrame(row, REFRESHES.ddl)
        options = WriteOptions(table=self._place.table, mode="merge", keys=REFRESHES.keys)
        DeltaWriter(self._place, options, REFRESHES).write(frame)

    def _read(self, view: str) -> list[dict[str, Any]]:
        rows = self._place.read_newest()
        records = [] if rows is None else rows.where(f"view = '{view}'").collect()
        return sorted((row.asDict() for row in records), key=lambda row: row["refreshed_at"])


def read_statistics(place: TableLocation, view: FeatureView) -> dict[str, dict[str, Any]]:
    """Return the row of ``features.statistics`` of each feature of the view in its present definition, by name.

    Empty if there is no such table, or this definition was not measured.
    """
    from pyspark.sql import functions as F

    stored = place.read_newest()
    if stored is None:
        return {}
    rows = stored.where((F.col("view") == view.label) & (F.col("digest") == view.digest))
    return {row["feature"]: row.asDict() for row in rows.collect()}
