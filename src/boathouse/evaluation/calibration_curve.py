"""Pictures of an evaluation, as figures that any backend can save."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from boathouse.evaluation.explanation import Explanation
    from boathouse.modelling.metrics import CalibrationBin

_BLUE, _RED, _GREY = "#2b6cb0", "#c53030", "#718096"
# Features shown; more would not be read.
_TOP = 12


def plot_calibration(bins: Sequence[CalibrationBin], *, title: str) -> Figure:
    """Return predicted against observed, one point a bin of equally many rows; the diagonal is perfect."""
    figure = _new_figure(5.5, 5)
    axes = figure.add_subplot()
    top = max(max(each.predicted, each.observed) for each in bins) * 1.1
    axes.plot([0, top], [0, top], color=_GREY, linestyle="--", linewidth=1, label="perfect")
    axes.plot([each.predicted for each in bins], [each.observed for each in bins], "o-", color=_BLUE, label="model")
    axes.set(xlim=(0, top), ylim=(0, top), title=title)
    axes.set(xlabel="predicted probability (mean of bin)", ylabel="observed share of label 1")
    axes.legend(frameon=False)
    return figure


def plot_contributions(explanation: Explanation, *, title: str) -> Figure:
    """Return a SHAP summary: one point a row and feature; right raises the score of label 1, red is a high value."""
    names = list(explanation.importance)[:_TOP][::-1]
    figure = _new_figure(8, 0.42 * len(names) + 1.4)
    axes = figure.add_subplot()
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(explanation.values))
    for height, name in enumerate(names):
        column = explanation.features.index(name)
        shares, colours = explanation.contributions[:, column], _rank(explanation.values[:, column])
        points = axes.scatter(shares, height + jitter, c=colours, cmap="coolwarm", s=3, vmin=0, vmax=1, linewidths=0)
    axes.axvline(0, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="contribution to the log-odds of label 1", title=title)
    bar = figure.colorbar(points, ax=axes, ticks=[0, 1])
    bar.ax.set_yticklabels(["low", "high"])
    bar.set_label("feature value")
    return figure


def _rank(values: np.ndarray) -> np.ndarray:
    """Return each value's place among the values, 0 to 1; missing ones in the middle."""
    known = ~np.isnan(values)
    ranks = np.full(len(values), 0.5)
    distinct = np.unique(values[known])
    if len(distinct) > 1:
        ranks[known] = np.searchsorted(distinct, values[known]) / (len(distinct) - 1)
    return ranks


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")
