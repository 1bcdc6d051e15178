"""Which rows a run may see: those known by its as-of date or used in training by its cutoff, of a share of entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.errors import DataQualityError, OptionError
from boathouse.options import parse_date, require_between

if TYPE_CHECKING:
    from collections.abc import Sequence
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


def resolve_train_until(requested: str | date | None, as_of: date) -> date:
    """Return the cutoff of training: labels known later than it train, validate and test nothing.

    Args:
        requested: ISO date; None or an empty text for ``as_of``.
        as_of: Cutoff of the data visible to the run.

    Raises:
        OptionError: If ``requested`` is no date, or later than ``as_of``.
    """
    if not requested:
        return as_of
    until = parse_date("train_until", requested)
    if until > as_of:
        allowed = f"a date up to as_of, which is {as_of}. Give an earlier train_until, or a later as_of"
        raise OptionError.out_of_range("train_until", until.isoformat(), allowed)
    return until


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


def sample_entities(rows: DataFrame, keys: Sequence[str], options: SampleOptions) -> DataFrame:
    """Return the rows whose key falls into the sample; a key is in all tables or in none.

    The choice is a hash of key and salt, because engines disagree on random numbers. A table that lacks one of
    ``keys`` has no rows of single entities and is kept whole.
    """
    from pyspark.sql import functions as F

    if options.fraction == 1 or not set(keys) <= set(rows.columns):
        return rows
    bucket = F.pmod(F.xxhash64(*(F.col(key).cast("string") for key in keys), F.lit(options.salt)), F.lit(_BUCKETS))
    return rows.where(bucket < round(options.fraction * _BUCKETS))
