"""The section of the monitoring report on drift: columns by windows, distributions then and now, each column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.monitoring.drift import group_reasons
from boathouse.monitoring.measures import ALL_ROWS
from boathouse.monitoring.report_performance import SHOWN_WINDOWS
from boathouse.reports.axes import show_number
from boathouse.reports.bar_charts import Cell, heat_map, paired_bars
from boathouse.reports.page import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from boathouse.monitoring.history import MonitoringHistory, PastDrift
    from boathouse.reports.marks import Chart

# Rows of the heat map and of the table, and columns whose distributions are drawn: those that moved most.
_SHOWN_COLUMNS, _SHOWN_DISTRIBUTIONS = 30, 6
# Values named in a cell.
_NAMED_VALUES = 3
# Ends of the classes of colour: of an effect, 0 to 1, and of the population stability index.
_EFFECT_LEVELS, _PSI_LEVELS = (0.05, 0.1, 0.2, 0.4), (0.1, 0.25, 0.5, 1.0)
_SIGNS = {"alarm": "▲", "warning": "△"}
_COLUMN_KINDS = ("data", "feature", "prediction", "label")

Cells = dict[tuple[str, "date"], Cell]


def describe_drift(history: MonitoringHistory) -> Section:
    """Return the section; it says so where nothing was compared."""
    newest = history.newest_drift
    cells, levels, title = _find_cells(history)
    if not cells:
        text = ("No feature was compared: filled once a second window is there, or the rows trained on can be read.",)
        return Section(title="Drift", text=(*text, *history.notes))
    distributions = [_draw_distribution(each) for each in newest if each.bins and not each.left_out]
    return Section(
        title="Drift",
        text=tuple(_describe_reference(newest)),
        charts=(_draw_cells(cells, levels, title), *distributions[:_SHOWN_DISTRIBUTIONS]),
        tables=(_tabulate_drift(newest), _tabulate_left_out(newest, history.notes)),
    )


def _find_cells(history: MonitoringHistory) -> tuple[Cells, tuple[float, ...], str]:
    """Return the largest effect of each column and window among the measures, else the index of the drift table."""
    cells: Cells = {}
    for past in history.measures:
        each = past.measure
        is_effect = each.kind in _COLUMN_KINDS and each.metric.endswith("effect") and each.scope == ALL_ROWS
        if is_effect and each.value is not None:
            key, before = (each.subject, each.window.start), cells.get((each.subject, each.window.start))
            if before is None or abs(each.value) >= (before.value or 0.0):
                cells[key] = _make_cell(abs(each.value), _EFFECT_LEVELS, "none", each.detail)
    if cells:
        return cells, _EFFECT_LEVELS, "Effect of the drift of each column"
    for drift in history.drift:
        note = drift.left_out or f"compared with {drift.reference or 'the window before'}"
        worst = "alarm" if "alarm" in {drift.severity, drift.null_severity} else drift.severity
        cells[drift.column, drift.window.start] = _make_cell(drift.psi, _PSI_LEVELS, worst, note)
    return cells, _PSI_LEVELS, "Population stability index of each column"


def _make_cell(value: float, levels: Sequence[float], severity: str, note: str) -> Cell:
    level = sum(value >= end for end in levels)
    return Cell(value=value, level=level, sign=_SIGNS.get(severity, ""), note=note)


def _draw_cells(cells: Cells, levels: Sequence[float], title: str) -> Chart:
    windows = sorted({day for _, day in cells})[-SHOWN_WINDOWS:]
    columns = sorted({name for name, _ in cells}, key=lambda name: (-_newest_value(cells, name, windows), name))
    shown = columns[:_SHOWN_COLUMNS]
    months = len({(day.year, day.month) for day in windows}) == len(windows)
    labels = {day: f"{day:%Y-%m}" if months else f"{day:%m-%d}" for day in windows}
    ends = [f"{end:g}" for end in levels]
    texts = [f"below {ends[0]}", *(f"from {end}" for end in ends)]
    part = "" if len(shown) == len(columns) else f", the {len(shown)} of {len(columns)} that moved most"
    return heat_map(
        f"{title}{part}; ▲ alarm, △ warning",
        shown,
        list(labels.values()),
        {(name, labels[day]): cell for (name, day), cell in cells.items() if name in shown and day in labels},
        levels=texts,
    )


def _newest_value(cells: Cells, name: str, windows: Sequence[date]) -> float:
    values = [cell.value for day in windows if (cell := cells.get((name, day))) is not None]
    return values[-1] or 0.0 if values else 0.0


def _draw_distribution(drift: PastDrift) -> Chart:
    before = "window before" if drift.drift_type == "CONSECUTIVE" else "rows trained on"
    nulls = "" if None in drift.nulls else f"Nulls are left out: {_show_nulls(drift)}."
    return paired_bars(drift.column, drift.bins, before=before, now=f"from {drift.window.start}", note=nulls)


def _describe_reference(drifts: Iterable[PastDrift]) -> list[str]:
    references = list(dict.fromkeys(each.reference for each in drifts if each.reference))
    text = [f"Features are compared with {', '.join(references)}."] if references else []
    return [
        *text,
        "Effect size decides: with many rows nearly every difference is significant. Nulls are judged apart.",
    ]


def _tabulate_drift(drifts: Sequence[PastDrift]) -> Table:
    shown = drifts[:_SHOWN_COLUMNS]
    part = "" if len(shown) == len(drifts) else f"; {len(drifts) - len(shown):,} more in monitoring.drift_metrics"
    return Table(
        caption=f"Each column of the newest window, the largest drift first, those not judged last{part}",
        headers=("column", "severity", "PSI#", "JS distance#", "test#", "nulls#", "values that came and went"),
        rows=tuple(
            (
                f"{each.column} (no input of the model)" if each.is_input is False else each.column,
                _show_severity(each),
                show_number(each.psi),
                show_number(each.js_distance),
                each.test,
                _show_nulls(each),
                _show_values(each) or "–",
            )
            for each in shown
        ),
    )


def _show_severity(drift: PastDrift) -> str:
    if drift.left_out:
        return "not judged"
    nulls = [f"{drift.null_severity}: nulls{' or infinite' if drift.infinite[1] else ''}"]
    parts = [drift.severity] if drift.severity != "none" else []
    return ", ".join([*parts, *(nulls if drift.null_severity != "none" else [])]) or "–"


def _show_nulls(drift: PastDrift) -> str:
    before, now = ("–" if share is None else f"{share:.1f}%" for share in drift.nulls)
    infinite = f"; infinite {drift.infinite[0]:.1f}% → {drift.infinite[1]:.1f}%" if any(drift.infinite) else ""
    return f"{before} → {now}{infinite}"


def _show_values(drift: PastDrift) -> str:
    return "; ".join(
        f"{word} {_name_some(values)} ({share:.1f}% of the {rows} rows)"
        for word, (values, share), rows in (
            ("new:", drift.new, "current"),
            ("vanished:", drift.vanished, "earlier"),
        )
        if values
    )


def _name_some(values: Sequence[str]) -> str:
    named = ", ".join(f"'{value}'" for value in values[:_NAMED_VALUES])
    return named if len(values) <= _NAMED_VALUES else f"{named} and {len(values) - _NAMED_VALUES:,} more"


def _tabulate_left_out(drifts: Sequence[PastDrift], notes: Sequence[str]) -> Table:
    groups = group_reasons({each.column: each.left_out for each in drifts if each.left_out})
    told = [(", ".join(names), f"measured, not judged: {reason}") for reason, names in groups.items()]
    rows = (*told, *((name, why) for name, _, why in (note.partition(": ") for note in notes)))
    return Table(caption="What is not judged, and why", headers=("columns", "why"), rows=rows)
