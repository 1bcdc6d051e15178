"""Comparing two windows of a categorical column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from boathouse.core.monitoring.comparison import Comparison
from boathouse.core.monitoring.distances import (
    jensen_shannon_distance,
    l_infinity_distance,
    population_stability_index,
    total_variation_distance,
    two_way_chi_squared,
)
from boathouse.core.monitoring.numeric import find_shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def compare_categorical(reference: Mapping[str | None, int], current: Mapping[str | None, int]) -> Comparison:
    """Return every statistic of two samples given as rows per category; the key None holds the nulls.

    The test is on counts of known categories; the stability index has nulls as a category of their own.
    """
    before, after = _known(reference), _known(current)
    names = sorted(before | after)
    known = np.array([[side.get(name, 0) for name in names] for side in (before, after)], dtype=np.float64)
    counts = np.column_stack([known, [reference.get(None, 0), current.get(None, 0)]])
    rows = counts.sum(axis=1)
    shared = known if names and known.sum(axis=1).all() else counts
    return Comparison(
        data_type="string",
        reference_rows=int(rows[0]),
        current_rows=int(rows[1]),
        psi=population_stability_index(*counts),
        js_distance=jensen_shannon_distance(*shared),
        ks=None,
        chi_squared=two_way_chi_squared(*shared),
        null_delta=_null_delta(counts),
        shift=find_shift([*names, "null"], counts),
        distinct_delta=float(len(after) / rows[1] - len(before) / rows[0]),
        tv_distance=total_variation_distance(*shared),
        l_infinity=l_infinity_distance(*shared),
        new_values=tuple(name for name in names if name not in before),
        vanished_values=tuple(name for name in names if name not in after),
    )


def _known(counts: Mapping[str | None, int]) -> dict[str, int]:
    return {name: rows for name, rows in counts.items() if name is not None and rows > 0}


def _null_delta(counts: NDArray[np.float64]) -> float:
    shares = counts[:, -1] / counts.sum(axis=1)
    return float(shares[1] - shares[0])
