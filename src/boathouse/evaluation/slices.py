"""Metrics of parts of the rows: a weak part that grows pulls the whole down, though nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from boathouse.modelling.task import BINARY, Task


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

    @property
    def roc_auc(self) -> float:
        """ROC AUC of the part; NaN with one class, or for a task that does not rank."""
        return self.metrics.get("roc_auc", float("nan"))


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
