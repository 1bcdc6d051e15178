"""The few lines that close a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.modelling.task import BINARY, Task
from boathouse.monitoring.drift import group_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from boathouse.lifecycle.vacancy import NoChampion
    from boathouse.monitoring.alerts import Alert
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.performance import CohortPerformance

LONGEST = 15
NAMED_DRIFTS = 3
NAMED_ALERTS = 3
# Characters of the longest sentence; a refusal can have many reasons.
LINE = 160


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a summary shows.

    Attributes:
        environment: Environment of the run.
        as_of: Cutoff of the data visible to the run.
        champion: Registered name and version of the champion.
        metrics: Lines on its evaluation, ready to print; empty if there is none.
        promotion: What promotion decided, in one sentence; empty if unknown.
        cohorts: Scored cohorts, oldest first.
        drifts: Drifts against the rows trained on, the largest first, those not judged last.
        alerts: Alerts, the most urgent first.
        report: Path of the monitoring report.
        task: What the champion answers.
        reference: What the features are compared with, in a sentence; empty where none was compared.
        absent: Why no version is champion now, though one has scored; None where one is.
    """

    environment: str
    as_of: date
    champion: str
    metrics: Sequence[str]
    promotion: str
    cohorts: Sequence[CohortPerformance]
    drifts: Sequence[ColumnDrift]
    alerts: Sequence[Alert]
    report: str
    task: Task = BINARY
    reference: str = ""
    absent: NoChampion | None = None


def summarise_without_champion(absent: NoChampion, as_of: date, promotion: str) -> str:
    """Return the summary of a run in which nothing was scored, for want of a champion."""
    lines = [
        f"Summary of environment '{absent.environment}', as of {as_of}",
        f"  champion    none: {absent.reason}",
        *([f"  promotion   {promotion}"] if promotion else []),
        "  scored      nothing, and nothing was monitored: there was no champion to use",
        *_list_steps(absent),
    ]
    return "\n".join(lines)


def _list_steps(absent: NoChampion) -> list[str]:
    width = max((len(purpose) for purpose, _ in absent.steps), default=0)
    lines = [f"{purpose:<{width}}  {command}" for purpose, command in absent.steps]
    return [f"  {'' if number else 'next':<11} {line}" for number, line in enumerate(lines)]


def summarise_run(facts: RunFacts) -> str:
    """Return the summary as plain text of at most 15 lines; what to do for want of a champion comes on top."""
    absent = facts.absent
    champion = [f"  champion    {facts.champion}"]
    if absent is not None:
        champion = [f"  champion    none: {absent.reason}", f"              {facts.champion} scored last"]
    lines = [
        f"Summary of environment '{facts.environment}', as of {facts.as_of}",
        *champion,
        *(f"              {line}" for line in facts.metrics[:3]),
        *([f"  promotion   {facts.promotion}"] if facts.promotion else []),
        f"  scored      {_describe_scored(facts.cohorts, facts.task)}",
        f"  drifted     {_describe_drifts(facts.drifts)}",
        *([f"              {facts.reference}"] if facts.reference else []),
        *(f"  left out    {line}" for line in _describe_left_out(facts.drifts)),
        f"  alerts      {_describe_count(facts.alerts)}",
        *(f"              {alert.severity}: {alert.message}" for alert in facts.alerts[:NAMED_ALERTS]),
        f"  report      {facts.report}",
    ]
    return "\n".join([*lines[:LONGEST], *(_list_steps(absent) if absent is not None else [])])


