"""How far each column of a current window is from a reference window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from boathouse.errors import BoathouseError
from boathouse.monitoring.columns import NO_SHIFT, compare_categorical, compare_numeric
from boathouse.monitoring.distances import Comparison, adjust_p_values
from boathouse.monitoring.effects import ENTITY, Certainty, Clusters
from boathouse.monitoring.measures import ALL_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from boathouse.monitoring.options import DriftOptions
    from boathouse.monitoring.reference import WatchedColumns

# Each column compared holds about ten copies of itself: more at once would cost memory for little.
COLUMNS_AT_ONCE = 2

# Comparisons of a column that share the budget of false alarms: its values, its nulls, its infinite numbers.
COMPARISONS = 3
# Shares of that budget of the features, of what the model answers, and of the label.
FEATURE_BUDGET, SCORE_BUDGET, LABEL_BUDGET = 0.5, 0.25, 0.25
Severity = Literal["none", "warning", "alarm"]


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """The comparison of one column and what it amounts to.

    Attributes:
        column: Name of the column.
        comparison: The statistics.
        p_adjusted: p-value of its test after Benjamini-Hochberg over all columns judged; told, not judged by.
        severity: Of its distribution, nulls apart: ``none``, ``warning`` (worth watching) or ``alarm`` (drifted).
        null_severity: Likewise of its share of nulls and of infinite numbers.
        is_input: Whether the model takes the column.
        left_out: Why conf has it measured but not judged; empty for a column that is judged.
        problem: Why there is nothing to compare: the column is not on one side, or of another type; empty for none.
        slice_key: Column of the slice; None for all rows.
        slice_value: Its value; None likewise.
    """

    column: str
    comparison: Comparison
    p_adjusted: float
    severity: Severity
    null_severity: Severity = "none"
    is_input: bool = True
    left_out: str = ""
    problem: str = ""
    slice_key: str | None = None
    slice_value: str | None = None

    @property
    def scope(self) -> str:
        """The rows compared, as of a measure: ``all``, or the slice ``<column>=<value>``."""
        return ALL_ROWS if self.slice_key is None else f"{self.slice_key}={self.slice_value}"


def compare_tables(
    reference: pa.Table,
    current: pa.Table,
    *,
    columns: WatchedColumns,
    options: DriftOptions,
    budget: float = 1.0,
    scopes: int = 1,
) -> list[ColumnDrift]:
    """Return the drift of each column, the largest effect first, those not judged last.

    Text and booleans are compared as categories, numbers as numbers; NaN counts as null, and infinite numbers are
    counted apart. A column that one side lacks, or has with values of another kind, is reported as that, and the others
    are compared. Where both sides have the column ``_entity``, rows of one entity are no independent ones.

    Args:
        reference: Rows compared with.
        current: Rows judged.
        columns: What is compared, and what of it is judged.
        options: What is tolerated, and how often a false alarm may be.
        budget: Share (0 to 1) of the false alarms that is for these columns.
        scopes: Number of slices, all rows included, among which it is split.

    Raises:
        BoathouseError: If one side has no rows.
    """
    _check_rows(reference, current)
    judged = [*columns.inputs, *columns.besides]
    certainty = find_certainty(reference, current, columns, options, budget=budget, scopes=scopes)
    problems = {name: _find_problem(name, reference, current) for name in columns.names}
    compared = [name for name in columns.names if not problems[name]]
    # Sorting, which is most of the work, lets go of the interpreter's lock.
    with ThreadPoolExecutor(max_workers=COLUMNS_AT_ONCE) as pool:
        found = pool.map(lambda name: _compare_column(reference[name], current[name], options, certainty), compared)
        comparisons = dict(zip(compared, found, strict=True))
    tested = [name for name in judged if name in comparisons]
    adjusted = dict(zip(tested, adjust_p_values([comparisons[name].test.p_value for name in tested]), strict=True))
    drifts = [
        _describe_missing(name, reference, current, problems[name])
        if problems[name]
        else _judge(name, comparisons[name], float(adjusted.get(name, comparisons[name].test.p_value)), options)
        for name in columns.names
    ]
    marked = [_mark(drift, columns) for drift in drifts]
    return sorted(marked, key=lambda each: (bool(each.left_out), -each.comparison.effect.value, each.column))


def _judge(name: str, comparison: Comparison, p_adjusted: float, options: DriftOptions) -> ColumnDrift:
    return ColumnDrift(
        column=name,
        comparison=comparison,
        p_adjusted=p_adjusted,
        severity=grade_drift(comparison, options),
        null_severity=grade_nulls(comparison, options),
    )


def _mark(drift: ColumnDrift, columns: WatchedColumns) -> ColumnDrift:
    """Return the drift with what conf has to say of its column."""
    reason = columns.left_out.get(drift.column, "")
    if reason:
        return replace(drift, left_out=reason, severity="none", null_severity="none")
    return replace(drift, is_input=drift.column not in columns.besides)


def grade_drift(comparison: Comparison, options: DriftOptions) -> Severity:
    """Return how much a comparison matters: proven and more than is tolerated, or worth watching.

    Categories that have no value in common are drift whatever the size of the table's cells; a category that came or
    went, more than by chance, is at least worth watching.
    """
    if comparison.is_replaced or comparison.effect.low > options.tolerated_effect:
        return "alarm"
    return "warning" if comparison.is_surprising or comparison.effect.value > options.tolerated_effect else "none"


def grade_nulls(comparison: Comparison, options: DriftOptions) -> Severity:
    """Return how much a change of the share of nulls matters, by the rule of :func:`grade_drift`.

    So for infinite numbers that became more; as each is a fault of the source, any in the current window are a
    ``warning``.
    """
    rose = comparison.current_infinite_share > comparison.reference_infinite_share
    lows = [comparison.null_effect.low, comparison.infinite_effect.low if rose else 0.0]
    if max(lows) > options.tolerated_effect:
        return "alarm"
    is_watched = comparison.current_infinite or comparison.null_effect.value > options.tolerated_effect
    return "warning" if is_watched else "none"


def group_reasons(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the columns by the reason for which they are not judged."""
    groups: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        groups.setdefault(reason, []).append(name)
    return groups


