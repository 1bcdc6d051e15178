"""Which rows a run may see: those known by its as-of date, of a fixed share of entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.errors import DataQualityError
from boathouse.core.options import parse_date, require_between

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame

# Steps into which keys are spread; the finest fraction above zero.
_BUCKETS = 10_000


def resolve_as_of(requested: str | None, rows: DataFrame, *, known_column: str) -> date:
    """Return ``requested`` as a date, or the newest date on which a row of ``rows`` became known.

    Args:
        requested: ISO date; None or an empty text, as a job parameter has it, for the newest.
        rows: A frame that has ``known_column``.
        known_column: Date from which a row of ``rows`` is known.

    Raises:
        OptionError: If ``requested`` is no date.
        DataQualityError: If there are no rows to take the newest date from.
    """
    if requested:
        return parse_date("as_of", requested)
    newest: date | None = rows.agg({known_column: "max"}).collect()[0][0]
    if newest is None:
        raise DataQualityError(
            f"No row has a date in '{known_column}', so the newest known date cannot be taken. "
            "Fill the table first, or name a date: --params as_of=YYYY-MM-DD."
        )
    return newest


@dataclass(frozen=True)
class SampleOptions:
    """How much of the data an environment works on.

    Attributes:
        fraction: Share of entities kept, above 0 up to 1.
        salt: Text that decides which ones; another text, another sample.
    """

    fraction: float
    salt: str

    def __post_init__(self) -> None:
        """Check the range."""
        require_between("fraction", self.fraction, 1 / _BUCKETS, 1)


def sample_entities(rows: DataFrame, key: str, options: SampleOptions) -> DataFrame:
    """Return the rows whose ``key`` falls into the sample; a key is in all tables or in none.

    The choice is a hash of key and salt, because engines disagree on random numbers.
    """
    from pyspark.sql import functions as F

    if options.fraction == 1:
        return rows
    bucket = F.pmod(F.xxhash64(F.col(key).cast("string"), F.lit(options.salt)), F.lit(_BUCKETS))
    return rows.where(bucket < round(options.fraction * _BUCKETS))