def describe_evaluation(evaluation: Mapping[str, Any], version: str, *, task: Task = BINARY) -> list[str]:
    """Return lines on how ``version`` did on its test rows, or one that it was not part of the evaluation.

    Args:
        evaluation: An ``EvaluationReport`` as plain values; its subject is the newest candidate.
        version: Version of the champion: the candidate, or the champion that it was compared with.
        task: What the models answer.
    """
    champion = evaluation.get("champion") or {}
    measured = next(
        (each for each in (evaluation, champion) if each.get("subject", {}).get("version") == version), None
    )
    if measured is None:
        return [f"version {version} is not part of the newest evaluation"]
    metrics, titles = measured["metrics"], task.words.metrics
    figures = [f"{titles[name]} {_describe_estimate(metrics[name])}" for name in task.words.headline if name in metrics]
    role = "candidate" if measured is evaluation else "champion"
    unseen = evaluation.get("seen", {}).get(role) == 0
    rows = f"{evaluation['rows']:,} rows {'it never saw' if unseen else 'not all known to be unseen by it'}"
    return [", ".join(figures), f"on {rows}, {' to '.join(dict.fromkeys(evaluation['period']))}"]


def describe_promotion(decision: Mapping[str, Any]) -> str:
    """Return what became of the newest candidate, in one line of at most 160 characters."""
    text = f"version {decision['candidate']} {decision['outcome']}: {decision['reason']}"
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


def _describe_estimate(estimate: Mapping[str, float | None]) -> str:
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if value is None:
        return "unknown"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _describe_scored(cohorts: Sequence[CohortPerformance], task: Task) -> str:
    """Return how many rows were scored, and the state of each cohort; a row that two versions scored counts once."""
    dates = sorted({cohort.cohort for cohort in cohorts})
    of_date = {day: [cohort for cohort in cohorts if cohort.cohort == day] for day in dates}
    # After a retraining the new version scores the cohorts of the one before again.
    rows = sum(max(cohort.rows for cohort in scored) for scored in of_date.values())
    parts = [
        f"{day} {f'version {cohort.model_version} ' if len(scored) > 1 else ''}{_describe_labels(cohort, task)}"
        for day, scored in of_date.items()
        for cohort in scored
    ]
    return f"{rows:,} rows: {', '.join(parts)}"


def _describe_labels(cohort: CohortPerformance, task: Task) -> str:
    decisive = cohort.figures.get(task.decisive)
    if decisive is not None:
        return f"({task.figure(task.decisive).title} {decisive:.3f})"
    if cohort.status == "pending" and cohort.labels_known_on:
        return f"(labels known on {cohort.labels_known_on})"
    return f"({cohort.status.replace('_', ' ')})"


def _describe_drifts(drifts: Sequence[ColumnDrift]) -> str:
    """Return how many of the columns judged have drifted, in the sense of conf: what has only to be watched has not."""
    judged = [drift for drift in drifts if not drift.left_out]
    if not judged:
        return "not measured: there was nothing to compare with"
    moved = [drift for drift in judged if drift.severity == "alarm"]
    watched = sum(drift.severity == "warning" for drift in judged)
    nulls = sum(drift.null_severity != "none" for drift in judged)
    counted = f"{len(moved) or 'none'} of {_describe_columns(judged)}"
    named = ", ".join(f"{drift.column} (effect {drift.comparison.effect.value:.2f})" for drift in moved[:NAMED_DRIFTS])
    besides = [
        *([f"{watched} more to watch"] if watched else []),
        *([f"nulls changed in {nulls}"] if nulls else []),
    ]
    return "; ".join([f"{counted}: {named}" if named else counted, *besides])


def _describe_columns(judged: Sequence[ColumnDrift]) -> str:
    others = sum(not drift.is_input for drift in judged)
    inputs = f"{len(judged) - others} inputs judged"
    return f"{inputs} and {others} other{'s' if others > 1 else ''}" if others else inputs


def _describe_left_out(drifts: Sequence[ColumnDrift]) -> list[str]:
    """Return one line on the inputs that conf has measured and not judged, or none."""
    groups = group_reasons({drift.column: drift.left_out for drift in drifts if drift.left_out})
    if not groups:
        return []
    inputs = sum(drift.is_input for drift in drifts)
    count = sum(map(len, groups.values()))
    told = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in groups.items())
    return [f"{count} of the model's {inputs} inputs: {told}"]


def _describe_count(alerts: Sequence[Alert]) -> str:
    if not alerts:
        return "none"
    alarms = sum(alert.severity == "alarm" for alert in alerts)
    return f"{alarms} to act on, {len(alerts) - alarms} to watch"
