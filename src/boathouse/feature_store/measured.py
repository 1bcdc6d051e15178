"""Statistics of a view's features as they were measured when its table was computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.datasets.delta_log import open_log

if TYPE_CHECKING:
    from boathouse.core.features import FeatureView
    from boathouse.datasets.delta_place import TablePlace


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
