"""How many rows went through a dataset, as far as that is known without counting."""

from __future__ import annotations

from typing import Any


def count_rows(dataset: object, data: object, *, written: bool) -> int | None:
    """Return the rows of ``data`` as read from or written to ``dataset``, or None if unknown.

    A Delta table knows by its last read or write; a pandas, Arrow or polars frame by its length.
    A Spark frame is never counted for display: that would run it.
    """
    version = getattr(dataset, "last_written" if written else "last_read", None)
    if version is not None:
        rows = getattr(version, "rows", None)
        return int(rows) if rows is not None else None
    return _measure(data)


def _measure(data: Any) -> int | None:  # noqa: ANN401
    shape = getattr(data, "shape", None)
    # Spark frames have neither a shape nor a length; arrays and tables of memory have both.
    if isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[0], int):
        return shape[0]
    return None


def add_rows(counts: list[int | None]) -> int | None:
    """Return the sum of the known counts, or None if none is known."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
