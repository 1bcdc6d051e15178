"""Two definitions of the same thing: equal logic under two names, or values that are nearly always equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from boathouse.features.feature_view import FeatureView

_RELATIVE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """Two features, or views, that say the same.

    Attributes:
        first: Name of one.
        second: Name of the other.
        share: Share of the rows with equal values, 0 to 1; 1 for equal logic.
        reason: ``equal logic`` or ``equal values``.
    """

    first: str
    second: str
    share: float
    reason: str


def find_equal_logic(views: Sequence[FeatureView]) -> list[Duplicate]:
    """Return pairs of views whose functions do the same with the same sources, whatever they are called."""
    return [
        Duplicate(first=one.label, second=other.label, share=1.0, reason="equal logic")
        for one, other in combinations(views, 2)
        if one.logic_digest == other.logic_digest
    ]


def find_equal_values(columns: Mapping[str, np.ndarray], *, share: float = 0.999) -> list[Duplicate]:
    """Return pairs of features whose values are equal in at least ``share`` of the rows; two unknowns are equal.

    Values are equal within a billionth of the greater. Features with one value only are not compared.

    Args:
        columns: Features of the same rows, float64 with NaN for unknown.
        share: Share of the rows, above 0 to 1.
    """
    varied = {name: values for name, values in columns.items() if len(values) and not _is_constant(values)}
    found = []
    for (one, left), (other, right) in combinations(varied.items(), 2):
        equal = float(np.mean(np.isclose(left, right, rtol=_RELATIVE, atol=0, equal_nan=True)))
        if equal >= share:
            found.append(Duplicate(first=one, second=other, share=equal, reason="equal values"))
    return found


def _is_constant(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) == 0 or (len(known) == len(values) and bool((known == known[0]).all()))
