"""A part of a table that is replaced as a whole, also by nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class TableSlice:
    """The rows of one slice of a table in mode ``replace_where``.

    A plain frame cannot say that a slice has become empty: it names only the slices that occur in it.

    Attributes:
        rows: The slice's rows; may be none.
        values: Values of the table's ``replace_columns``, in their order.
    """

    rows: DataFrame
    values: tuple[str | int | bool | date | None, ...]
