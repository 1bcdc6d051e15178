"""The contract of a table: declared once, enforced on save, documented from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from boathouse.core.errors import SchemaMismatchError
from boathouse.core.tables.schema_diff import diff_columns

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Column:
    r"""One column of a table.

    Attributes:
        name: Column name, snake_case.
        dtype: Spark's simple type name: ``bigint``, ``int``, ``double``, ``string``, ``date``,
            ``timestamp``, ``boolean``, ``array<string>`` and so on.
        description: What the value means, for a reader who does not know the source.
        unit: Unit of a number (``NT$``, ``months``, ``share``), or None where it has none.
        nullable: Whether null is a legal value; what null means belongs into ``description``.
        allowed: The closed list of legal values, or None for any.
        minimum: Smallest legal value, inclusive, or None.
        maximum: Largest legal value, inclusive, or None.
        pattern: Regular expression that a value written as text has to match, or None. Only what Java and
            Rust read alike: no look-around, ``[0-9]`` instead of ``\d``.
    """

    name: str
    dtype: str
    description: str
    unit: str | None = None
    nullable: bool = False
    allowed: tuple[int | str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        """Refuse allowed values that no value can match: texts are compared without blanks around them.

        Raises:
            SchemaMismatchError: Naming the column and the values.
        """
        padded = [value for value in self.allowed or () if isinstance(value, str) and value != value.strip()]
        if padded:
            raise SchemaMismatchError(
                f"Column '{self.name}' allows {', '.join(map(repr, padded))}; delivered values lose the blanks around "
                f"them and never match. Declare {', '.join(repr(value.strip()) for value in padded)}."
            )


@dataclass(frozen=True, kw_only=True)
class TableContract:
    """Columns, keys and meaning of one table.

    Attributes:
        name: ``<schema>.<table>``, without the environment.
        description: One sentence a catalog browser shows.
        grain: What one row is, for example "one row per customer and month".
        columns: All columns, in the order in which they are stored.
        keys: Names of the columns that identify a row; empty where rows have no identity.
        time_column: The column that dates a row, or None.
        time_grain: ``month`` if each month from the first to the last must have rows, else None.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()
    time_column: str | None = None
    time_grain: Literal["month"] | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns in stored order."""
        return tuple(column.name for column in self.columns)

    def check_schema(self, found: Mapping[str, str], *, where: str) -> None:
        """Compare ``found`` (column name to Spark type name) with the contract; order is free.

        Raises:
            SchemaMismatchError: With a diff of missing, unexpected and retyped columns.
        """
        expected = {column.name: column.dtype for column in self.columns}
        lines = diff_columns(expected, found)
        if lines:
            raise SchemaMismatchError.from_diff(self.name, lines, where=where)
