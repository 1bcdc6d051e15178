"""Reading the inference log of one endpoint back, from a moment on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.tables.delta_log import open_log, read_local_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.tables.location import TableLocation


def read_entries(
    place: TableLocation, endpoint: str, *, since: datetime, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the entries of ``endpoint`` with ``since <= request_time < until``, oldest first; none without a table.

    Args:
        place: Of ``<env>.inference.endpoint_log``.
        endpoint: Name of the endpoint.
        since: Aware, inclusive.
        until: Aware, exclusive; None: no end.
    """
    if not open_log(place).exists():
        return []
    since = since.astimezone(UTC)
    end = None if until is None else until.astimezone(UTC)
    rows = _read_local(place.path, endpoint, since, end) if place.path else _read_catalog(place, endpoint, since, end)
    found: list[dict[str, Any]] = rows.sort_by("request_time").to_pylist()
    return found


def _read_local(path: str, endpoint: str, since: datetime, until: datetime | None) -> pa.Table:
    import pyarrow.compute as pc

    # The day is the folder: others are not opened.
    keep = (pc.field("request_date") >= since.date()) & (pc.field("request_time") >= since)
    if until is not None:
        keep &= (pc.field("request_date") <= until.date()) & (pc.field("request_time") < until)
    return read_local_rows(path, keep & (pc.field("endpoint") == endpoint))


def _read_catalog(place: TableLocation, endpoint: str, since: datetime, until: datetime | None) -> pa.Table:
    from pyspark.sql import functions as F

    frame = place.read(place.require_version()).where(F.col("endpoint") == endpoint)
    frame = frame.where((F.col("request_date") >= F.lit(since.date())) & (F.col("request_time") >= F.lit(since)))
    if until is not None:
        frame = frame.where(F.col("request_time") < F.lit(until))
    return frame.toArrow()
