"""Pictures of drift, scores and performance as matplotlib figures; no pyplot, no global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
SHOWN_COLUMNS = 20


def plot_drift(drifts: Sequence[ColumnDrift], options: DriftOptions) -> Figure:
    """Return bars of the population stability index of the 20 columns that moved most, with both limits."""
    shown = list(drifts[:SHOWN_COLUMNS])[::-1]
    figure, axes = _new_figure(height=1.4 + 0.32 * len(shown))
    axes.barh(
        [drift.column for drift in shown],
        [drift.comparison.psi for drift in shown],
        color=[COLOURS[drift.severity] for drift in shown],
    )
    for limit, severity in ((options.psi_warning, "warning"), (options.psi_alarm, "alarm")):
        axes.axvline(limit, color=COLOURS[severity], linestyle="--", linewidth=1, label=f"{severity} from {limit:g}")
    axes.set_xlabel("population stability index against the training window")
    axes.legend(loc="lower right", frameon=False)
    return figure


def plot_scores(scores: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Return the distribution of predicted probabilities, one line per cohort."""
    figure, axes = _new_figure(height=3.2)
    for name, probability in scores.items():
        axes.hist(probability, bins=50, range=(0.0, 1.0), histtype="step", density=True, label=name, linewidth=1.5)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("density")
    axes.legend(title="cohort", frameon=False)
    return figure


def plot_performance(cohorts: Sequence[CohortPerformance]) -> Figure:
    """Return ROC AUC with intervals, and predicted against observed rates, over cohorts."""
    figure, _ = _new_figure(height=3.4, panels=2)
    ranking, rates = figure.axes
    _draw_ranking(ranking, [cohort for cohort in cohorts if cohort.roc_auc is not None])
    names = [_name(cohort) for cohort in cohorts]
    rates.plot(names, [cohort.mean_probability for cohort in cohorts], "o-", label="mean probability")
    measured = {_name(cohort): cohort.observed_rate for cohort in cohorts if cohort.observed_rate is not None}
    rates.plot(list(measured), list(measured.values()), "s--", label="observed")
    rates.set_title("predicted and observed rate", fontsize=10)
    rates.set_ylim(bottom=0)
    rates.legend(frameon=False)
    return figure


def _draw_ranking(axes: Axes, measured: Sequence[CohortPerformance]) -> None:
    axes.set_title("ROC AUC of cohorts with labels", fontsize=10)
    for cohort in measured:
        middle = cohort.roc_auc or 0.0
        low, high = cohort.roc_auc_low or middle, cohort.roc_auc_high or middle
        axes.errorbar([_name(cohort)], [middle], yerr=[[middle - low], [high - middle]], fmt="o", capsize=4)
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
