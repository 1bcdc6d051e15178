"""What batch runs and streams answered: figures of their predictions, and of versions scored beside the champion."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from boathouse.monitoring.measures import ALL_ROWS, Measure
from boathouse.monitoring.windows import newest_cohorts, window_of
from boathouse.problem.scored_tables import CHAMPION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from pyspark.sql import DataFrame

    from boathouse.monitoring.service_options import ServiceOptions
    from boathouse.monitoring.windows import Period

BATCH, STREAM = "batch_inference", "stream_inference"
DIFFERENCE, DISAGREEMENT = "challenger_mean_difference", "challenger_disagreement"


@dataclass(frozen=True, kw_only=True)
class AnswerColumns:
    """The columns by which answers are measured.

    Attributes:
        identity: What identifies a row scored, its date included.
        time: The date.
        main: Column of the answer that is watched.
        decision: Column of the decision, or None for a task without.
        period: Time between two cohorts.
    """

    identity: Sequence[str]
    time: str
    main: str
    decision: str | None
    period: Period


def measure_batch(
    predictions: DataFrame | None,
    quarantine: DataFrame | None,
    as_of: date,
    *,
    columns: AnswerColumns,
    options: ServiceOptions,
) -> list[Measure]:
    """Return rows, mean answer and share of failed rows of each cohort, version and role, and the versions compared.

    A version scored beside the champion is measured in the scope ``role=challenger``, and compared with the champion on
    the rows that both scored.
    """
    if predictions is None:
        return []
    visible = predictions.where(F.col(columns.time) <= F.lit(as_of))
    newest = newest_cohorts(visible, options.cohorts, time=columns.time)
    groups = [columns.time, "model_version", "role"]
    failed = _count_failed(quarantine, groups)
    measures = []
    for row in _aggregate(newest, groups, columns.main):
        scope = ALL_ROWS if row["role"] == CHAMPION else f"role={row['role']}"
        lost = failed.get(tuple(row[name] for name in groups), 0)
        measures += _describe_group(row, BATCH, scope, lost, columns=columns, options=options)
    return measures + _compare_versions(newest, columns=columns, options=options)


def measure_stream(
    answers: DataFrame | None,
    dead_letters: DataFrame | None,
    as_of: date,
    *,
    columns: AnswerColumns,
    options: ServiceOptions,
) -> list[Measure]:
    """Return rows, mean answer and share of failed requests of each cohort and version that a stream answered.

    Requests that were sent twice are no failures.
    """
    if answers is None:
        return []
    groups = [columns.time, "model_version"]
    newest = newest_cohorts(answers.where(F.col(columns.time) <= F.lit(as_of)), options.cohorts, time=columns.time)
    lost = None if dead_letters is None else dead_letters.where(F.col("kind") != F.lit("duplicate"))
    failed = _count_failed(lost, [columns.time])
    measures = []
    for row in _aggregate(newest, groups, columns.main):
        count = failed.get((row[columns.time],), 0)
        measures += _describe_group(row, STREAM, ALL_ROWS, count, columns=columns, options=options)
    return measures


def count_by_run(predictions: DataFrame | None) -> dict[str, int]:
    """Return the predictions of each MLflow run that scored any."""
    if predictions is None:
        return {}
    rows = predictions.groupBy("run_id").agg(F.count(F.lit(1)).alias("rows")).collect()
    return {row["run_id"]: int(row["rows"]) for row in rows if row["run_id"]}


def _aggregate(rows: DataFrame, groups: list[str], main: str) -> list[Mapping[str, Any]]:
    value = F.col(main)
    found = rows.groupBy(*groups).agg(
        F.count(F.lit(1)).alias("rows"), F.avg(value).alias("mean"), F.stddev_samp(value).alias("deviation")
    )
    return sorted((row.asDict() for row in found.collect()), key=lambda row: tuple(str(row[name]) for name in groups))


def _count_failed(rows: DataFrame | None, groups: list[str]) -> dict[tuple[Any, ...], int]:
    if rows is None:
        return {}
    found = rows.groupBy(*groups).agg(F.count(F.lit(1)).alias("rows")).collect()
    return {tuple(row[name] for name in groups): int(row["rows"]) for row in found}


def _describe_group(
    row: Mapping[str, Any], subject: str, scope: str, failed: int, *, columns: AnswerColumns, options: ServiceOptions
) -> list[Measure]:
    window, version = window_of(row[columns.time], columns.period), row["model_version"]
    return describe_answers(
        Answers(int(row["rows"]), failed, row["mean"], row["deviation"]),
        Measure(
            kind="prediction", metric="", subject=subject, window=window, value=None, scope=scope, model_version=version
        ),
        main=columns.main,
        confidence=options.confidence,
    )


@dataclass(frozen=True)
class Answers:
    """How many were answered and how many were not, with mean and standard deviation of the answers."""

    rows: int
    failed: int
    mean: float | None
    deviation: float | None


def describe_answers(answers: Answers, of: Measure, *, main: str, confidence: float) -> list[Measure]:
    """Return the measures ``predictions``, ``mean_<main>`` and ``failed_share`` about what ``of`` is about."""
    from boathouse.endpoints.experiments.statistics import wilson_interval

    total = answers.rows + answers.failed
    half = _half_width(answers.deviation, answers.rows, confidence)
    mean = answers.mean
    low, high = wilson_interval(answers.failed, total, confidence)
    return [
        replace(of, metric="predictions", value=float(answers.rows), rows=total),
        replace(
            of,
            metric=f"mean_{main}",
            value=mean,
            low=None if mean is None or half is None else mean - half,
            high=None if mean is None or half is None else mean + half,
            rows=answers.rows,
            status="measured" if mean is not None else "not_estimable",
        ),
        replace(
            of, metric="failed_share", value=answers.failed / total if total else None, low=low, high=high, rows=total
        ),
    ]


def _half_width(deviation: float | None, rows: int, confidence: float) -> float | None:
    if deviation is None or not math.isfinite(deviation) or rows < 2:
        return None
    from boathouse.endpoints.experiments.statistics import normal_quantile

    return normal_quantile(confidence) * deviation / math.sqrt(rows)


def _compare_versions(rows: DataFrame, *, columns: AnswerColumns, options: ServiceOptions) -> list[Measure]:
    """Return each other version against the champion on the rows that both scored, cohort by cohort."""
    main, decision = columns.main, columns.decision
    answer = [main] if decision is None else [main, decision]
    champion = rows.where(F.col("role") == CHAMPION).select(
        *columns.identity,
        F.col("model_version").alias("champion"),
        *[F.col(each).alias(f"own_{each}") for each in answer],
    )
    others = rows.where(F.col("role") != CHAMPION).select(*columns.identity, "model_version", *answer)
    differs = F.lit(0.0) if decision is None else (F.col(decision) != F.col(f"own_{decision}")).cast("double")
    paired = others.join(champion, list(columns.identity)).select(
        columns.time,
        "model_version",
        "champion",
        (F.col(main) - F.col(f"own_{main}")).alias("difference"),
        differs.alias("differs"),
    )
    found = paired.groupBy(columns.time, "model_version", "champion").agg(
        F.count(F.lit(1)).alias("rows"),
        F.avg("difference").alias("mean"),
        F.stddev_samp("difference").alias("deviation"),
        F.sum("differs").alias("differs"),
    )
    measures = []
    for row in sorted(found.collect(), key=lambda each: (each[columns.time], each["model_version"])):
        of = Measure(
            kind="prediction",
            metric="",
            subject=BATCH,
            window=window_of(row[columns.time], columns.period),
            value=None,
            scope="role=challenger",
            model_version=row["model_version"],
            compared_with=f"champion version {row['champion']}",
            rows=int(row["rows"]),
        )
        pairs = Pairs(
            int(row["rows"]), row["mean"], row["deviation"], None if decision is None else int(row["differs"])
        )
        measures += describe_pairs(pairs, of, confidence=options.confidence)
    return measures


@dataclass(frozen=True)
class Pairs:
    """Two answers to the same rows: how many, mean and standard deviation of second less first, other decisions."""

    rows: int
    mean: float
    deviation: float | None
    differing: int | None


def describe_pairs(pairs: Pairs, of: Measure, *, confidence: float) -> list[Measure]:
    """Return the mean difference of two versions on the same rows, and the share of rows they decide otherwise."""
    from boathouse.endpoints.experiments.statistics import wilson_interval

    half = _half_width(pairs.deviation, pairs.rows, confidence)
    low, high = (None, None) if half is None else (pairs.mean - half, pairs.mean + half)
    measures = [replace(of, metric=DIFFERENCE, value=pairs.mean, low=low, high=high)]
    if pairs.differing is not None:
        ends = wilson_interval(pairs.differing, pairs.rows, confidence)
        share = pairs.differing / pairs.rows
        measures.append(replace(of, metric=DISAGREEMENT, value=share, low=ends[0], high=ends[1]))
    return measures
