"""Two models on the same rows, resampled together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boathouse.core.evaluation.intervals import BootstrapOptions, bounds_of


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


def estimate(
    values: dict[str, float], resampled: dict[str, np.ndarray], options: BootstrapOptions
) -> dict[str, Estimate]:
    """Return each resampled metric with its interval."""
    return {
        name: Estimate(values[name], *bounds_of(samples, options.confidence)) for name, samples in resampled.items()
    }


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
