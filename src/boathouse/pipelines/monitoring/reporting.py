"""The report, the figures and the closing summary of a monitoring run."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pyspark.sql import DataFrame

from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.vacancy import NoChampion, explain_no_champion
from boathouse.monitoring.alert_state import project_alerts
from boathouse.monitoring.alert_table import alert_state_rows
from boathouse.monitoring.alerts import Alert, Findings
from boathouse.monitoring.drift import ColumnDrift
from boathouse.monitoring.drift_table import DRIFT_METRICS
from boathouse.monitoring.history import (
    MonitoringHistory,
    ReportHead,
    TableRows,
    build_history,
    list_rows,
    name_rows,
)
from boathouse.monitoring.measures import MEASURES, Measure, measure_rows
from boathouse.monitoring.options import DriftOptions, PlaceOptions
from boathouse.monitoring.performance import CohortPerformance, ScoredCohort
from boathouse.monitoring.plots import plot_drift, plot_performance, plot_scores
from boathouse.monitoring.reference import describe_reference
from boathouse.monitoring.report import render_report
from boathouse.monitoring.slices import SlicedDrift
from boathouse.monitoring.summary import (
    RunFacts,
    describe_evaluation,
    describe_promotion,
    summarise_run,
    summarise_without_champion,
)
from boathouse.monitoring.tables import ALERTS, PERFORMANCE, performance_rows
from boathouse.monitoring.windows import ScoredWindow
from boathouse.pipelines.monitoring.drift_nodes import list_drift
from boathouse.problem.spec import UseCase

# matplotlib's Figure: Kedro resolves annotations at start-up, where importing matplotlib costs half a second.
Figure = Any


def draw_plots(
    drifts: list[ColumnDrift],
    scored: list[ScoredCohort],
    cohorts: list[CohortPerformance],
    options: DriftOptions,
    *,
    use_case: UseCase,
) -> tuple[Figure, Figure, Figure]:
    """Return the figures that Kedro-Viz shows: drift, scores, performance."""
    task = use_case.task
    scores = {f"{each.cohort}, version {each.model_version}": each.watched[1] for each in scored}
    return plot_drift(drifts, options), plot_scores(scores, task=task), plot_performance(cohorts, task=task)


def list_findings(
    findings: Findings,
    sliced: SlicedDrift,
    measures: list[Measure],
    records: list[AuditRecord],
    window: ScoredWindow,
    *,
    as_of: date,
    now: datetime,
    place: PlaceOptions,
    use_case: UseCase,
) -> TableRows:
    """Return what this run writes into the tables of monitoring."""
    states = project_alerts(records, until=as_of)
    alerts = alert_state_rows(states, as_of=as_of, now=now, environment=place.environment)
    return TableRows(
        measures=name_rows(MEASURES, measure_rows(measures, as_of=as_of)),
        performance=name_rows(PERFORMANCE, performance_rows(findings.cohorts, as_of=as_of)),
        alerts=name_rows(ALERTS, alerts),
        drift_metrics=name_rows(DRIFT_METRICS, list_drift(findings, sliced, window, as_of, use_case=use_case)),
    )


def gather_history(
    found: TableRows,
    findings: Findings,
    window: ScoredWindow,
    *,
    as_of: date,
    measures: DataFrame | None,
    performance: DataFrame | None,
    alerts: DataFrame | None,
    drift_metrics: DataFrame | None,
    place: PlaceOptions,
    state: ModelState,
    use_case: UseCase,
) -> MonitoringHistory:
    """Return this run's rows (``found``) after those that runs of earlier as-of dates left in the tables.

    A table that is not there yet is None.
    """
    tables = {"measures": measures, "performance": performance, "alerts": alerts, "drift_metrics": drift_metrics}
    past = {name: [row for row in list_rows(table) if row["as_of"] < as_of] for name, table in tables.items()}
    absent = findings.baseline.absent if findings.baseline else {}
    head = ReportHead(
        model=window.model_name,
        version=window.model_version,
        environment=place.environment,
        as_of=as_of,
        window=str(window.newest),
    )
    return build_history(
        head,
        TableRows(**{name: [*rows, *getattr(found, name)] for name, rows in past.items()}),
        task=use_case.task,
        period=use_case.words.period,
        state=state,
        notes=[f"{name}: not compared: {reason}" for name, reason in absent.items()],
    )


def write_report(history: MonitoringHistory, *, use_case: UseCase) -> str:
    """Return the HTML page."""
    return render_report(history, task=use_case.task)


def write_summary(
    findings: Findings | NoChampion,
    alerts: list[Alert] | NoChampion,
    window: ScoredWindow | NoChampion,
    *,
    as_of: date,
    evaluation: dict[str, Any],
    promotion: dict[str, Any],
    place: PlaceOptions,
    state: ModelState,
    governance: GovernanceOptions,
    now: datetime,
    use_case: UseCase,
) -> str:
    """Return the few lines that close a run; without a champion they say why there is none and what to do."""
    decided = describe_promotion(promotion)
    if isinstance(window, NoChampion) or isinstance(findings, NoChampion) or isinstance(alerts, NoChampion):
        return summarise_without_champion(explain_no_champion(state, governance, now=now), as_of, decided)
    absent = None if state.champion else explain_no_champion(state, governance, now=now)
    facts = RunFacts(
        environment=place.environment,
        as_of=as_of,
        champion=f"{window.model_name} version {window.model_version}",
        metrics=describe_evaluation(evaluation, window.model_version, task=use_case.task),
        promotion=decided,
        cohorts=findings.cohorts,
        drifts=findings.features,
        alerts=alerts,
        report=place.report,
        task=use_case.task,
        reference=describe_reference(findings.baseline, window.model_version),
        absent=absent,
    )
    return summarise_run(facts)
