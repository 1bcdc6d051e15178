"""Sections of the monitoring report on figures over windows: performance, parts of the rows, fairness, service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.monitoring.measures import ALL_ROWS
from boathouse.reports.axes import FREE, Bounds, show_number
from boathouse.reports.charts import Lane, Point, Series, line_chart
from boathouse.reports.page import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from boathouse.modelling.task import Task
    from boathouse.monitoring.history import MonitoringHistory, PastMeasure
    from boathouse.monitoring.measures import Measure
    from boathouse.monitoring.performance import CohortPerformance
    from boathouse.reports.marks import Chart

# Newest windows drawn: two years of months. Older ones are in the tables.
SHOWN_WINDOWS = 24
# A ranking no better than chance has an area of 0.5: the axis is the same in every report.
_ROC_AUC = Bounds(minimum=0.5, maximum=1, least=0.5)
_SHOWN_CHARTS = 8
_SHOWN_SLICES = 40
# Versions drawn, the newest; more could not be told apart.
_SHOWN_VERSIONS = 4
# Letters beside a bar.
_SIGN = 6


def choose_newest(measures: Iterable[PastMeasure]) -> list[Measure]:
    """Return one measured and one estimated figure of each window, scope and version, the newest; older windows first.

    Where there is neither, it is the newest reason for that.
    """
    chosen: dict[tuple[object, ...], dict[str, Measure]] = {}
    for past in sorted(measures, key=lambda each: each.as_of):
        each = past.measure
        key = (each.window.start, each.metric, each.subject, each.scope, each.model_version)
        form = each.status if each.status in {"measured", "estimated"} else "absent"
        chosen.setdefault(key, {})[form] = each
    kept = []
    for forms in chosen.values():
        known = [forms[form] for form in ("measured", "estimated") if form in forms]
        kept += known or [forms["absent"]]
    return sorted(kept, key=lambda each: each.window.start)


def choose_decisive(history: MonitoringHistory, task: Task) -> list[Measure]:
    """Return the decisive figure of all rows, of each window and version."""
    return choose_newest(each for each in history.measures if _is_performance(each.measure, task.decisive))


def _is_performance(measure: Measure, metric: str) -> bool:
    return (measure.kind, measure.metric, measure.scope) == ("performance", metric, ALL_ROWS)


def describe_performance(history: MonitoringHistory, task: Task) -> Section:
    """Return the section: the decisive figure and the versions on one axis, the other figures, and each cohort."""
    decisive = choose_decisive(history, task)
    title = "Performance"
    if not decisive:
        return Section(title=title, text=("Nothing was scored yet: filled once predictions are there.",))
    span = _find_span(decisive)
    main = line_chart(
        task.figure(task.decisive).title,
        _series_by_version(decisive),
        bounds=_bound(task, task.decisive),
        span=span,
        wide=True,
        lanes=_list_lanes(history, decisive, span),
    )
    others = [each.name for each in task.reported if each.name not in {task.decisive, task.predicted, task.observed}]
    charts = [_chart_figure(history, task, name) for name in others]
    return Section(
        title=title,
        text=(
            "A window is measured once its labels are known; until then it is estimated if that can be done, or waits.",
        ),
        charts=(main, _chart_predicted(history, task), *(each for each in charts if each)),
        tables=(_tabulate_cohorts(history, task),),
    )


def _bound(task: Task, name: str) -> Bounds:
    figure = task.figure(name)
    return _ROC_AUC if name == "roc_auc" else Bounds(minimum=figure.minimum, maximum=figure.maximum)


def _shown(measures: Sequence[Measure]) -> list[Measure]:
    """Return the measures of the newest windows."""
    newest = set(sorted({each.window.start for each in measures})[-SHOWN_WINDOWS:])
    return [each for each in measures if each.window.start in newest]


def _find_span(measures: Sequence[Measure]) -> tuple[date, date]:
    shown = _shown(measures)
    return min(each.window.start for each in shown), max(each.window.end for each in shown)


def _point(each: Measure) -> Point:
    return Point(
        at=each.window.start, value=each.value, low=each.low, high=each.high, status=each.status, note=each.detail
    )


def _series_by_version(measures: Sequence[Measure]) -> list[Series]:
    """Return the figures of each version, the newest first; those that were estimated are a series of their own."""
    shown = _shown(measures)
    versions = list(dict.fromkeys(each.model_version for each in shown))[::-1]
    series = []
    for look, version in enumerate(versions[:_SHOWN_VERSIONS]):
        own = [each for each in shown if each.model_version == version]
        for name, estimated in ((f"version {version}, estimated", True), (f"version {version}", False)):
            points = tuple(_point(each) for each in own if (each.status == "estimated") is estimated)
            series += [Series(name=name, points=points, look=look)] if points else []
    return series


def _list_lanes(history: MonitoringHistory, measures: Sequence[Measure], span: tuple[date, date]) -> list[Lane]:
    """Return a bar for each version from its first to its last window; events of other days stand in the table."""
    lanes = []
    for version in dict.fromkeys(each.model_version for each in _shown(measures)):
        windows = {each.window for each in _shown(measures) if each.model_version == version}
        flags = [
            (event.on, f"{event.what}{f': {event.why}' if event.why else ''}")
            for event in history.events
            if event.version == version and span[0] <= event.on <= span[1]
        ]
        start, end = min(each.start for each in windows), max(each.end for each in windows)
        note = f"{len(windows)} window{'' if len(windows) == 1 else 's'}"
        own = {"sign": f"v{version}"[:_SIGN], "name": f"version {version}"}
        lanes.append(Lane(start=start, end=end, flags=tuple(flags), note=note, **own))
    return lanes


def list_versions(history: MonitoringHistory) -> Iterator[tuple[str, str, str]]:
    """Give each version with the first and the last cohort that it scored."""
    for version in dict.fromkeys(each.model_version for each in history.performance):
        cohorts = [each.cohort for each in history.performance if each.model_version == version]
        yield f"version {version}", str(min(cohorts)), str(max(cohorts))


def _chart_predicted(history: MonitoringHistory, task: Task) -> Chart:
    series = []
    for name in (task.predicted, task.observed):
        found = choose_newest(each for each in history.measures if _is_performance(each.measure, name))
        # Of several versions that scored a window, the one that came last.
        by_window = {each.window.start: each for each in _shown(found)}
        series.append(Series(name=task.figure(name).title, points=tuple(map(_point, by_window.values()))))
    return line_chart("Predicted and observed", series, bounds=_bound(task, task.predicted))


def _chart_figure(history: MonitoringHistory, task: Task, name: str) -> Chart | None:
    found = choose_newest(each for each in history.measures if _is_performance(each.measure, name))
    if not any(each.value is not None for each in found):
        return None
    return line_chart(task.figure(name).title, _series_by_version(found), bounds=_bound(task, name))


def _tabulate_cohorts(history: MonitoringHistory, task: Task) -> Table:
    names = (task.decisive, task.predicted, task.observed)
    return Table(
        caption="Each cohort that was scored; the other figures are among the numbers of the charts",
        headers=("cohort", "version", "state", "rows#", "labelled#", *(f"{task.figure(n).title}#" for n in names)),
        rows=tuple(_cohort_row(each, names) for each in history.performance),
    )


def _cohort_row(cohort: CohortPerformance, names: Sequence[str]) -> tuple[str, ...]:
    pending = cohort.status == "pending" and cohort.labels_known_on
    return (
        str(cohort.cohort),
        cohort.model_version,
        f"pending until {cohort.labels_known_on}" if pending else cohort.status.replace("_", " "),
        f"{cohort.rows:,}",
        f"{cohort.labelled:,}",
        *(_show_interval(*(cohort.figures.get(f"{name}{end}") for end in ("", "_low", "_high"))) for name in names),
    )


def _show_interval(value: float | None, low: float | None, high: float | None) -> str:
    shown = show_number(value)
    return shown if low is None or high is None else f"{shown} [{show_number(low)}, {show_number(high)}]"


def describe_slices(history: MonitoringHistory, task: Task) -> Section:
    """Return the figures of parts of the rows in their newest window, those of the decisive metric first."""
    found = choose_newest(
        each for each in history.measures if each.measure.scope != ALL_ROWS and each.measure.kind != "fairness"
    )
    newest = {(each.metric, each.subject, each.scope): each for each in found}
    ordered = sorted(newest.values(), key=lambda each: (each.metric != task.decisive, each.metric, each.value or 0.0))
    table = Table(
        caption="Each part in its newest window, by figure, the smallest value first",
        headers=("part", "about", "figure", "window", "state", "rows#", "value#"),
        rows=tuple(
            (
                each.scope,
                each.subject,
                each.metric.replace("_", " "),
                str(each.window.start),
                each.status.replace("_", " "),
                f"{each.rows:,}",
                _show_interval(each.value, each.low, each.high),
            )
            for each in ordered[:_SHOWN_SLICES]
        ),
    )
    more = len(ordered) - _SHOWN_SLICES
    text = (f"{more:,} more are in the table monitoring.measures.",) if more > 0 else ()
    return Section(title="Slices", text=text, tables=(table,))


def describe_trends(history: MonitoringHistory, title: str, kinds: Sequence[str]) -> Section:
    """Return a chart of each figure of these kinds over the windows, one line a scope."""
    found = choose_newest(each for each in history.measures if each.measure.kind in kinds)
    groups: dict[tuple[str, str], list[Measure]] = {}
    for each in found:
        groups.setdefault((each.metric, each.subject), []).append(each)
    charts = [
        line_chart(_name_figure(metric, subject), _series_by_scope(own), bounds=FREE)
        for (metric, subject), own in groups.items()
    ]
    more = len(charts) - _SHOWN_CHARTS
    text = (f"{more:,} more are in the table monitoring.measures.",) if more > 0 else ()
    return Section(title=title, text=text, charts=tuple(charts[:_SHOWN_CHARTS]))


def _name_figure(metric: str, subject: str) -> str:
    return f"{metric.replace('_', ' ')}, {subject}"


def _series_by_scope(measures: Sequence[Measure]) -> list[Series]:
    shown = _shown(measures)
    names = list(dict.fromkeys((each.scope, each.model_version) for each in shown))
    return [
        Series(
            name=scope if len({version for _, version in names}) == 1 else f"{scope}, version {version}",
            points=tuple(_point(each) for each in shown if (each.scope, each.model_version) == (scope, version)),
        )
        for scope, version in names
    ]