def find_certainty(
    reference: pa.Table,
    current: pa.Table,
    columns: WatchedColumns,
    options: DriftOptions,
    *,
    budget: float,
    scopes: int,
) -> Certainty:
    """Return how sure each bound has to be, and the entities of the rows; arguments as of :func:`compare_tables`."""
    judged = len(columns.inputs) + len(columns.besides)
    # One more for the size of the slice.
    error = options.split_error((COMPARISONS * judged + 1) * scopes, budget=budget)
    if ENTITY not in reference.column_names or ENTITY not in current.column_names:
        return Certainty(error)
    before, after = (np.asarray(side[ENTITY].to_numpy()) for side in (reference, current))
    return Certainty(error, Clusters.of_entities(before, after))


def _find_problem(name: str, reference: pa.Table, current: pa.Table) -> str:
    """Return why the column cannot be compared; empty where it can."""
    for side, table in (("reference", reference), ("current window", current)):
        if name not in table.column_names:
            return f"it is not in the {side}"
    before, now = (table.schema.field(name).type for table in (reference, current))
    kinds = _kind(before), _kind(now)
    return "" if "nulls" in kinds or kinds[0] == kinds[1] else f"it was of type {before} and is of type {now}"


def _kind(dtype: pa.DataType) -> str:
    """Return how values of the type are compared; a column of nulls alone may have no type of its own."""
    from pyarrow import types

    if types.is_null(dtype):
        return "nulls"
    return "numbers" if is_number(dtype) else "categories"


def is_number(dtype: pa.DataType) -> bool:
    """Return whether values of the type are compared as numbers."""
    from pyarrow import types

    return bool(types.is_floating(dtype) or types.is_integer(dtype) or types.is_decimal(dtype))


def _describe_missing(name: str, reference: pa.Table, current: pa.Table, problem: str) -> ColumnDrift:
    """Return the drift of a column that cannot be compared: an alarm of its data, with nulls where it is not there."""
    sides = reference, current
    missing = [name not in table.column_names for table in sides]
    numbers = any(_kind(table.schema.field(name).type) == "numbers" for table in sides if name in table.column_names)
    comparison = Comparison(
        data_type="double" if numbers else "string",
        reference_rows=reference.num_rows,
        current_rows=current.num_rows,
        psi=0.0,
        js_distance=0.0,
        ks=None,
        chi_squared=None,
        shift=NO_SHIFT,
        distinct_delta=0.0,
        reference_nulls=reference.num_rows if missing[0] else 0,
        current_nulls=current.num_rows if missing[1] else 0,
    )
    return ColumnDrift(
        column=name, comparison=comparison, p_adjusted=1.0, severity="none", null_severity="alarm", problem=problem
    )


def _compare_column(
    reference: pa.ChunkedArray, current: pa.ChunkedArray, options: DriftOptions, certainty: Certainty
) -> Comparison:
    if "numbers" in (_kind(reference.type), _kind(current.type)):
        return compare_numeric(
            take_floats(reference), take_floats(current), discrete_values=options.discrete_values, certainty=certainty
        )
    clusters = certainty.clusters
    sampled = (
        None
        if clusters is None or clusters.are_independent
        else (_take_text(reference, clusters.reference), _take_text(current, clusters.current))
    )
    return compare_categorical(_count_values(reference), _count_values(current), certainty=certainty, sampled=sampled)


def _take_text(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> list[str | None]:
    values: list[str | None] = column.take(rows).cast("string").to_pylist()
    return values


def take_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a column of numbers as doubles; null becomes NaN."""
    # Whole numbers beyond 2^53 are rounded; a safe cast would refuse the column.
    return np.asarray(column.cast("double", safe=False).to_numpy(), dtype=np.float64)


def _count_values(column: pa.ChunkedArray) -> dict[str | None, int]:
    from pyarrow import compute

    counted = compute.value_counts(column.cast("string")).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counted}


def _check_rows(reference: pa.Table, current: pa.Table) -> None:
    for side, table in (("reference", reference), ("current", current)):
        if table.num_rows == 0:
            message = f"The {side} window has no rows: nothing to compare. Check 'as_of' and the dates scored."
            raise BoathouseError(message)
