"""What is known about one column after comparing two windows."""

from __future__ import annotations

from dataclasses import dataclass

from boathouse.core.monitoring.distances import TestResult

NOTHING_TO_TEST = TestResult(0.0, 1.0)


@dataclass(frozen=True)
class Shift:
    """The bin that adds most to the stability index: its label and the shares (0 to 1) before and after."""

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
        ks: Kolmogorov-Smirnov test of the known values; None for categories or without values.
        chi_squared: Two-way chi-squared test on counts, for categories and for numbers binned by value, whose
            ties make the other test blind; None for other numbers.
        null_delta: Share of nulls now minus before; -1 to 1.
        shift: The bin that adds most to the stability index.
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
    ks: TestResult | None
    chi_squared: TestResult | None
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

    @property
    def test(self) -> TestResult:
        """The test that fits the column."""
        return self.chi_squared or self.ks or NOTHING_TO_TEST
