"""The monitoring report: one HTML file that needs nothing beside itself, and the matplotlib figures in it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.modelling.task import BINARY, Task
from boathouse.monitoring.alerts import describe_values
from boathouse.monitoring.drift import group_reasons
from boathouse.reports.rendering import render_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from boathouse.monitoring.alerts import Alert, Findings
    from boathouse.monitoring.distances import Comparison
    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.options import DriftOptions
    from boathouse.monitoring.performance import CohortPerformance
    from boathouse.monitoring.reference import Baseline

# Enough for a sharp picture on a dense screen at the width of the page.
DOTS_PER_INCH = 144
# Told apart by people with colour blindness (Okabe & Ito, 2008).
COLOURS = {"none": "#0072b2", "warning": "#e69f00", "alarm": "#d55e00"}
UNJUDGED = "#999999"
SHOWN_COLUMNS = 20


@dataclass(frozen=True, kw_only=True)
class ReportHead:
    """What the report is about: names, dates, and the window judged as text."""

    model: str
    version: str
    environment: str
    as_of: date
    window: str


@dataclass(frozen=True, kw_only=True)
class MonitoringView:
    """What the template shows; cells are rounded text, in the order of the template's headings.

    Attributes:
        head: What the report is about.
        severity: ``alarm``, ``warning`` or ``none``: the worst of the alerts.
        alarms: Number of alarms.
        warnings: Number of warnings.
        alerts: Severity, kind, what happened and what to do; alarms first.
        reference: What the features are compared with, in a sentence; empty where none was compared.
        drifts: A row for each feature, the largest drift first, those not judged last.
        left_out: Columns that are not judged, or not there, and why.
        measured: Headings of the task's figures, the last of each row of ``cohorts``.
        cohorts: A row for each scored cohort, the oldest first.
        pictures: PNG files ``drift``, ``scores`` and ``performance`` in base64.
    """

    head: ReportHead
    severity: str
    alarms: int
    warnings: int
    alerts: tuple[tuple[str, ...], ...]
    reference: str
    drifts: tuple[tuple[str, ...], ...]
    left_out: tuple[tuple[str, ...], ...]
    measured: tuple[str, ...]
    cohorts: tuple[tuple[str, ...], ...]
    pictures: Mapping[str, str]


def render_report(
    head: ReportHead,
    findings: Findings,
    alerts: Sequence[Alert],
    plots: Mapping[str, Figure],
    *,
    task: Task = BINARY,
) -> str:
    """Return the page; ``plots`` has the figures ``drift``, ``scores`` and ``performance``."""
    alarms = sum(alert.severity == "alarm" for alert in alerts)
    view = MonitoringView(
        head=head,
        severity="alarm" if alarms else "warning" if alerts else "none",
        alarms=alarms,
        warnings=len(alerts) - alarms,
        alerts=tuple((each.severity, each.kind.replace("_", " "), each.message, each.action) for each in alerts),
        reference=describe_reference(findings.baseline, head.version),
        drifts=tuple(map(_drift_cells, findings.features)),
        left_out=tuple(list_left_out(findings)),
        measured=tuple(f"{each.title}#" for each in task.reported),
        cohorts=tuple(_performance_cells(each, task) for each in findings.cohorts),
        pictures={name: _encode(figure) for name, figure in plots.items()},
    )
    return render_html("monitoring.html.j2", report=view, words=task.words)


def describe_reference(baseline: Baseline | None, version: str) -> str:
    """Return what the features are compared with, in a sentence; empty where none was compared."""
    if baseline is None or not baseline.title:
        return ""
    if baseline.is_training:
        return f"Compared with the newest rows that version {version} was trained on, {baseline.title}."
    return f"Compared with {baseline.title}: the rows that version {version} was trained on cannot be read."


def list_left_out(findings: Findings) -> list[tuple[str, str]]:
    """Return the columns that are not judged, those of one reason together, and the reason."""
    groups = group_reasons({drift.column: drift.left_out for drift in findings.features if drift.left_out})
    told = [(", ".join(names), f"measured, not judged: {reason}") for reason, names in groups.items()]
    absent = findings.baseline.absent if findings.baseline else {}
    return [*told, *((name, f"not compared: {reason}") for name, reason in absent.items())]


def _drift_cells(drift: ColumnDrift) -> tuple[str, ...]:
    compared = drift.comparison
    return (
        drift.column if drift.is_input else f"{drift.column} (no input of the model)",
        _severity_cell(drift),
        _effect_cell(drift),
        f"{compared.psi:.3f}",
        f"{compared.js_distance:.3f}",
        f"chi² {compared.chi_squared.statistic:,.0f}" if compared.chi_squared else f"KS {compared.test.statistic:.3f}",
        f"{drift.p_adjusted:.2g}" if drift.p_adjusted else "< 1e-300",
        f"{compared.reference_null_share:.1%} → {compared.current_null_share:.1%}{_describe_infinite(compared)}",
        f"{compared.shift.bin}: {compared.shift.reference:.1%} → {compared.shift.current:.1%}",
        describe_values(compared) or "–",
    )


def _effect_cell(drift: ColumnDrift) -> str:
    if drift.problem:
        return f"not compared: {drift.problem}"
    effect = drift.comparison.effect
    return f"{effect.value:.3f} [{effect.low:.3f}, {effect.high:.3f}]"


def _describe_infinite(compared: Comparison) -> str:
    """Return how many numbers are infinite; empty for none."""
    if not compared.reference_infinite and not compared.current_infinite:
        return ""
    return f"; infinite {compared.reference_infinite:,} → {compared.current_infinite:,} rows"


def _severity_cell(drift: ColumnDrift) -> str:
    if drift.left_out:
        return "not judged"
    parts: list[str] = [drift.severity] if drift.severity != "none" else []
    parts += (
        [f"{drift.null_severity}: nulls{' or infinite' if drift.comparison.current_infinite else ''}"]
        if drift.null_severity != "none"
        else []
    )
    return ", ".join(parts) or "–"


def _performance_cells(cohort: CohortPerformance, task: Task) -> tuple[str, ...]:
    pending = cohort.status == "pending" and cohort.labels_known_on
    return (
        str(cohort.cohort),
        cohort.model_version,
        f"pending until {cohort.labels_known_on}" if pending else cohort.status.replace("_", " "),
        f"{cohort.rows:,}",
        f"{cohort.labelled:,}",
        *(_figure_cell(cohort, each.name) for each in task.reported),
    )


def _figure_cell(cohort: CohortPerformance, name: str) -> str:
    value, low, high = (cohort.figures.get(each) for each in (name, f"{name}_low", f"{name}_high"))
    shown = "–" if value is None else f"{value:.3f}"
    return shown if low is None or high is None else f"{shown} [{low:.3f}, {high:.3f}]"


def _encode(figure: Figure) -> str:
    buffer = io.BytesIO()
    # Without the metadata the same figure gives the same bytes.
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()


def plot_drift(drifts: Sequence[ColumnDrift], options: DriftOptions) -> Figure:
    """Return bars of the effect of the 20 columns that moved most, from their lower to their upper bound a line.

    The axis ends where the columns that are judged do: a longer bar of one that is not is cut, with its value.
    """
    shown = list(drifts[:SHOWN_COLUMNS])[::-1]
    effects = [drift.comparison.effect for drift in shown]
    judged = [effect.high for drift, effect in zip(shown, effects, strict=True) if not drift.left_out]
    end = 1.2 * max([*judged, 1.5 * options.tolerated_effect])
    figure, axes = _new_figure(height=1.4 + 0.32 * len(shown))
    axes.barh(
        [drift.column for drift in shown],
        [effect.value for effect in effects],
        color=[UNJUDGED if drift.left_out else COLOURS[drift.severity] for drift in shown],
    )
    limit = options.tolerated_effect
    axes.axvline(limit, color=COLOURS["alarm"], linestyle="--", linewidth=1, label=f"tolerated: {limit:g}")
    axes.hlines(range(len(shown)), [each.low for each in effects], [each.high for each in effects], color="black")
    axes.set_xlim(0, end)
    for place, effect in enumerate(effects):
        if effect.value > end:
            axes.text(0.98 * end, place, f"{effect.value:.3g} →", ha="right", va="center", fontsize=9)
    axes.set_xlabel("effect against the rows trained on, with its bounds; grey: not judged")
    axes.legend(loc="lower right", frameon=False)
    return figure


def plot_scores(scores: Mapping[str, NDArray[np.float64]], *, task: Task = BINARY) -> Figure:
    """Return the distribution of what was predicted, one line per cohort, over the range that it can have."""
    column = task.outputs.columns[0]
    bounds = None if column.minimum is None or column.maximum is None else (column.minimum, column.maximum)
    figure, axes = _new_figure(height=3.2)
    for name, values in scores.items():
        axes.hist(values, bins=50, range=bounds, histtype="step", density=True, label=name, linewidth=1.5)
    axes.set_xlabel(column.description.removesuffix("."))
    axes.set_ylabel("density")
    axes.legend(title="cohort", frameon=False)
    return figure


def plot_performance(cohorts: Sequence[CohortPerformance], *, task: Task = BINARY) -> Figure:
    """Return the decisive figure with its interval, and what was predicted against what was observed, over cohorts."""
    figure, _ = _new_figure(height=3.4, panels=2)
    decisive, means = figure.axes
    _draw_decisive(decisive, cohorts, task)
    for name, style in ((task.predicted, "o-"), (task.observed, "s--")):
        values = {_name(cohort): cohort.figures.get(name) for cohort in cohorts}
        known = {cohort: value for cohort, value in values.items() if value is not None}
        means.plot(list(known), list(known.values()), style, label=task.figure(name).title)
    means.set_title("predicted and observed", fontsize=10)
    if task.figure(task.predicted).minimum is not None:
        means.set_ylim(bottom=task.figure(task.predicted).minimum)
    means.legend(frameon=False)
    return figure


def _draw_decisive(axes: Axes, cohorts: Sequence[CohortPerformance], task: Task) -> None:
    name = task.decisive
    axes.set_title(f"{task.figure(name).title} of cohorts with labels", fontsize=10)
    measured = {_name(each): each.figures for each in cohorts if each.figures.get(name) is not None}
    for label, figures in measured.items():
        middle = figures[name] or 0.0
        low, high = (figures.get(f"{name}_{end}") or middle for end in ("low", "high"))
        axes.errorbar([label], [middle], yerr=[[middle - low], [high - middle]], fmt="o", capsize=4)
    axes.margins(x=0.5)
    if not measured:
        axes.text(0.5, 0.5, "no labels known yet", ha="center", va="center", transform=axes.transAxes)


def _name(cohort: CohortPerformance) -> str:
    return f"{cohort.cohort}\nv{cohort.model_version}"


def _new_figure(*, height: float, panels: int = 1) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, height), layout="constrained")
    for axes in figure.subplots(1, panels, squeeze=False)[0]:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, figure.axes[0]
