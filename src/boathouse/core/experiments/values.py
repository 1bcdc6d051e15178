"""Values of two groups: Welch's interval and test of the difference of means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr, stdtrit

from boathouse.core.errors import ExperimentError
from boathouse.core.experiments.rates import Difference

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST = 2


def compare_means(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, *, confidence: float
) -> Difference:
    """Return the difference of means, one value per unit, with Welch's interval and p-value.

    Deviations may differ; degrees of freedom after Welch and Satterthwaite. Source: Welch (1947),
    Biometrika 34:28-35. Where no value differs from another, the interval is a point and p is 0 or 1.

    Raises:
        ExperimentError: If a group has fewer than two values.
    """
    groups = [np.asarray(each, dtype=np.float64) for each in (first, second)]
    for group in groups:
        if len(group) < _FEWEST:
            raise ExperimentError.too_few("units per group", len(group), _FEWEST)
    mean_1, mean_2 = (float(group.mean()) for group in groups)
    parts = [float(group.var(ddof=1)) / len(group) for group in groups]
    error = math.sqrt(sum(parts))
    estimate = mean_2 - mean_1
    if not error:
        return Difference(mean_1, mean_2, estimate, estimate, 1.0 if not estimate else 0.0)
    freedom = sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    p_value = float(2 * stdtr(freedom, -abs(estimate / error)))
    return Difference(mean_1, mean_2, estimate - half, estimate + half, p_value)
