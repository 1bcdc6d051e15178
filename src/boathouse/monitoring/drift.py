"""How far each column of a current window is from a reference window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.errors import BoathouseError
from boathouse.monitoring.columns import compare_categorical, compare_numeric
from boathouse.monitoring.distances import adjust_p_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        p_adjusted: p-value of its test after Benjamini-Hochberg over all columns judged.
        severity: Of its distribution, nulls apart: ``none``, ``warning`` (worth watching) or ``alarm`` (drifted).
        null_severity: Of its share of nulls, ``none`` or ``alarm``; of infinite numbers also ``warning``.
        is_input: Whether the model takes the column.
        left_out: Why conf has it measured but not judged; empty for a column that is judged.
    """

    column: str
    comparison: Comparison
    p_adjusted: float
    severity: Severity
    null_severity: Severity = "none"
    is_input: bool = True
    left_out: str = ""


def compare_tables(
    reference: pa.Table,
    current: pa.Table,
    *,
    columns: Sequence[str],
    options: DriftOptions,
    besides: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
) -> list[ColumnDrift]:
    """Return the drift of each column, the largest population stability index first, those not judged last.

    Both tables need every column. Text and booleans are compared as categories, numbers as
    numbers; NaN counts as null, and infinite numbers are counted apart.

    Args:
        reference: Rows compared with.
        current: Rows judged.
        columns: What the model takes and is judged.
        options: The limits.
        besides: Columns that are judged though the model does not take them.
        left_out: Columns that are measured and not judged, with the reason.

    Raises:
        BoathouseError: If a column is missing on one side, or one side has no rows.
    """
    judged, reasons = [*columns, *besides], dict(left_out or {})
    _check_sides(reference, current, [*judged, *reasons])
    # Sorting, which is most of the work, lets go of the interpreter's lock.
    with ThreadPoolExecutor(max_workers=COLUMNS_AT_ONCE) as pool:
        found = list(
            pool.map(lambda name: _compare_column(reference[name], current[name], options), [*judged, *reasons])
        )
    drifts = [
        replace(drift, is_input=drift.column not in besides)
        for drift in _judge(dict(zip(judged, found, strict=False)), options)
    ]
    unjudged = [
        ColumnDrift(
            column=name,
            comparison=comparison,
            p_adjusted=comparison.test.p_value,
            severity="none",
            left_out=reasons[name],
        )
        for name, comparison in zip(reasons, found[len(judged) :], strict=True)
    ]
    return sorted([*drifts, *unjudged], key=lambda drift: (bool(drift.left_out), -drift.comparison.psi, drift.column))


def _judge(comparisons: Mapping[str, Comparison], options: DriftOptions) -> list[ColumnDrift]:
    adjusted = adjust_p_values([comparison.test.p_value for comparison in comparisons.values()])
    return [
        ColumnDrift(
            column=name,
            comparison=comparison,
            p_adjusted=float(p),
            severity=grade_drift(comparison, float(p), options),
            null_severity=grade_nulls(comparison, options),
        )
        for (name, comparison), p in zip(comparisons.items(), adjusted, strict=True)
    ]


def grade_drift(comparison: Comparison, p_adjusted: float, options: DriftOptions) -> Severity:
    """Return how much a comparison matters: effect size decides, significance only guards against noise.

    Categories that have no value in common are drift whatever the size of the table's cells; a category that came or
    went, more than by chance, is at least worth watching.
    """
    if comparison.is_replaced:
        return "alarm"
    watched: Severity = "warning" if comparison.is_surprising else "none"
    if p_adjusted > options.alpha:
        return watched
    if comparison.psi >= options.psi_alarm or comparison.js_distance >= options.js_alarm:
        return "alarm"
    return "warning" if comparison.psi >= options.psi_warning else watched


def grade_nulls(comparison: Comparison, options: DriftOptions) -> Severity:
    """Return ``alarm`` where the share of nulls changed by the limit or more, and not by chance.

    So for infinite numbers; as each is a fault of the source, any in the current window are a ``warning``.
    """
    moved = abs(comparison.null_delta) >= options.null_alarm and comparison.null_test.p_value <= options.alpha
    infinite_delta = comparison.current_infinite_share - comparison.reference_infinite_share
    rose = infinite_delta >= options.null_alarm and comparison.infinite_test.p_value <= options.alpha
    return "alarm" if moved or rose else "warning" if comparison.current_infinite else "none"


def group_reasons(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the columns by the reason for which they are not judged."""
    groups: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        groups.setdefault(reason, []).append(name)
    return groups


def _compare_column(reference: pa.ChunkedArray, current: pa.ChunkedArray, options: DriftOptions) -> Comparison:
    from pyarrow import types

    if types.is_floating(reference.type) or types.is_integer(reference.type) or types.is_decimal(reference.type):
        return compare_numeric(_to_floats(reference), _to_floats(current), discrete_values=options.discrete_values)
    return compare_categorical(_count_values(reference), _count_values(current))


def _to_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Null becomes NaN."""
    # Whole numbers beyond 2^53 are rounded; a safe cast would refuse the column.
    return np.asarray(column.cast("double", safe=False).to_numpy(), dtype=np.float64)


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
