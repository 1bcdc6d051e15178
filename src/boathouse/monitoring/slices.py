"""Slices of two windows: the rows with one value of a column, compared on their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from boathouse.monitoring.columns import label_intervals
from boathouse.monitoring.curves import take_quantiles
from boathouse.monitoring.drift import ColumnDrift, compare_tables, find_certainty, is_number, take_floats
from boathouse.monitoring.effects import Certainty, Effect, measure_shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from boathouse.monitoring.options import DriftOptions
    from boathouse.monitoring.reference import WatchedColumns

# Slices of one column; of more values those of most current rows are taken.
MOST_SLICES = 10
QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Slice:
    """Rows with one value of a column.

    Attributes:
        column: The column.
        value: The value; of numbers of many values an interval between quartiles of the reference.
        reference: Which rows of the reference have it.
        current: Which rows of the current window have it.
    """

    column: str
    value: str
    reference: NDArray[np.bool_]
    current: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SliceShare:
    """How large a slice is.

    Attributes:
        column: Column of the slice.
        value: Its value.
        before: Share of the reference's rows in the slice, 0 to 1.
        now: Share of the current rows.
        rows: Current rows in the slice.
        effect: By how much the share changed for sure, either way.
    """

    column: str
    value: str
    before: float
    now: float
    rows: int
    effect: Effect


@dataclass(frozen=True)
class SlicedDrift:
    """What became of the slices.

    Attributes:
        shares: Their sizes.
        drifts: The drift of each column in each of them, slice by slice.
    """

    shares: tuple[SliceShare, ...] = ()
    drifts: tuple[ColumnDrift, ...] = ()


def cut_slices(reference: pa.Table, current: pa.Table, options: DriftOptions) -> list[Slice]:
    """Return the slices of the columns of conf, those of most current rows first within a column.

    A slice with too few rows on a side is left out, and so is a column that one side lacks. Nulls are in no slice.
    """
    columns = [name for name in options.slices if name in reference.column_names and name in current.column_names]
    return [
        piece
        for name in columns
        for piece in _cut_column(name, reference[name], current[name], options)
        if min(piece.reference.sum(), piece.current.sum()) >= options.slice_rows
    ]


def _cut_column(
    name: str, reference: pa.ChunkedArray, current: pa.ChunkedArray, options: DriftOptions
) -> Iterator[Slice]:
    before, after = _name_values(reference, current, options.discrete_values)
    values, counts = np.unique(after[after != ""], return_counts=True)
    for value in values[np.argsort(-counts, kind="stable")][:MOST_SLICES]:
        yield Slice(name, str(value), before == value, after == value)


def _name_values(
    reference: pa.ChunkedArray, current: pa.ChunkedArray, discrete_values: int
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return the value of each row as text; empty for none."""
    if not (is_number(reference.type) and is_number(current.type)):
        first, second = (
            np.array(["" if value is None else value for value in side.cast("string").to_pylist()], dtype=np.str_)
            for side in (reference, current)
        )
        return first, second
    before, after = take_floats(reference), take_floats(current)
    known = np.sort(before[np.isfinite(before)])
    if len(np.unique(known)) <= discrete_values:
        return _name_numbers(before), _name_numbers(after)
    edges = np.unique(take_quantiles(known, QUARTERS))
    names = label_intervals(edges)
    return _name_intervals(before, edges, names), _name_intervals(after, edges, names)


def _name_numbers(values: NDArray[np.float64]) -> NDArray[np.str_]:
    different, places = np.unique(values, return_inverse=True)
    names = np.array([f"{value:.4g}" if np.isfinite(value) else "" for value in different], dtype=np.str_)
    return names[places] if len(names) else np.empty(0, dtype=np.str_)


def _name_intervals(values: NDArray[np.float64], edges: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.str_]:
    places = np.searchsorted(edges, values)
    return np.where(np.isfinite(values), np.array(names)[np.minimum(places, len(edges))], "")


def compare_slices(
    reference: pa.Table,
    current: pa.Table,
    slices: Sequence[Slice],
    *,
    columns: WatchedColumns,
    options: DriftOptions,
    budget: float = 1.0,
) -> SlicedDrift:
    """Return how large each slice is, and the drift of each column in each of them.

    The column of a slice is constant in it and left out there: how its share of the rows changed is the drift of that
    column among all rows.

    Args:
        reference: Rows compared with.
        current: Rows judged.
        slices: The slices.
        columns: What is compared, and what of it is judged.
        options: What is tolerated.
        budget: Share of the false alarms that is for all rows and all slices together.
    """
    certainty = find_certainty(reference, current, columns, options, budget=budget, scopes=1 + len(slices))
    found: list[ColumnDrift] = []
    for piece in slices:
        drifts = compare_tables(
            reference.filter(piece.reference),
            current.filter(piece.current),
            columns=columns.drop(piece.column),
            options=options,
            budget=budget,
            scopes=1 + len(slices),
        )
        found += [replace(drift, slice_key=piece.column, slice_value=piece.value) for drift in drifts]
    return SlicedDrift(tuple(_compare_share(piece, certainty) for piece in slices), tuple(found))


def _compare_share(piece: Slice, certainty: Certainty) -> SliceShare:
    before, now = piece.reference.astype(np.float64), piece.current.astype(np.float64)
    counts = np.array([[len(side) - side.sum(), side.sum()] for side in (before, now)])
    return SliceShare(
        column=piece.column,
        value=piece.value,
        before=float(before.mean()),
        now=float(now.mean()),
        rows=int(now.sum()),
        effect=measure_shares(counts, certainty, certainty.sample(before, now)),
    )
