"""A fixed share of entities, the same in every table and on every engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.options import require_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

# Steps into which keys are spread; the finest fraction that can be told from zero.
_BUCKETS = 10_000


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
    ``keys`` says nothing of single entities and is kept whole.
    """
    from pyspark.sql import functions as F

    if options.fraction == 1 or not set(keys) <= set(rows.columns):
        return rows
    bucket = F.pmod(F.xxhash64(*(F.col(key).cast("string") for key in keys), F.lit(options.salt)), F.lit(_BUCKETS))
    return rows.where(bucket < round(options.fraction * _BUCKETS))
