"""Scoring one batch of rows: nothing lost, nothing doubled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.core.errors import DataQualityError
from boathouse.core.inference.contracts import NO_FEATURE_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class SplitRows:
    """Rows that can be scored, and those that go to quarantine with the reason."""

    scorable: DataFrame
    quarantined: DataFrame


def split_scorable(joined: DataFrame, *, keys: Sequence[str], features: Sequence[str]) -> SplitRows:
    """Return ``joined`` split by whether any feature is known; the quarantine has ``keys`` and ``broken_rules``.

    A row without a feature row in any view has nothing but nulls; a model would score it all the
    same, with a probability that means nothing.
    """
    known = reduce(or_, [F.col(name).isNotNull() for name in features])
    reason = F.array(F.lit(NO_FEATURE_ROW)).alias("broken_rules")
    return SplitRows(joined.where(known), joined.where(~known).select(*keys, reason))


def fill_columns(frame: DataFrame, names: Sequence[str]) -> DataFrame:
    """Return the columns ``names`` of ``frame``; those it lacks are null doubles."""
    return frame.select(
        *[F.col(name) if name in frame.columns else F.lit(None).cast("double").alias(name) for name in names]
    )


def stamp_predictions(scored: DataFrame, *, name: str, version: str, scored_at: datetime) -> DataFrame:
    """Return ``scored`` with the model's name and version and the time of scoring on each row."""
    return (
        scored.withColumn("model_name", F.lit(name))
        .withColumn("model_version", F.lit(version))
        .withColumn("scored_at", F.lit(scored_at).cast("timestamp"))
    )


def hold_rows(frame: DataFrame, *, rows: int, limit: int) -> DataFrame:
    """Return ``frame`` computed once and held on the driver if it has at most ``limit`` rows, else as it is.

    Neither engine keeps a frame for its later readers by itself (Sail ignores ``cache``): without
    this a model runs for the count, for the checks and for the write.
    """
    return frame.sparkSession.createDataFrame(frame.toArrow()) if rows <= limit else frame


def check_balance(rows: int, *, scored: int, quarantined: int) -> None:
    """Check that every row that went in came out once.

    Raises:
        DataQualityError: With the three counts.
    """
    if rows != scored + quarantined:
        raise DataQualityError.unbalanced_scoring(rows, scored, quarantined)
