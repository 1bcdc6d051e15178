"""Whether two frames hold the same rows, by a fingerprint of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import Column, DataFrame, Row

_PLAIN = ("tinyint", "smallint", "int", "bigint", "string", "boolean", "date", "timestamp", "timestamp_ntz", "binary")
ROWS, DIGEST = "fingerprint_rows", "fingerprint_digest"


@dataclass(frozen=True)
class Fingerprint:
    """Count and order-free sum of the rows' 64-bit hashes; equal frames have equal fingerprints.

    Two different frames agree by chance with a probability of about 2**-64.
    """

    rows: int
    digest: int

    @classmethod
    def from_row(cls, row: Row) -> Fingerprint:
        """Return the fingerprint from an aggregated row that has :func:`fingerprint_columns`."""
        return cls(int(row[ROWS]), int(row[DIGEST] or 0))


def fingerprint_columns(frame: DataFrame, *, ignore: Collection[str] = ()) -> list[Column]:
    """Return two aggregates over ``frame``: its row count and the sum of its rows' hashes.

    Order of rows and columns does not matter. Nulls count by the column they stand in; 0.0 equals
    -0.0 and every NaN equals every other.

    Args:
        frame: Whose columns are hashed.
        ignore: Columns left out, such as the time of writing.
    """
    from pyspark.sql import functions as F

    parts: list[Column] = []
    for name, dtype in sorted(frame.dtypes):
        if name not in ignore:
            # xxhash64 skips nulls, so that (1, null) and (null, 1) would be equal without the flags.
            parts += [_canonical(name, dtype), F.col(name).isNull()]
    row_hash = F.xxhash64(*parts) if parts else F.lit(0)
    # Sums of bigint overflow; 38 digits hold 10**19 rows.
    return [F.count(F.lit(1)).alias(ROWS), F.sum(row_hash.cast("decimal(38,0)")).alias(DIGEST)]


def compute_fingerprint(frame: DataFrame, *, ignore: Collection[str] = ()) -> Fingerprint:
    """Return the fingerprint of ``frame``; runs one aggregation."""
    return Fingerprint.from_row(frame.agg(*fingerprint_columns(frame, ignore=ignore)).collect()[0])


def _canonical(name: str, dtype: str) -> Column:
    """Return column ``name`` in a form in which equal values have equal hashes."""
    from pyspark.sql import functions as F

    column = F.col(name)
    if dtype in ("double", "float"):
        zero, nan = F.lit(0.0).cast(dtype), F.lit(float("nan")).cast(dtype)
        return F.when(column == 0, zero).when(F.isnan(column), nan).otherwise(column)
    if dtype in _PLAIN or dtype.startswith("decimal"):
        return column
    # Hashes of arrays and structs skip nulls inside them; their JSON does not.
    return F.to_json(F.struct(column))
