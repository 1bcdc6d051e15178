"""Bodies that are files: CSV and Parquet, as MLflow's server takes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from boathouse.core.errors import InvocationError

# What pandas reads as missing in a CSV file.
_NULLS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"}
    | {"NULL", "NaN", "None", "n/a", "nan", "null"}
)


def read_csv(body: bytes) -> tuple[dict[str, Sequence[Any]], int]:
    """Return columns and number of rows of a CSV file with a header; empty cells and pandas' words for it are null.

    Raises:
        InvocationError: If it is not UTF-8, has no header, a name twice, or a row of another length.
    """
    try:
        text = body.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (UnicodeDecodeError, csv.Error):
        raise InvocationError.unreadable("CSV in UTF-8", "a line cannot be read") from None
    if not rows:
        raise InvocationError.unreadable("CSV with a header", "the file is empty")
    header, *lines = rows
    if len(set(header)) != len(header):
        raise InvocationError.unreadable("CSV", "a name stands twice in its header")
    for number, row in enumerate(lines):
        if len(row) != len(header):
            raise InvocationError.uneven_row(number, len(row), len(header))
    values = list(zip(*lines, strict=True)) if lines else [()] * len(header)
    columns = {
        name: [None if cell in _NULLS else cell for cell in cells] for name, cells in zip(header, values, strict=True)
    }
    return dict(columns), len(lines)


def read_parquet(body: bytes) -> tuple[dict[str, Sequence[Any]], int]:
    """Return columns and number of rows of a Parquet file.

    Raises:
        InvocationError: If it is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(body))
    except (pa.ArrowException, OSError, ValueError):
        raise InvocationError.unreadable("Parquet", "the file cannot be read") from None
    return {name: table[name].to_pylist() for name in table.column_names}, table.num_rows
