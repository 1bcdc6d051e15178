"""Parts of the rows, and two models on the same rows, resampled together.

A weak part that grows lowers the whole, though nothing else changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from boathouse.modelling.calibration import CostOptions
from boathouse.modelling.intervals import BootstrapOptions, bounds_of
from boathouse.modelling.task import BINARY, ScoredRows, Task

# Stands for all rows where a column and its value would name a part.
ALL = ":all"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where the rows do not define it.

    Attributes:
        value: On all rows.
        low: Lower bound of the percentile interval.
        high: Upper bound.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class SliceComparison:
    """Both models on one part of the rows.

    Attributes:
        key: Column that cuts; ``:all`` for all rows.
        value: Its value; ``:all`` for all rows.
        rows: Rows of the part.
        ours: Metrics of the candidate.
        theirs: Metrics of the other model.
        difference: Candidate less the other model, paired, with interval.
    """

    key: str
    value: str
    rows: int
    ours: Mapping[str, float]
    theirs: Mapping[str, float]
    difference: Mapping[str, Estimate]


def estimate(
    values: dict[str, float], resampled: dict[str, np.ndarray], options: BootstrapOptions
) -> dict[str, Estimate]:
    """Return each metric with its interval; what is not resampled, a count of the very rows, is exact."""
    known = {
        name: Estimate(values[name], *bounds_of(samples, options.confidence)) for name, samples in resampled.items()
    }
    return known | {name: Estimate(value, value, value) for name, value in values.items() if name not in known}


def compare(
    ours: tuple[dict[str, float], dict[str, np.ndarray]],
    theirs: tuple[dict[str, float], dict[str, np.ndarray]],
    options: BootstrapOptions,
) -> dict[str, Estimate]:
    """Return ours less theirs for each metric, from resamples that drew the same rows (paired bootstrap).

    Each side is its values on all rows and its values by resample.
    """
    (values, resampled), (other_values, other_resampled) = ours, theirs
    return {
        name: Estimate(
            values[name] - other_values[name],
            *bounds_of(samples - other_resampled[name], options.confidence),
        )
        for name, samples in resampled.items()
    }


def compare_paired(
    ours: ScoredRows, theirs: ScoredRows, options: BootstrapOptions, costs: CostOptions, *, task: Task = BINARY
) -> tuple[dict[str, float], dict[str, float], dict[str, Estimate]]:
    """Return our metrics, theirs, and ours less theirs with percentile intervals.

    Both sides have the same rows in the same order; every resample draws the same rows of both. A resample that does
    not define a metric (one class alone has no ROC AUC) does not count for it.
    """
    resampled = task.resample_differences(ours, theirs, options, costs)
    first, second = task.measure_compared(ours, costs), task.measure_compared(theirs, costs)
    difference = {
        name: Estimate(first[name] - second[name], *bounds_of(resampled[name], options.confidence))
        for name in task.compared
    }
    return first, second, difference


def compare_slices(
    ours: ScoredRows,
    theirs: ScoredRows,
    cuts: Mapping[str, np.ndarray],
    *,
    options: BootstrapOptions,
    costs: CostOptions,
    task: Task = BINARY,
) -> list[SliceComparison]:
    """Return the comparison on all rows, then on each value of each cut.

    Args:
        ours: The candidate on the rows.
        theirs: The other model on the same rows.
        cuts: Values by column, one per row.
        options: How the rows are resampled.
        costs: Prices of wrong decisions.
        task: What is compared.
    """

    def compare_part(key: str, value: str, sides: Sequence[ScoredRows]) -> SliceComparison:
        first, second, difference = compare_paired(sides[0], sides[1], options, costs, task=task)
        rows = len(sides[0].label)
        return SliceComparison(key=key, value=value, rows=rows, ours=first, theirs=second, difference=difference)

    compared = [compare_part(ALL, ALL, (ours, theirs))]
    for key, values in cuts.items():
        for value in sorted(set(values.tolist()), key=str):
            part = [each.take(values == value) for each in (ours, theirs)]
            compared.append(compare_part(key, str(value), part))
    return compared


@dataclass(frozen=True)
class Slice:
    """One part of the rows.

    Attributes:
        key: Column that cuts.
        value: Its value.
        rows: Rows of the part.
        observed: Mean of what happened; for a binary task the share of the adverse label.
        predicted: Mean of what was predicted of it.
        metrics: What the task measures of a part; NaN where the part does not define it.
    """

    key: str
    value: str
    rows: int
    observed: float
    predicted: float
    metrics: Mapping[str, float]


def measure_slices(
    key: str, values: np.ndarray, label: np.ndarray, predicted: np.ndarray, *, task: Task = BINARY
) -> list[Slice]:
    """Return the metrics of each value of one column, in alphabetical order."""
    return [
        _measure_slice(key, str(value), label[values == value], predicted[values == value], task)
        for value in sorted(set(values.tolist()), key=str)
    ]


def _measure_slice(key: str, value: str, label: np.ndarray, predicted: np.ndarray, task: Task) -> Slice:
    return Slice(
        key=key,
        value=value,
        rows=len(label),
        observed=float(label.mean()),
        predicted=float(predicted.mean()),
        metrics={name: metric(label, predicted) for name, metric in task.slice_metrics.items()},
    )
