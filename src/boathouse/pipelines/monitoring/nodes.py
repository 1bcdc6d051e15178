"""Steps of monitoring, made for a use case."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.errors import BoathouseError, TableError
from boathouse.inference.batch import hold_rows
from boathouse.inference.models import ChampionCheck, ModelVersions
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.vacancy import NoChampion
from boathouse.modelling.result import LoadedModel
from boathouse.monitoring.alerts import Alert, Findings, raise_alerts
from boathouse.monitoring.drift import ColumnDrift, compare_tables, group_reasons
from boathouse.monitoring.drift_table import DRIFT_METRICS, Row, drift_rows
from boathouse.monitoring.options import DriftOptions, PerformanceOptions, PlaceOptions
from boathouse.monitoring.performance import (
    CohortPerformance,
    LabelRate,
    ScoredCohort,
    compare_labels,
    count_labels,
    measure_cohort,
)
from boathouse.monitoring.reference import (
    Baseline,
    TableVersions,
    WatchedColumns,
    describe_replacement,
    read_reference,
    take_columns,
)
from boathouse.monitoring.tables import (
    ALERTS,
    PERFORMANCE,
    alert_rows,
    performance_rows,
)
from boathouse.monitoring.windows import (
    ComparedWindows,
    ScoredWindow,
    champion_rows,
    find_window,
    join_labels,
    split_cohorts,
)
from boathouse.problem.spec import UseCase
from boathouse.problem.tables import inference_features

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)


def resolve_date(rows: DataFrame, as_of: str | None, *, use_case: UseCase) -> date:
    """Return the as-of date: cutoff of the data visible to the run."""
    from boathouse.tables.scope import resolve_as_of

    return resolve_as_of(as_of, rows, known_column=use_case.known_column)


def read_clock() -> datetime:
    """Return the current time in UTC, for what approvals are worth now."""
    return datetime.now(UTC)


def find_scored(
    predictions: DataFrame | None,
    as_of: date,
    place: PlaceOptions,
    *,
    state: ModelState,
    governance: GovernanceOptions,
    now: datetime,
    strict: bool,
    use_case: UseCase,
) -> ScoredWindow | NoChampion:
    """Return the newest cohort scored up to ``as_of`` and the version that scored it.

    Where no champion has scored anything yet, that is returned instead, and nothing is monitored.

    Raises:
        BoathouseError: If there is a champion and it has scored nothing.
        ModelError: If the run is strict, and there is neither.
    """
    if predictions is None and state.champion is None:
        return ChampionCheck(state=state, governance=governance, now=now, strict=strict).explain()
    if predictions is None:
        raise BoathouseError(
            f"There are no predictions in environment '{place.environment}'. "
            f"Make them with: kedro run --pipeline batch_inference --env {place.environment}"
        )
    return find_window(champion_rows(predictions), as_of, time=use_case.time_column, environment=place.environment)


def compare_features(
    features: DataFrame,
    window: ScoredWindow,
    versions: ModelVersions,
    tables: TableVersions,
    *,
    options: DriftOptions,
    use_case: UseCase,
) -> tuple[list[ColumnDrift], Baseline]:
    """Return the drift of each input of the model that scored the newest cohort, and what it was compared with.

    Compared is the cohort with the newest rows that this very version was trained on, as they were then. Where they
    cannot be read, it is the cohort scored before, and the alerts say so.
    """
    model = versions.load(window.model_version)
    columns = WatchedColumns.of_model(model, options, tuple(inference_features(use_case)))
    time, keys = use_case.time_column, use_case.identity
    read = partial(take_columns, options=options, columns=columns.names, keys=keys)
    cohort = partial(_take_cohort, features, time=time)
    try:
        title, reference = read_reference(model, tables, options=options, columns=columns.names, time=time, keys=keys)
        columns = columns.without(set(columns.names) - set(reference.column_names))
        baseline = Baseline(title=title, absent=columns.absent)
    except TableError as error:
        _log.warning("%s", error)
        baseline = replace(describe_replacement(window, error), absent=columns.absent)
        if baseline.cohort is None:
            return [], baseline
        reference = read(cohort(baseline.cohort))
    _tell_left_out(columns, model)
    return compare_tables(
        reference,
        read(cohort(window.newest)),
        columns=columns.inputs,
        options=options,
        besides=columns.besides,
        left_out=columns.left_out,
    ), baseline


def _take_cohort(features: DataFrame, day: date, *, time: str) -> DataFrame:
    return features.where(F.col(time) == F.lit(day))


def _tell_left_out(columns: WatchedColumns, model: LoadedModel) -> None:
    """Log which inputs of the model conf leaves out, and what it wants judged that is not there."""
    for reason, names in group_reasons(columns.left_out).items():
        _log.warning(
            "Conf has %s of the %s inputs of %s version %s measured but not judged: %s (%s).",
            len(names),
            len(model.features),
            model.name,
            model.version,
            ", ".join(names),
            reason,
        )
    for name, reason in columns.absent.items():
        _log.warning("monitoring.drift.also_watched names %s: not compared, %s.", name, reason)


def gather_cohorts(
    predictions: DataFrame,
    labels: DataFrame,
    as_of: date,
    window: ScoredWindow,  # noqa: ARG001 - without one there are no predictions
    *,
    use_case: UseCase,
) -> list[ScoredCohort]:
    """Return every cohort scored up to ``as_of``, with the labels known by then."""
    time, label = use_case.time_column, use_case.label
    scored = champion_rows(predictions).where(F.col(time) <= F.lit(as_of))
    named = labels.withColumnRenamed(label.name, "label")
    joined = join_labels(scored, named, as_of, keys=use_case.identity)
    answer = [column.name for column in use_case.task.outputs.columns]
    table = joined.select(*use_case.identity, "model_version", *answer, "label").toArrow()
    return split_cohorts(table, keys=use_case.keys, time=time, known_on=label.known_on, task=use_case.task)


def compare_scores(cohorts: list[ScoredCohort], window: ScoredWindow, options: DriftOptions) -> list[ColumnDrift]:
    """Return the drift of what the model answers against the cohort before, scored by the same version."""
    import pyarrow as pa

    own = {cohort.cohort: cohort for cohort in cohorts if cohort.model_version == window.model_version}
    if window.previous is None:
        return []
    name, _ = own[window.newest].watched
    before, after = (pa.table(dict([own[day].watched])) for day in (window.previous, window.newest))
    return compare_tables(before, after, columns=[name], options=options)


def rate_labels(labels: DataFrame, as_of: date, *, use_case: UseCase) -> list[LabelRate]:
    """Return the label rate of each cohort whose labels are known."""
    return count_labels(labels, as_of, time=use_case.time_column, label=use_case.label.name)


def measure_cohorts(
    cohorts: list[ScoredCohort], options: PerformanceOptions, *, use_case: UseCase
) -> list[CohortPerformance]:
    """Return the figures of each scored cohort."""
    task, adverse = use_case.task, use_case.label.adverse
    return [measure_cohort(cohort, options, task=task, adverse=adverse) for cohort in cohorts]


def gather_findings(
    features: list[ColumnDrift],
    scores: list[ColumnDrift],
    rates: list[LabelRate],
    *,
    cohorts: list[CohortPerformance],
    baseline: Baseline,
    options: DriftOptions,
    use_case: UseCase,
) -> Findings:
    """Return all findings in one."""
    labels = compare_labels(rates, label=use_case.label.name, options=options, task=use_case.task)
    return Findings(features=features, scores=scores, labels=labels, rates=rates, cohorts=cohorts, baseline=baseline)


def judge_findings(
    findings: Findings, drift: DriftOptions, performance: PerformanceOptions, *, use_case: UseCase
) -> list[Alert]:
    """Return the alerts that follow from the findings."""
    return raise_alerts(findings, drift, performance, task=use_case.task)


def list_drift(findings: Findings, window: ScoredWindow, as_of: date, *, use_case: UseCase) -> list[Row]:
    """Return the rows of ``monitoring.drift_metrics``, in the order of its contract."""
    period, version, baseline = use_case.words.period, window.model_version, findings.baseline
    windows = ComparedWindows.against_baseline(window.newest, period)
    if baseline and baseline.cohort:
        windows = ComparedWindows.consecutive(baseline.cohort, window.newest, period)
    reference = baseline.title if baseline else None
    rows = drift_rows(findings.features, windows, as_of=as_of, reference=reference, model_version=version)
    if findings.scores and window.previous:
        windows = ComparedWindows.consecutive(window.previous, window.newest, period)
        rows += drift_rows(findings.scores, windows, as_of=as_of, of_features=False, model_version=version)
    if findings.labels:
        before, after = (rate.cohort for rate in findings.rates[-2:])
        windows = ComparedWindows.consecutive(before, after, period)
        rows += drift_rows(findings.labels, windows, as_of=as_of, of_features=False)
    return rows


def tabulate_drift(
    findings: Findings, window: ScoredWindow, as_of: date, predictions: DataFrame, *, use_case: UseCase
) -> DataFrame:
    """Return the rows of ``monitoring.drift_metrics``; ``predictions`` only gives the Spark session."""
    return _to_frame(list_drift(findings, window, as_of, use_case=use_case), DRIFT_METRICS.ddl, predictions)


def tabulate_performance(cohorts: list[CohortPerformance], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.performance``."""
    return _to_frame(performance_rows(cohorts, as_of=as_of), PERFORMANCE.ddl, predictions)


def tabulate_alerts(alerts: list[Alert], as_of: date, predictions: DataFrame) -> DataFrame:
    """Return the rows of ``monitoring.alerts``."""
    return _to_frame(alert_rows(alerts, as_of=as_of), ALERTS.ddl, predictions)


def _to_frame(rows: Sequence[Row], schema: str, session_of: DataFrame) -> DataFrame:
    frame = session_of.sparkSession.createDataFrame(list(rows), schema)
    # Sail 0.7.2 replaces rows with arrays only if they come from an Arrow table.
    return hold_rows(frame)
