"""Figures of monitoring that Kedro-Viz shows beside the pipeline, drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.modelling.task import BINARY, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from boathouse.monitoring.drift import ColumnDrift
    from boathouse.monitoring.options import DriftOptions
    from boathouse.monitoring.performance import CohortPerformance

# Told apart by people with colour blindness (Okabe & Ito, 2008).
COLOURS = {"none": "#0072b2", "warning": "#e69f00", "alarm": "#d55e00"}
UNJUDGED = "#999999"
SHOWN_COLUMNS = 20


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
