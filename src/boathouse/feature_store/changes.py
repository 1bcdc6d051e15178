"""Which keys of a feature table changed since the version that is live, by the cheapest way that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.errors import TableError
from boathouse.tables.changes import SIGN, has_feed, read_changed_files, read_feed
from boathouse.tables.commits import describe_failure

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from boathouse.core.features import FeatureView
    from boathouse.tables.location import TableLocation


@dataclass(frozen=True)
class ChangedKeys:
    """Keys with rows that are not the same in both versions.

    Attributes:
        table: One row per key.
        told_by: ``change feed``, ``changed files`` or ``comparison of all rows``; with the reason for not being the
            first of these that the engine offers.
    """

    table: pa.Table
    told_by: str


def find_changed_keys(view: FeatureView, place: TableLocation, *, since: int, until: int) -> ChangedKeys:
    """Return the keys of ``view`` whose rows differ between two versions of its table.

    Delta's change feed tells where the table has one and the engine can read it. Else the files that only one of the
    versions has are compared, and where files do not tell, all rows of both. All three give the same keys.

    Raises:
        TableError: If none of the three can be had, since the older version was vacuumed.
    """
    from pyspark.errors import PySparkException

    failed: list[str] = []
    for told_by, rows in _ways(view, place, since, until):
        try:
            return ChangedKeys(_net_keys(view, rows).toArrow(), "; ".join([told_by, *failed]))
        except PySparkException as error:
            failed.append(f"the {told_by} cannot be read ({describe_failure(error)})")
    raise TableError(
        f"Table '{place.table}': what changed from version {since} to {until} is unknown: {'; '.join(failed)}. "
        "Publish all of it: boathouse features publish --mode full."
    )


def _ways(view: FeatureView, place: TableLocation, since: int, until: int) -> Iterator[tuple[str, DataFrame]]:
    from pyspark.sql import functions as F

    if has_feed(place):
        yield "change feed", read_feed(place, since, until)
    files = read_changed_files(place, since, until)
    if files is not None:
        yield "changed files", files
    columns = list(view.columns)
    before, now = (place.read(version).select(*columns) for version in (since, until))
    rows = now.withColumn(SIGN, F.lit(1)).unionByName(before.withColumn(SIGN, F.lit(-1)))
    yield "comparison of all rows", rows


def _net_keys(view: FeatureView, signed: DataFrame) -> DataFrame:
    """Return the keys of rows whose signs do not add up to zero: a row in both versions does."""
    from pyspark.sql import functions as F

    net = signed.groupBy(*view.columns).agg(F.sum(SIGN).alias(SIGN)).where(F.col(SIGN) != 0)
    return net.select(*view.key_names).distinct()
