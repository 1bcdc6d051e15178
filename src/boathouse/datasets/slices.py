"""The part of a table that a write replaces, as a condition in SQL."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from boathouse.core.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

# A condition of more alternatives than this is slow to plan and a sign of a wrong column.
MOST_SLICES = 1000
# Exact in SQL on every engine; floats are not, and collected timestamps depend on the driver's zone.
_SLICE_TYPES = frozenset({"string", "boolean", "date", "tinyint", "smallint", "int", "bigint"})

Scalar = str | int | bool | date | None


def find_slices(frame: DataFrame, columns: Sequence[str], *, table: str) -> list[tuple[Scalar, ...]]:
    """Return the distinct values of ``columns`` in ``frame``, sorted; runs one action.

    Raises:
        TableError: If there are more than 1,000, or a column's type is no string, date, boolean or integer.
    """
    types = dict(frame.dtypes)
    for column in columns:
        if types[column] not in _SLICE_TYPES:
            raise TableError.wrong_slice_type(table, column, types[column], _SLICE_TYPES)
    rows = frame.select(*columns).distinct().limit(MOST_SLICES + 1).collect()
    if len(rows) > MOST_SLICES:
        raise TableError.too_many_slices(table, columns, len(rows), MOST_SLICES)
    return sorted((tuple(row) for row in rows), key=repr)


def slice_condition(columns: Sequence[str], slices: Sequence[tuple[Scalar, ...]]) -> str:
    """Return a condition that is true exactly for the rows of ``slices``; ``false`` for none."""
    if not slices:
        return "false"
    if len(columns) == 1 and all(values[0] is not None for values in slices):
        return f"`{columns[0]}` IN ({', '.join(literal(values[0]) for values in slices)})"
    return " OR ".join(f"({' AND '.join(map(_equals, columns, values))})" for values in slices)


def literal(value: Scalar) -> str:
    """Return ``value`` as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)


def _equals(column: str, value: Scalar) -> str:
    """Return a condition comparing one column; null equals null."""
    return f"`{column}` IS NULL" if value is None else f"`{column}` = {literal(value)}"
