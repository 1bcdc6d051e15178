"""Bodies that are files of one table: CSV and Parquet, bounded before they are unpacked."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from boathouse.errors import InvocationError
from boathouse.errors.invocations import INVALID_VALUE, quote, quote_names
from boathouse.serving.bounds import Bounds
from boathouse.serving.parquet_pages import PageError, read_layout

# What pandas reads as missing in a CSV file.
_NULLS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)
# Letters of one row: each value of it is made before the next check.
_LONGEST_ROW = 262_144
# Rows between two looks at whether the result is still wanted.
_ROWS_APART = 500
_UNREADABLE = "the file cannot be read"
_NO_LIMIT = Bounds(rows=10**9, columns=10**6, values=10**9, unpacked_bytes=10**9)


def read_csv(body: bytes, bounds: Bounds = _NO_LIMIT) -> tuple[dict[str, Sequence[Any]], int]:
    """Return columns and number of rows of a CSV file with a header; null where pandas reads a missing value.

    Raises:
        InvocationError: 400 if it is not UTF-8, has no header, a name twice, a row of another length, or a quote that
            is never closed; 413 if it has too many rows or columns.
    """
    rows = _read_rows(body, bounds)
    try:
        header = next(rows, None)
        if header is None:
            raise InvocationError.unreadable("CSV with a header", "the file is empty")
        lines = _collect(rows, header, bounds)
    except UnicodeDecodeError:
        raise InvocationError.unreadable("CSV in UTF-8", "a line cannot be read") from None
    except csv.Error as error:
        unclosed = "end of data" in str(error)
        where = "a quote is opened and never closed" if unclosed else "a line cannot be read"
        raise InvocationError.unreadable("CSV in UTF-8", where) from None
    columns: dict[str, Sequence[Any]] = {}
    for position, name in enumerate(header):
        bounds.rest()
        columns[name] = [None if line[position] in _NULLS else line[position] for line in lines]
    return columns, len(lines)


def _read_rows(body: bytes, bounds: Bounds) -> Iterator[list[str]]:
    """Give the rows that are not empty; no more of the body is decoded than is read."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="")
    letters = 0

    def read_lines() -> Iterator[str]:
        nonlocal letters
        while line := text.readline(_LONGEST_ROW):
            letters += len(line)
            if letters >= _LONGEST_ROW:
                raise InvocationError.unreadable("CSV", f"a row has more than {_LONGEST_ROW:,} letters")
            yield line

    # Without ``strict`` a quote that is never closed takes what follows into one value.
    for number, row in enumerate(csv.reader(read_lines(), strict=True)):
        letters = 0
        if number % _ROWS_APART == 0:
            bounds.rest()
        if row:
            yield row
        elif number > 2 * bounds.rows + _ROWS_APART:
            raise InvocationError.unreadable("CSV", "most of its lines are empty")


def _collect(rows: Iterator[list[str]], header: list[str], bounds: Bounds) -> list[list[str]]:
    bounds.check_count(len(header))
    bounds.check_names(header)
    if len(set(header)) != len(header):
        raise InvocationError.unreadable("CSV", "a name stands twice in its header")
    lines: list[list[str]] = []
    for row in rows:
        if len(row) != len(header):
            raise InvocationError.uneven_row(len(lines), len(row), len(header))
        lines.append(row)
        bounds.check_rows(lines)
        bounds.check_values(len(lines) * len(header))
    return lines


def read_parquet(body: bytes, bounds: Bounds = _NO_LIMIT) -> tuple[dict[str, Sequence[Any]], int]:
    """Return columns and number of rows of a Parquet file; the index of pandas is left out, as MLflow's server does.

    Columns that hold lists or structs are not unpacked: each of their values is an empty list here.

    Raises:
        InvocationError: 400 if it is no such file or holds what Python cannot; 413 if it has too many rows, columns or
            values, or becomes too long once it is unpacked.
    """
    import pyarrow as pa

    try:
        return _read_table(body, bounds)
    except (PageError, pa.ArrowException, ArithmeticError, LookupError, OSError, RecursionError, TypeError, ValueError):
        raise InvocationError.unreadable("Parquet", _UNREADABLE) from None


def _read_table(body: bytes, bounds: Bounds) -> tuple[dict[str, Sequence[Any]], int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    layout = read_layout(body, bounds)
    names = [*(column.name for column in layout.columns), *layout.nested]
    bounds.check_names(names)
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise InvocationError(400, INVALID_VALUE, f"Column(s) named more than once: {quote_names(repeated)}.")
    file = pq.ParquetFile(pa.BufferReader(body), read_dictionary=sorted(layout.shared))
    numbers = [column.number for column in layout.columns]
    table = file.reader.read_all(column_indices=numbers, use_threads=False)
    if numbers and (table.num_rows != layout.rows or len(table.column_names) != len(numbers)):
        raise PageError
    index = _find_index(file.schema_arrow)
    letters = 0

    def count(more: int) -> None:
        nonlocal letters
        letters += more
        bounds.check_unpacked(letters)

    read: dict[str, Sequence[Any]] = dict.fromkeys(layout.nested, [[]] * layout.rows)
    for place, column in enumerate(layout.columns):
        if column.name not in index:
            bounds.rest()
            read[column.name] = _to_list(table.column(place), column.name, count)
    order = [name for name in file.schema_arrow.names if name in read]
    return {name: read[name] for name in order}, layout.rows


def _find_index(schema: Any) -> frozenset[str]:  # noqa: ANN401 - Arrow's schema
    """Return the columns that pandas wrote for the index of a frame."""
    described = schema.pandas_metadata or {}
    return frozenset(each for each in described.get("index_columns", ()) if isinstance(each, str))


def _to_list(column: Any, name: str, count: Callable[[int], None]) -> list[Any]:  # noqa: ANN401 - Arrow's column
    """Return the values; a text that several rows share is one object, and counted in each of them by ``count``."""
    import pyarrow as pa
    from pyarrow import types

    dtype = column.type
    try:
        if types.is_dictionary(dtype):
            return [value for chunk in column.chunks for value in _expand(chunk, count)]
        # In nanoseconds these would be objects of pandas.
        if types.is_timestamp(dtype) and dtype.unit == "ns":
            column = column.cast(pa.timestamp("us", dtype.tz), safe=False)
        elif types.is_duration(dtype) and dtype.unit == "ns":
            column = column.cast(pa.duration("us"), safe=False)
        elif types.is_time64(dtype) and dtype.unit == "ns":
            column = column.cast(pa.time64("us"), safe=False)
        values: list[Any] = column.to_pylist()
    except (pa.ArrowException, ArithmeticError, LookupError, OSError, TypeError, ValueError):
        where = f"column '{quote(name[:80])}' holds a value that cannot be represented"
        raise InvocationError.unreadable("Parquet", where) from None
    return values


def _expand(chunk: Any, count: Callable[[int], None]) -> list[Any]:  # noqa: ANN401 - Arrow's array
    """Return the values of rows that share texts: each is one in memory, but what reads it reads it in every row."""
    values = chunk.dictionary.to_pylist()
    lengths = np.array([0 if value is None else len(value) for value in values], np.int64)
    count(int(lengths[chunk.indices.drop_null().to_numpy()].sum()))
    return [None if place is None else values[place] for place in chunk.indices.to_pylist()]
