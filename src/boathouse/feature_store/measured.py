"""Statistics of a view's features as they were measured when its table was computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boathouse.core.features import FeatureView
    from boathouse.tables.location import TableLocation


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
