"""How far each column of a current window is from a reference window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.errors import BoathouseError
from boathouse.monitoring.columns import compare_categorical, compare_numeric
from boathouse.monitoring.distances import adjust_p_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from boathouse.monitoring.distances import Comparison
    from boathouse.monitoring.options import DriftOptions

# Each column compared holds about ten copies of itself: more at once would cost memory for little.
COLUMNS_AT_ONCE = 2

Severity = Literal["none", "warning", "alarm"]


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """The comparison of one column and what it amounts to.

    Attributes:
        column: Name of the column.
        comparison: The statistics.
        p_adjusted: p-value of its test after Benjamini-Hochberg over all columns compared.
        severity: ``none``, ``warning`` (effect size worth watching) or ``alarm`` (drifted).
    """

    column: str
    comparison: Comparison
    p_adjusted: float
    severity: Severity


def compare_tables(
    reference: pa.Table, current: pa.Table, *, columns: Sequence[str], options: DriftOptions
) -> list[ColumnDrift]:
    """Return the drift of each of ``columns``, the largest population stability index first.

    Both tables need every column. Text and booleans are compared as categories, numbers as
    numbers; NaN counts as null.

    Raises:
        BoathouseError: If a column is missing on one side, or one side has no rows.
    """
    _check_sides(reference, current, columns)
    # Sorting, which is most of the work, lets go of the interpreter's lock.
    with ThreadPoolExecutor(max_workers=COLUMNS_AT_ONCE) as pool:
        comparisons = list(pool.map(lambda name: _compare_column(reference[name], current[name], options), columns))
    adjusted = adjust_p_values([comparison.test.p_value for comparison in comparisons])
    drifts = [
        ColumnDrift(
            column=name,
            comparison=comparison,
            p_adjusted=float(p),
            severity=grade_drift(comparison, float(p), options),
        )
        for name, comparison, p in zip(columns, comparisons, adjusted, strict=True)
    ]
    return sorted(drifts, key=lambda drift: (-drift.comparison.psi, drift.column))


def grade_drift(comparison: Comparison, p_adjusted: float, options: DriftOptions) -> Severity:
    """Return how much a comparison matters: effect size decides, significance only guards against noise."""
    if p_adjusted > options.alpha:
        return "none"
    if comparison.psi >= options.psi_alarm or comparison.js_distance >= options.js_alarm:
        return "alarm"
    return "warning" if comparison.psi >= options.psi_warning else "none"


def _compare_column(reference: pa.ChunkedArray, current: pa.ChunkedArray, options: DriftOptions) -> Comparison:
    from pyarrow import types

    if types.is_floating(reference.type) or types.is_integer(reference.type) or types.is_decimal(reference.type):
        return compare_numeric(_to_floats(reference), _to_floats(current), discrete_values=options.discrete_values)
    return compare_categorical(_count_values(reference), _count_values(current))


def _to_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Null becomes NaN."""
    return np.asarray(column.cast("double").to_numpy(), dtype=np.float64)


def _count_values(column: pa.ChunkedArray) -> dict[str | None, int]:
    from pyarrow import compute

    counted = compute.value_counts(column.cast("string")).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counted}


def _check_sides(reference: pa.Table, current: pa.Table, columns: Sequence[str]) -> None:
    for side, table in (("reference", reference), ("current", current)):
        missing = sorted(set(columns) - set(table.column_names))
        if missing:
            message = (
                f"The {side} window lacks the columns {', '.join(missing)}. "
                "Compare only columns that both windows have, or score again with the present features."
            )
            raise BoathouseError(message)
        if table.num_rows == 0:
            message = f"The {side} window has no rows: nothing to compare. Check 'as_of' and the dates scored."
            raise BoathouseError(message)
