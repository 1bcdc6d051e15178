"""Scoring one batch of rows, none lost and none doubled: the code that batch, stream and command line share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from boathouse.errors import DataQualityError
from boathouse.problem.scored_tables import NOT_FINITE
from boathouse.scoring.batch import score_frame
from boathouse.scoring.files import digest_of
from boathouse.scoring.spec import LARGEST, NO_FEATURE_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

    from boathouse.inference.models import RoleModel


_BROKEN = "broken_rules"
_ID_DIGITS = 32


@dataclass(frozen=True)
class SplitRows:
    """Rows that can be scored, and those that go to quarantine with the reason."""

    scorable: DataFrame
    quarantined: DataFrame


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Provenance written to each prediction of a run.

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
    given: Sequence[str] = (),
    carried: Sequence[str] = (),
) -> SplitRows:
    """Return ``rows`` with their features as stamped predictions, and those that cannot be scored with the reasons.

    Args:
        rows: Keys, time, the model's features, and ``event``, ``given`` and ``carried`` if named; other columns are
            dropped.
        stamp: Model and origin.
        keys: Columns of the key.
        time: Column of the date.
        reason_count: Reasons of an adverse decision, at most.
        event: Column with the id of the request; None in batch.
        given: Columns of numbers that came with the row and were not looked up: they are part of its id.
        carried: Columns that predictions and quarantined rows keep.
    """
    features, spec = stamp.model.model.features, stamp.model.model.feature_spec
    computed = () if spec is None else tuple(each.name for each in spec.on_demand)
    identity = [*keys, time, *carried]
    split = split_scorable(rows, keys=identity, features=features, computed=computed)
    scored = score_frame(split.scorable, stamp.model.model.files, reason_count=reason_count)
    digest = digest_of(stamp.model.model.files)
    identifier = prediction_id_column(keys, time, digest=digest, role=stamp.model.role, event=event, given=given)
    ready = scored.select(*identity, identifier.alias("prediction_id"), *stamp.model.model.scorer.outputs.names)
    version, role = F.lit(stamp.model.model.version), F.lit(stamp.model.role)
    held_back = split.quarantined.withColumn("model_version", version).withColumn("role", role)
    return SplitRows(stamp_predictions(ready, stamp), held_back)


def split_scorable(
    joined: DataFrame, *, keys: Sequence[str], features: Sequence[str], computed: Collection[str] = ()
) -> SplitRows:
    """Return ``joined`` split by whether it can be scored; the quarantine has ``keys`` and ``broken_rules``.

    A row without any known feature has only nulls; a model would still score it, with a meaningless number. An
    infinite feature is a fault upstream.

    Args:
        joined: Rows with the features.
        keys: Columns that both parts keep.
        features: What the model takes.
        computed: Those that are computed on demand: they may have a value for an entity that is not known at all.
    """
    telling = [name for name in features if name not in computed] or features
    unknown = reduce(and_, [F.col(name).isNull() | F.isnan(name) for name in telling])
    rules = [F.when(unknown, F.lit(NO_FEATURE_ROW))]
    rules += [F.when(is_infinite(name), F.lit(f"{name}_{NOT_FINITE}")) for name in features]
    judged = joined.withColumn(_BROKEN, F.array_compact(F.array(*rules)))
    return SplitRows(
        judged.where(F.size(_BROKEN) == 0).drop(_BROKEN), judged.where(F.size(_BROKEN) > 0).select(*keys, _BROKEN)
    )


def is_infinite(name: str) -> Column:
    """Return whether an estimator would take the number in a column for infinite: it computes in single precision."""
    return ~F.isnan(name) & (F.abs(F.col(name)) > F.lit(LARGEST))


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


def hold_rows(frame: DataFrame, *, rows: int = 0, limit: int = 0) -> DataFrame:
    """Return ``frame`` computed once and held on the driver, unless its ``rows`` exceed ``limit``.

    Neither engine keeps a frame for later readers (Sail ignores ``cache``): without this a model runs for the count,
    for the checks and for the write.
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
    """Return date, version and role of the cohorts that were scored completely from the same table versions.

    Args:
        before: Predictions and quarantined rows so far; None where there are none.
        time: Column of the date.
        cohorts: Rows of each date in a complete cohort.
        data_versions: Tables and versions as predictions record them.
    """
    predictions, quarantine = before
    if predictions is None or quarantine is None:
        return frozenset()
    slices = [time, "model_version", "role"]
    same = F.concat_ws(",", "data_versions") == F.lit(",".join(data_versions))
    counts = {tuple(row[:3]): int(row[3]) for row in predictions.where(same).groupBy(*slices).count().collect()}
    for row in quarantine.groupBy(*slices).count().collect():
        if tuple(row[:3]) in counts:
            counts[tuple(row[:3])] += int(row[3])
    return frozenset(key for key, rows in counts.items() if cohorts.get(key[0]) == rows)


def prediction_id_column(
    keys: Sequence[str],
    time: str,
    *,
    digest: str,
    role: str,
    event: str | None = None,
    given: Sequence[str] = (),
) -> Column:
    """Return the id of a prediction: the same in every run and on every engine, without a person's key in it.

    It is the first 32 hexadecimal digits of SHA-256 over
    ``<SHA-256 of the key>|<date>|<digest>|<role>[|<event>][|?<values>]``. The values are those that came with the row
    and are known, ``<column>=<XXH64 of the number>`` in the order of their names, divided by commas: two rows that
    differ in one of them are two predictions. Separators within a text are escaped by a backslash.

    Args:
        keys: Columns of the key, joined by ``/`` before they are hashed.
        time: Column of the date, written YYYY-MM-DD.
        digest: Digest of the model's files.
        role: ``champion`` or ``challenger``.
        event: Column with the id of the request; None in batch, where a key and date are scored once.
        given: Columns of numbers that came with the row; null and NaN are both unknown, 1 and 1.0 the same.
    """
    key = F.sha2(F.concat_ws("/", *[_escape(F.col(name).cast("string"), "/") for name in keys]), 256)
    parts = [key, F.col(time).cast("string"), F.lit(digest), F.lit(role)]
    parts += [] if event is None else [_escape(F.col(event), "|?")]
    # What is null is left out: a row with no known value has the id of a row that brought none.
    parts += [_write_values(given)] if given else []
    return F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, _ID_DIGITS)


def _escape(text: Column, separators: str) -> Column:
    for letter in ("\\", *separators):
        text = F.replace(text, F.lit(letter), F.lit(f"\\{letter}"))
    return text


def _write_values(names: Sequence[str]) -> Column:
    """Return the known values as text, null without any; engines write numbers differently, but hash them alike."""
    texts = []
    for name in sorted(names):
        # Adding zero makes one of the two zeros.
        number = F.col(name).cast("double") + F.lit(0.0)
        known = number.isNotNull() & ~F.isnan(number)
        texts.append(F.when(known, F.concat(F.lit(f"{name}="), F.xxhash64(number).cast("string"))))
    return F.when(F.coalesce(*texts).isNotNull(), F.concat(F.lit("?"), F.concat_ws(",", *texts)))
