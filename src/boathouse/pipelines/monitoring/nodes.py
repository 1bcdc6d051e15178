"""Steps of monitoring, composed of core and use case."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.core.modelling.task import BINARY
from boathouse.core.monitoring import rows
from boathouse.core.monitoring.alerts import Alert
from boathouse.core.monitoring.contracts import ALERTS, DRIFT_METRICS, PERFORMANCE
from boathouse.core.monitoring.drift import ColumnDrift, compare_tables
from boathouse.core.monitoring.findings import Findings, raise_alerts
from boathouse.core.monitoring.labels import LabelRate, compare_labels, count_labels
from boathouse.core.monitoring.options import DriftOptions, PerformanceOptions, PlaceOptions
from boathouse.core.monitoring.performance import CohortPerformance, ScoredCohort, measure_cohort
from boathouse.core.monitoring.scored import (
    ScoredWindow,
    champion_rows,
    find_window,
    join_labels,
    newest_cohorts,
    split_cohorts,
    thin_rows,
)
from boathouse.use_case.features import ENTITY_KEYS, FEATURE_NAMES, KNOWN_COLUMN, TIME_COLUMN
from boathouse.use_case.label import LABEL
from boathouse.use_case.spine import labels_known_on

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = [*ENTITY_KEYS, TIME_COLUMN]


def resolve_date(statements: DataFrame, as_of: str | None) -> date:
    """Return what the run pretends to know."""
    from boathouse.core.tables.as_of import resolve_as_of

    return resolve_as_of(as_of, statements, known_column=KNOWN_COLUMN)


def find_scored(predictions: DataFrame, as_of: date, place: PlaceOptions) -> ScoredWindow:
    """Return the newest cohort scored up to ``as_of`` and the version that scored it."""
    return find_window(champion_rows(predictions), as_of, time=TIME_COLUMN, environment=place.environment)


def compare_features(
    training_set: DataFrame, features: DataFrame, window: ScoredWindow, options: DriftOptions
) -> list[ColumnDrift]:
    """Return the drift of each feature of the newest cohort against the newest rows the model was trained on."""
    trained = training_set.where(F.col("split") == "train")
    reference_rows = newest_cohorts(trained, options.reference_cohorts, time=TIME_COLUMN)
    sides = (reference_rows, features.where(F.col(TIME_COLUMN) == F.lit(window.newest)))
    thinned = [thin_rows(side, options.max_rows, keys=KEYS, rows=side.count()) for side in sides]
    watched = [name for name in FEATURE_NAMES if name not in options.ignored]
    reference, current = (side.select(*watched).toArrow() for side in thinned)
    return compare_tables(reference, current, columns=watched, options=options)


def gather_cohorts(predictions: DataFrame, labels: DataFrame, as_of: date) -> list[ScoredCohort]:
    """Return every cohort scored up to ``as_of``, with the labels known by then."""
    scored = champion_rows(predictions).where(F.col(TIME_COLUMN) <= F.lit(as_of))
    named = labels.withColumnRenamed(LABEL, "label")
    joined = join_labels(scored, named, as_of, keys=KEYS)
    answer = [column.name for column in BINARY.outputs.columns]
    table = joined.select(*KEYS, "model_version", *answer, "label").toArrow()
    return split_cohorts(table, keys=ENTITY_KEYS, time=TIME_COLUMN, known_on=labels_known_on)


def compare_scores(cohorts: list[ScoredCohort], window: ScoredWindow, options: DriftOptions) -> list[ColumnDrift]:
    """Return the drift of what the model answers against the cohort before, scored by the same version."""
    import pyarrow as pa

    own = {cohort.cohort: cohort for cohort in cohorts if cohort.model_version == window.model_version}
    if window.previous is None:
        return []
    name, _ = own[window.newest].watched
    before, after = (pa.table(dict([own[day].watched])) for day in (window.previous, window.newest))
    return compare_tables(before, after, columns=[name], options=options)


def rate_labels(labels: DataFrame, as_of: date) -> list[LabelRate]:
    """Return the label rate of each cohort whose labels are known."""
    return count_labels(labels, as_of, time=TIME_COLUMN, label=LABEL)


def measure_cohorts(cohorts: list[ScoredCohort], options: PerformanceOptions) -> list[CohortPerformance]:
    """Return the figures of each scored cohort."""
    return [measure_cohort(cohort, options) for cohort in cohorts]


def gather_findings(
    features: list[ColumnDrift],
    scores: list[ColumnDrift],
    rates: list[LabelRate],
    *,
    cohorts: list[CohortPerformance],
    options: DriftOptions,
) -> Findings:
    """Return all findings in one."""
    labels = compare_labels(rates, label=LABEL, options=options)
    return Findings(features=features, scores=scores, labels=labels, rates=rates, cohorts=cohorts)


def judge_findings(findings: Findings, drift: DriftOptions, performance: PerformanceOptions) -> list[Alert]:
    """Return the alerts that follow from the findings."""
    return raise_alerts(findings, drift, performance)


def tabulate_drift(findings: Findings, window: ScoredWindow, as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.drift_metrics``; ``predictions`` only lends its session."""
    found = rows.drift_rows(findings.features, rows.ComparedWindows.against_baseline(window.newest), as_of=as_of)
    if findings.scores and window.previous:
        windows = rows.ComparedWindows.consecutive(window.previous, window.newest)
        found += rows.drift_rows(findings.scores, windows, as_of=as_of)
    if findings.labels:
        before, after = (rate.cohort for rate in findings.rates[-2:])
        found += rows.drift_rows(findings.labels, rows.ComparedWindows.consecutive(before, after), as_of=as_of)
    return _to_frame(found, rows.schema_of(DRIFT_METRICS), predictions)


def tabulate_performance(cohorts: list[CohortPerformance], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.performance``."""
    return _to_frame(rows.performance_rows(cohorts, as_of=as_of), rows.schema_of(PERFORMANCE), predictions)


def tabulate_alerts(alerts: list[Alert], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.alerts``."""
    return _to_frame(rows.alert_rows(alerts, as_of=as_of), rows.schema_of(ALERTS), predictions)


def _to_frame(found: Sequence[rows.Row], schema: str, lender: DataFrame) -> DataFrame:
    return lender.sparkSession.createDataFrame(list(found), schema)
