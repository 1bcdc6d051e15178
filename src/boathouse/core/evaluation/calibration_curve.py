"""Predicted probability against what happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Bins of equal numbers of rows: every point then rests on as many.
_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """One bin of rows with similar probabilities.

    Attributes:
        rows: Rows in the bin.
        predicted: Mean probability.
        observed: Share of label 1.
    """

    rows: int
    predicted: float
    observed: float


def bin_calibration(label: np.ndarray, probability: np.ndarray) -> list[CalibrationBin]:
    """Return up to ten bins of equally many rows, lowest probability first."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    return [CalibrationBin(len(part), float(probability[part].mean()), float(label[part].mean())) for part in parts]


def calibration_error(bins: list[CalibrationBin]) -> float:
    """Return the mean distance of predicted and observed, weighted by rows: 0 is perfect (Naeini et al. 2015)."""
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.predicted - each.observed) for each in bins) / rows if rows else float("nan")
