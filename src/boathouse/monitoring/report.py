"""The monitoring report: one HTML page on what is wrong, what to do and how it came, from the history of tables."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING

from boathouse.monitoring.report_drift import describe_drift
from boathouse.monitoring.report_performance import (
    choose_decisive,
    describe_performance,
    describe_slices,
    describe_trends,
    list_versions,
)
from boathouse.reports.axes import Bounds, show_number
from boathouse.reports.charts import Point, Series, line_chart
from boathouse.reports.page import Page, Section, Step, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boathouse.modelling.task import Task
    from boathouse.monitoring.history import MonitoringHistory, PastAlert

_ALERT_ID = re.compile(r"\b[0-9a-f]{12}\b")
# What a command begins with; alerts name theirs after a colon.
_PROGRAMS = ("kedro ", "boathouse ", "make ")
# For alerts whose action names no command: the step that looks, or that the action ends with.
_COMMANDS = {
    "feature_drift": "boathouse features lineage {subject} --env {env}",
    "unused_feature_drift": "boathouse features lineage {subject} --env {env}",
    "prediction_drift": "boathouse trace champion --env {env}",
    "label_drift": "kedro run --pipelines training,evaluation,promotion --env {env}",
    "performance": "kedro run --pipelines training,evaluation,promotion --env {env}",
    "fairness": "boathouse models report --env {env} --to dist/report.html",
    "data": "kedro run --pipeline data_prep --env {env}",
    "reference": "kedro run --pipelines training,evaluation,promotion --env {env}",
}
# Messages that a step repeats; the alerts below it have all.
_NAMED = 2
# Sections that need measures, with what would fill them.
_FILLED_BY = {
    "Slices": "measures of parts of the rows, which monitoring writes for the slices that conf names.",
    "Fairness over time": "measures of the kind fairness, which need groups in conf and labels that are known.",
    "Latency, cost and value": "measures of the kinds service and kpi: the log of an endpoint, and values in conf.",
    "What relates features and label": "measures of the kind concept, which need labels of the newest windows.",
}


def render_report(history: MonitoringHistory, *, task: Task) -> str:
    """Return the page as one HTML file; its size does not depend on the number of rows monitored."""
    return build_page(history, task=task).to_html()


def build_page(history: MonitoringHistory, *, task: Task) -> Page:
    """Return the page: status, what to do first, then the evidence; a section without data is named at its end."""
    head = history.head
    sections = [
        _describe_status(history, task),
        _describe_steps(history),
        describe_performance(history, task),
        describe_drift(history),
        describe_slices(history, task),
        describe_trends(history, "Fairness over time", ("fairness",)),
        describe_trends(history, "What relates features and label", ("concept",)),
        describe_trends(history, "Latency, cost and value", ("service", "kpi")),
        _describe_alerts(history),
        _describe_versions(history),
    ]
    shown = [each for each in sections if each.text or each.charts or each.steps or any(t.rows for t in each.tables)]
    missing = [title for title in _FILLED_BY if title not in {each.title for each in shown}]
    return Page(
        title=f"Monitoring of {head.model}",
        lead="",
        facts=(
            ("Champion", f"version {head.version}"),
            ("Environment", head.environment),
            ("As-of date", str(head.as_of)),
            ("Window judged", head.window),
        ),
        sections=(*shown, *_describe_missing(missing)),
    )


def _describe_status(history: MonitoringHistory, task: Task) -> Section:
    alerts = history.open_alerts
    counts = Counter(each.severity for each in alerts)
    alarms, others = counts["alarm"], len(alerts) - counts["alarm"]
    if alarms:
        sentence = f"{_count(alarms, 'alarm')}: someone has to look and decide."
    else:
        sentence = f"{_count(others, 'warning')}: watch." if others else "Nothing crossed its limit."
    judged = [each for each in history.newest_drift if not each.left_out]
    moved = sum(each.severity == "alarm" for each in judged)
    waiting = sum(each.status != "measured" for each in history.performance)
    table = Table(
        caption="Counts of this run",
        headers=("what", "count#", "of#"),
        rows=(
            ("alarms", str(alarms), str(len(alerts))),
            ("warnings and less", str(others), str(len(alerts))),
            ("columns that moved", str(moved), str(len(judged))),
            ("scored windows that wait for labels", str(waiting), str(len(history.performance))),
        ),
    )
    mark = "error" if alarms else "warning" if others else "good"
    return Section(
        title="At a glance", text=(f"{sentence} {_say_performance(history, task)}",), tables=(table,), mark=mark
    )


def _say_performance(history: MonitoringHistory, task: Task) -> str:
    """Return how well the newest window whose figure is known did, measured or estimated."""
    title = task.figure(task.decisive).title
    known = [each for each in choose_decisive(history, task) if each.value is not None]
    if not known:
        return f"No {title} is known yet."
    newest = max(known, key=lambda each: (each.window.start, each.status == "measured"))
    ends = "" if newest.low is None else f" [{show_number(newest.low)}, {show_number(newest.high)}]"
    return (
        f"{title} of version {newest.model_version} is {newest.status} at {show_number(newest.value)}{ends} "
        f"in the window from {newest.window.start}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _describe_steps(history: MonitoringHistory) -> Section:
    """Return each advice once, that of the most urgent alert first."""
    urgent = sorted((each for each in history.open_alerts if each.state != "muted"), key=_urgency)
    groups: dict[str, list[PastAlert]] = {}
    for alert in urgent:
        groups.setdefault(_ALERT_ID.sub("ID", alert.action), []).append(alert)
    steps = tuple(_make_step(action, alerts, history.head.environment) for action, alerts in groups.items())
    return Section(title="What to do first", text=() if steps else ("Nothing.",), steps=steps)


def _urgency(alert: PastAlert) -> int:
    return {"alarm": 0, "warning": 1}.get(alert.severity, 2)


def _make_step(action: str, alerts: list[PastAlert], environment: str) -> Step:
    # One alert's id stands in its command; of several, each has its own among the alerts below.
    text, colon, command = (alerts[0].action if len(alerts) == 1 else action).partition(": ")
    if not colon or not command.startswith(_PROGRAMS):
        text, command = action, _COMMANDS.get(alerts[0].kind, "")
        command = command.format(subject=shlex.quote(alerts[0].subject), env=environment)
    rest = len(alerts) - _NAMED
    named = " ".join(f"{each.severity}: {each.message}" for each in alerts[:_NAMED])
    return Step(text=text, command=command, reason=f"{named}{f' And {rest} more.' if rest > 0 else ''}")


def _describe_alerts(history: MonitoringHistory) -> Section:
    rows = tuple(
        (each.severity, each.state, str(each.since), each.subject, each.message, each.action, each.owner or "–")
        for each in sorted(history.open_alerts, key=_urgency)
    )
    headers = ("severity", "state", "since", "about", "what happened", "what to do", "owner")
    chart = line_chart("Alerts of each run", list(_count_alerts(history)), bounds=Bounds(minimum=0, least=4), wide=True)
    return Section(
        title="Alerts",
        text=() if rows else (f"None: the run of {history.head.as_of} found nothing beyond a limit.",),
        charts=(chart,) if len(history.checked) > 1 else (),
        tables=(Table(caption="Alerts of this run, alarms first", headers=headers, rows=rows),),
    )


def _count_alerts(history: MonitoringHistory) -> Iterator[Series]:
    for name, severities in (("alarms", {"alarm"}), ("warnings and less", {"warning", "info"})):
        counts = Counter(each.as_of for each in history.alerts if each.severity in severities)
        yield Series(name=name, points=tuple(Point(at=day, value=float(counts[day])) for day in history.checked))


def _describe_versions(history: MonitoringHistory) -> Section:
    rows = tuple((str(each.on), f"version {each.version}", each.what, each.why or "–") for each in history.events)
    table = Table(caption="What the ledger has on record", headers=("day", "version", "what", "why"), rows=rows)
    scored = Table(
        caption="Windows that each version scored",
        headers=("version", "from", "to"),
        rows=tuple(list_versions(history)),
    )
    return Section(title="Versions and promotions", tables=(table, scored))


def _describe_missing(titles: list[str]) -> list[Section]:
    text = tuple(f"{title}: filled by {_FILLED_BY[title]}" for title in titles)
    return [Section(title="Not on this page", text=text)] if text else []
