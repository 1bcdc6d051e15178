"""What is known about one column after comparing two windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boathouse.core.monitoring.distances import TestResult


@dataclass(frozen=True)
class Shift:
    """The bin whose share changed most: its label and the shares (0 to 1) before and after."""

    bin: str
    reference: float
    current: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two windows of one column side by side.

    Attributes:
        data_type: ``double`` or ``string``.
        reference_rows: Rows of the reference, nulls included.
        current_rows: Rows of the current window, nulls included.
        psi: Population stability index over bins and nulls; 0 same, no upper bound.
        js_distance: Jensen-Shannon distance, base 2; 0 same to 1 disjoint.
        test: Kolmogorov-Smirnov for numbers, two-way chi-squared for categories; nulls left out.
        null_delta: Share of nulls now minus before; -1 to 1.
        shift: The bin that changed most.
        distinct_delta: Distinct values per row now minus before, each 0 to 1.
        avg_delta: Mean now minus before, in the column's unit; None for categories or without values.
        zero_delta: Share of zeros among all rows now minus before; None for categories.
        wasserstein: Wasserstein-1 distance in the column's unit; None for categories or without values.
        tv_distance: Total variation distance, 0 to 1; None for numbers.
        l_infinity: Largest difference of a category's share, 0 to 1; None for numbers.
        new_values: Categories that the reference does not have, sorted.
        vanished_values: Categories that the current window does not have, sorted.
    """

    data_type: str
    reference_rows: int
    current_rows: int
    psi: float
    js_distance: float
    test: TestResult
    null_delta: float
    shift: Shift
    distinct_delta: float
    avg_delta: float | None = None
    zero_delta: float | None = None
    wasserstein: float | None = None
    tv_distance: float | None = None
    l_infinity: float | None = None
    new_values: tuple[str, ...] = ()
    vanished_values: tuple[str, ...] = ()
