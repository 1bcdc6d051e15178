"""The contract of a table: declared once, enforced on save, documented from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from boathouse.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

# Set last, so that a table whose documentation was interrupted is documented by the next save.
DIGEST_PROPERTY = "boathouse.contract"


@dataclass(frozen=True, kw_only=True)
class Column:
    r"""One column of a table.

    Attributes:
        name: Column name, snake_case.
        dtype: Spark's simple type name: ``bigint``, ``int``, ``double``, ``string``, ``date``,
            ``timestamp``, ``boolean``, ``array<string>`` and so on.
        description: What the value means, for a reader who does not know the source.
        unit: Unit of a number (``kg``, ``days``, ``share``), or None where it has none.
        nullable: Whether null is a legal value; what null means is part of ``description``.
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
            TableError: Naming the column and the values.
        """
        padded = [value for value in self.allowed or () if isinstance(value, str) and value != value.strip()]
        if padded:
            raise TableError(
                f"Column '{self.name}' allows {', '.join(map(repr, padded))}; delivered values lose the blanks around "
                f"them and never match. Declare {', '.join(repr(value.strip()) for value in padded)}."
            )


@dataclass(frozen=True, kw_only=True)
class TableContract:
    """Columns, keys and meaning of one table.

    Attributes:
        name: ``<schema>.<table>``, without the environment.
        description: One sentence a catalog browser shows.
        grain: What one row is, for example "one row per shop and day".
        columns: All columns, in the order in which they are stored.
        keys: Names of the columns that identify a row; empty where rows have no identity.
        time_column: The column that dates a row, or None.
        time_grain: ``day`` or ``month`` if each one from the first to the last must have rows, else None.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()
    time_column: str | None = None
    time_grain: Literal["day", "month"] | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns in stored order."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """Columns and types as Spark reads a schema: ```` `a` bigint, `b` string ````."""
        return ddl_of(self.columns)

    @property
    def arrow_schema(self) -> pa.Schema:
        """Columns, types and nullability as an Arrow schema."""
        return arrow_schema_of(self.columns)

    def check_schema(self, found: Mapping[str, str], *, where: str) -> None:
        """Compare ``found`` (column name to Spark type name) with the contract; order is free.

        Raises:
            TableError: With a diff of missing, unexpected and retyped columns.
        """
        expected = {column.name: column.dtype for column in self.columns}
        lines = diff_columns(expected, found)
        if lines:
            raise TableError.wrong_columns(self.name, lines, where=where)


def diff_columns(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return one line for each missing (-), unexpected (+) or retyped (~) column; empty if equal.

    Args:
        expected: Column name to Spark type name; order does not matter.
        found: The same of what was found.
    """
    lines = [f"  - {name}: {expected[name]} (missing)" for name in expected if name not in found]
    lines += [f"  + {name}: {found[name]} (unexpected)" for name in found if name not in expected]
    return lines + [
        f"  ~ {name}: expected {expected[name]}, found {found[name]}"
        for name in expected
        if name in found and found[name] != expected[name]
    ]


def ddl_of(columns: Sequence[Column]) -> str:
    """Return names and types of ``columns`` as Spark reads a schema; names are quoted."""
    return ", ".join(f"`{column.name}` {column.dtype}" for column in columns)


def arrow_schema_of(columns: Sequence[Column]) -> pa.Schema:
    """Return names, types and nullability of ``columns``.

    Raises:
        ValueError: If a type has no Arrow type here: struct and map.
    """
    import pyarrow as pa

    types = {column.name: arrow_type(column.dtype) for column in columns}
    missing = [f"{column.name} ({column.dtype})" for column in columns if types[column.name] is None]
    if missing:
        raise ValueError(f"These columns have no Arrow type: {', '.join(missing)}.")
    return pa.schema([pa.field(column.name, types[column.name], column.nullable) for column in columns])


def arrow_type(dtype: str) -> pa.DataType | None:
    """Return the Arrow type of a Spark type name, or None for struct and map."""
    import pyarrow as pa

    plain = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "binary": pa.binary(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "timestamp_ntz": pa.timestamp("us"),
    }
    if dtype in plain:
        return plain[dtype]
    if match := re.fullmatch(r"decimal\((\d+),(\d+)\)", dtype):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"array<(.+)>", dtype):
        inner = arrow_type(match[1])
        return None if inner is None else pa.list_(inner)
    return None


def documentation_sql(contract: TableContract, sql_name: str) -> tuple[str, ...]:
    """Return the SQL statements that document the table ``sql_name`` from ``contract``, in order; repeatable.

    Keys become a primary key; a time column among them is marked TIMESERIES, which makes the table a
    feature table for point-in-time look-ups
    (https://docs.databricks.com/aws/en/machine-learning/feature-store/uc/feature-tables-uc).
    """
    return (
        f"COMMENT ON TABLE {sql_name} IS {sql_text(_summary(contract))}",
        # One statement, one commit: of tables with hundreds of columns each would take a second on the platform.
        f"ALTER TABLE {sql_name} ALTER COLUMN {', '.join(map(_comment_sql, contract.columns))}",
        *_key_sql(contract, sql_name),
        f"ALTER TABLE {sql_name} SET TBLPROPERTIES ('{DIGEST_PROPERTY}' = '{documentation_digest(contract)}')",
    )


def documentation_digest(contract: TableContract) -> str:
    """Return a short digest that changes whenever the contract does."""
    return hashlib.sha256(repr(contract).encode()).hexdigest()[:16]


def _key_sql(contract: TableContract, sql_name: str) -> list[str]:
    """Return the SQL statements that declare the primary key, or none without keys."""
    if not contract.keys:
        return []
    parts = [f"`{key}` TIMESERIES" if key == contract.time_column else f"`{key}`" for key in contract.keys]
    constraint = contract.name.replace(".", "_") + "_pk"
    return [
        *[f"ALTER TABLE {sql_name} ALTER COLUMN `{key}` SET NOT NULL" for key in contract.keys],
        f"ALTER TABLE {sql_name} DROP PRIMARY KEY IF EXISTS",
        f"ALTER TABLE {sql_name} ADD CONSTRAINT `{constraint}` PRIMARY KEY ({', '.join(parts)})",
    ]


def _summary(contract: TableContract) -> str:
    """Return description and grain as two sentences."""
    return f"{contract.description.rstrip('.')}. Grain: {contract.grain.rstrip('.')}."


def _comment_sql(column: Column) -> str:
    return f"`{column.name}` COMMENT {sql_text(_comment(column))}"


def _comment(column: Column) -> str:
    """Return description and unit."""
    return f"{column.description} Unit: {column.unit}." if column.unit else column.description


def sql_text(value: str) -> str:
    """Return ``value`` as an SQL string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_caption(where: str, contract: TableContract | None, metadata: dict[str, object] | None) -> str:
    """Return where a dataset is and what it holds: the one line of text that Kedro-Viz shows of it.

    What it holds is the description of its contract; only a dataset without one has it in its catalog entry.
    """
    described = contract.description if contract is not None else (metadata or {}).get("description")
    return f"{where} ({described})" if described else where
