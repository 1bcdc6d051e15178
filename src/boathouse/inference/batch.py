"""Scoring one batch of rows: nothing lost, nothing doubled. Batch, stream and command line all come through here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.errors import DataQualityError
from boathouse.inference.identity import prediction_id_column
from boathouse.problem.scored_tables import NO_FEATURE_ROW, NOT_FINITE
from boathouse.scoring.batch import score_frame
from boathouse.scoring.files import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from boathouse.inference.models import RoleModel


_BROKEN = "broken_rules"


@dataclass(frozen=True)
class SplitRows:
    """Rows that can be scored, and those that go to quarantine with the reason."""

    scorable: DataFrame
    quarantined: DataFrame


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What each prediction of a run says of its origin.

    Attributes:
        model: Model and role.
        feature_versions: Views looked up, with digests and Delta versions.
        data_versions: Tables read, with Delta versions.
        run_id: MLflow run; empty without one.
        scored_at: Time of scoring, aware.
    """

    model: RoleModel
    feature_versions: Sequence[str]
    data_versions: Sequence[str]
    run_id: str
    scored_at: datetime


def score_rows(  # noqa: PLR0913 - names of columns, after the three that matter
    rows: DataFrame,
    stamp: Stamp,
    *,
    keys: Sequence[str],
    time: str,
    reason_count: int,
    event: str | None = None,
    carried: Sequence[str] = (),
) -> SplitRows:
    """Return ``rows`` with their features as stamped predictions, and those that cannot be scored with the reasons.

    Args:
        rows: Keys, time, the model's features, and ``event`` and ``carried`` if named; other columns are dropped.
        stamp: Model and origin.
        keys: Columns of the key.
        time: Column of the date.
        reason_count: Reasons for each row that owes some, at most.
        event: Column with the id of the event that asked; None in batch.
        carried: Columns that predictions and quarantined rows keep.
    """
    features = stamp.model.model.features
    identity = [*keys, time, *carried]
    split = split_scorable(rows, keys=identity, features=features)
    scored = score_frame(split.scorable, stamp.model.model.files, reason_count=reason_count)
    digest = digest_of(stamp.model.model.files)
    named = prediction_id_column(keys, time, digest=digest, role=stamp.model.role, event=event)
    ready = scored.select(*identity, named.alias("prediction_id"), *stamp.model.model.scorer.outputs.names)
    version, role = F.lit(stamp.model.model.version), F.lit(stamp.model.role)
    held_back = split.quarantined.withColumn("model_version", version).withColumn("role", role)
    return SplitRows(stamp_predictions(ready, stamp), held_back)


def split_scorable(joined: DataFrame, *, keys: Sequence[str], features: Sequence[str]) -> SplitRows:
    """Return ``joined`` split by whether it can be scored; the quarantine has ``keys`` and ``broken_rules``.

    A row of which no feature is known has nothing but nulls; a model would score it all the same, with a
    number that means nothing. An infinite feature is a fault upstream.
    """
    unknown = reduce(and_, [F.col(name).isNull() | F.isnan(name) for name in features])
    rules = [F.when(unknown, F.lit(NO_FEATURE_ROW))]
    rules += [F.when(_is_infinite(name), F.lit(f"{name}_{NOT_FINITE}")) for name in features]
    judged = joined.withColumn(_BROKEN, F.array_compact(F.array(*rules)))
    return SplitRows(
        judged.where(F.size(_BROKEN) == 0).drop(_BROKEN), judged.where(F.size(_BROKEN) > 0).select(*keys, _BROKEN)
    )


def _is_infinite(name: str) -> Column:
    return F.col(name).isin(float("inf"), float("-inf"))


def fill_columns(frame: DataFrame, columns: Mapping[str, str]) -> DataFrame:
    """Return ``columns`` (names and types) of ``frame``; those it lacks are null."""
    return frame.select(
        *[
            F.col(name) if name in frame.columns else F.lit(None).cast(dtype).alias(name)
            for name, dtype in columns.items()
        ]
    )


def stamp_predictions(scored: DataFrame, stamp: Stamp) -> DataFrame:
    """Return ``scored`` with model, role, versions, run and time of scoring on each row."""
    return scored.select(
        "*",
        F.lit(stamp.model.model.name).alias("model_name"),
        F.lit(stamp.model.model.version).alias("model_version"),
        F.lit(stamp.model.role).alias("role"),
        _texts(stamp.feature_versions).alias("feature_versions"),
        _texts(stamp.data_versions).alias("data_versions"),
        F.lit(stamp.run_id).alias("run_id"),
        F.lit(stamp.scored_at).cast("timestamp").alias("scored_at"),
    )


def _texts(values: Sequence[str]) -> Column:
    return F.array(*[F.lit(value) for value in values]).cast("array<string>")


def hold_rows(frame: DataFrame, *, rows: int, limit: int) -> DataFrame:
    """Return ``frame`` computed once and held on the driver if it has at most ``limit`` rows, else as it is.

    Neither engine keeps a frame for its later readers by itself (Sail ignores ``cache``): without
    this a model runs for the count, for the checks and for the write.
    """
    if rows > limit:
        return frame
    table = frame.toArrow()
    # Spark Connect takes an empty Arrow table for a list without a schema.
    return frame.sparkSession.createDataFrame(table if table.num_rows else [], None if table.num_rows else frame.schema)


def check_balance(rows: int, *, scored: int, quarantined: int) -> None:
    """Check that every row that went in came out once.

    Raises:
        DataQualityError: With the three counts.
    """
    if rows != scored + quarantined:
        raise DataQualityError(
            f"Scoring took {rows:,} rows in, but {scored:,} scored and {quarantined:,} quarantined came out. "
            "Nothing was published. Look for repeated keys in the feature tables, or rows dropped by the scorer."
        )


Finished = Collection[tuple[date, str, str]]


def list_cohorts(spine: DataFrame, *, time: str) -> dict[date, int]:
    """Return the number of rows of each date, oldest first; one action."""
    rows = spine.groupBy(time).count().collect()
    return {row[time]: int(row["count"]) for row in sorted(rows, key=lambda row: row[time])}


def find_finished(
    before: tuple[DataFrame | None, DataFrame | None],
    *,
    time: str,
    cohorts: dict[date, int],
    data_versions: Collection[str],
) -> Finished:
    """Return date, version and role of the cohorts that were scored whole from the very same table versions.

    Args:
        before: Predictions and quarantined rows so far; None where there are none.
        time: Column of the date.
        cohorts: Rows of each date that a whole cohort has.
        data_versions: Tables and versions as the predictions state them.
    """
    predictions, quarantine = before
    if predictions is None or quarantine is None:
        return frozenset()
    slices = [time, "model_version", "role"]
    same = F.concat_ws(",", "data_versions") == F.lit(",".join(data_versions))
    found = {tuple(row[:3]): int(row[3]) for row in predictions.where(same).groupBy(*slices).count().collect()}
    for row in quarantine.groupBy(*slices).count().collect():
        if tuple(row[:3]) in found:
            found[tuple(row[:3])] += int(row[3])
    return frozenset(key for key, rows in found.items() if cohorts.get(key[0]) == rows)
