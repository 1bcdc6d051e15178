"""What the log gets of the body of a request: no more than it keeps, and nothing that costs an answer time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from boathouse.endpoints.log_contract import NOT_READABLE, REQUEST_TOO_LONG, KnownColumns
from boathouse.serving.invocation import CSV, PARQUET, Invocation, RecordColumns

# About what a value takes in memory until it is logged; what a byte of records in JSON does.
_BYTES_A_VALUE, _BYTES_A_BYTE = 32, 3
# Least bytes of a value as JSON, with its comma: of a number, and of what is null or masked.
_LEAST, _LEAST_MASKED = 2, 5


def describe_body(
    body: bytes, content_type: str, invocation: Invocation | None, known: KnownColumns, limit: int
) -> dict[str, Any]:
    """Return the body as its text where it is JSON of no more than ``limit`` bytes, else what was read of it.

    In a body that was refused and is no JSON personal columns cannot be found: it is not kept, nor is a long one.

    Args:
        body: The body.
        content_type: Its content type.
        invocation: What was read of it; None if it was refused before.
        known: Columns whose values are not masked.
        limit: Bytes that the log keeps of it.
    """
    is_long = len(body) > limit
    if not is_long and not content_type.startswith((CSV, PARQUET)):
        with contextlib.suppress(UnicodeDecodeError):
            return {"request": body.decode()}
    if invocation is None:
        return {"request": None, "logging_error_codes": (REQUEST_TOO_LONG if is_long else NOT_READABLE,)}
    # The first whole records of a long body, as many as fit by their average size.
    rows = max(1, invocation.rows * limit // len(body)) if is_long else invocation.rows
    columns = invocation.columns
    kept: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
    if isinstance(columns, RecordColumns):
        # Never laid out: rows times names may be far more than the records hold.
        kept, values = columns.records[:rows], 0
    else:
        # Few bytes of a file may become many as JSON.
        rows = min(rows, _count_fitting(columns, known, limit))
        kept, values = {name: column[:rows] for name, column in columns.items()}, rows * len(columns)
    size = len(body) * rows // max(1, invocation.rows)
    return {
        "request": None,
        "columns": kept,
        "columns_size": max(size * _BYTES_A_BYTE, values * _BYTES_A_VALUE),
        "logging_error_codes": (REQUEST_TOO_LONG,) if is_long or rows < invocation.rows else (),
    }


def _count_fitting(columns: Mapping[str, Sequence[Any]], known: KnownColumns, limit: int) -> int:
    """Return of how many rows, at most, the values may fit into ``limit`` bytes of JSON."""
    width = sum(_LEAST if name in known.numbers or name in known.texts else _LEAST_MASKED for name in columns)
    return max(1, limit // max(1, width))
