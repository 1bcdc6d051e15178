"""The report and the closing summary of a monitoring run."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.vacancy import NoChampion, explain_no_champion
from boathouse.monitoring.alerts import Alert, Findings
from boathouse.monitoring.drift import ColumnDrift
from boathouse.monitoring.options import DriftOptions, PlaceOptions
from boathouse.monitoring.performance import CohortPerformance, ScoredCohort
from boathouse.monitoring.report import (
    ReportHead,
    describe_reference,
    plot_drift,
    plot_performance,
    plot_scores,
    render_report,
)
from boathouse.monitoring.summary import (
    RunFacts,
    describe_evaluation,
    describe_promotion,
    summarise_run,
    summarise_without_champion,
)
from boathouse.monitoring.windows import ScoredWindow
from boathouse.problem.spec import UseCase

# matplotlib's Figure: Kedro resolves annotations at start-up, where importing matplotlib costs half a second.
Figure = Any
Plots = dict[str, Figure]


def draw_plots(
    drifts: list[ColumnDrift],
    scored: list[ScoredCohort],
    cohorts: list[CohortPerformance],
    options: DriftOptions,
    *,
    use_case: UseCase,
) -> tuple[Plots, Figure, Figure, Figure]:
    """Return all figures by name for the report, and each on its own: drift, scores, performance."""
    task = use_case.task
    scores = {f"{each.cohort}, version {each.model_version}": each.watched[1] for each in scored}
    figures = (plot_drift(drifts, options), plot_scores(scores, task=task), plot_performance(cohorts, task=task))
    return dict(zip(("drift", "scores", "performance"), figures, strict=True)), *figures


def write_report(
    findings: Findings,
    alerts: list[Alert],
    window: ScoredWindow,
    *,
    as_of: date,
    plots: Plots,
    place: PlaceOptions,
    use_case: UseCase,
) -> str:
    """Return the HTML page; ``plots`` has the figures ``drift``, ``scores`` and ``performance``."""
    head = ReportHead(
        model=window.model_name,
        version=window.model_version,
        environment=place.environment,
        as_of=as_of,
        window=str(window.newest),
    )
    return render_report(head, findings, alerts, plots, task=use_case.task)


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
