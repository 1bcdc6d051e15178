"""Metrics of parts of the rows: a weak part that grows pulls the whole down, though nothing else changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.core.evaluation.metrics import brier_score, roc_auc


@dataclass(frozen=True)
class Slice:
    """One part of the rows.

    Attributes:
        key: Column that cuts.
        value: Its value.
        rows: Rows of the part.
        observed: Share of label 1.
        predicted: Mean probability.
        roc_auc: On the part; NaN with one class.
        brier_score: On the part.
    """

    key: str
    value: str
    rows: int
    observed: float
    predicted: float
    roc_auc: float
    brier_score: float


def measure_slices(key: str, values: np.ndarray, label: np.ndarray, probability: np.ndarray) -> list[Slice]:
    """Return the metrics of each value of one column, in alphabetical order."""
    return [
        _measure_slice(key, str(value), label[values == value], probability[values == value])
        for value in sorted(set(values.tolist()), key=str)
    ]


def _measure_slice(key: str, value: str, label: np.ndarray, probability: np.ndarray) -> Slice:
    return Slice(
        key=key,
        value=value,
        rows=len(label),
        observed=float(label.mean()),
        predicted=float(probability.mean()),
        roc_auc=roc_auc(label, probability),
        brier_score=brier_score(label, probability),
    )
