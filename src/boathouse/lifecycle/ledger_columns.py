"""Columns that the audit tables got after the first release: older tables get them, older records have null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.lifecycle.chain import ADDED_COLUMNS, AUDIT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from deltalake import DeltaTable
    from pyspark.sql import SparkSession

    from boathouse.tables.contract import Column
    from boathouse.tables.location import TableLocation


def find_missing(names: Iterable[str]) -> list[Column]:
    """Return the added columns that a table with columns ``names`` lacks; none for a table of today."""
    known = set(names)
    return [column for column in ADDED_COLUMNS if column.name not in known]


def complete_rows(rows: pa.Table) -> pa.Table:
    """Return ``rows`` with the columns of today, in their order; those that are missing are null."""
    import pyarrow as pa

    for column in find_missing(rows.column_names):
        rows = rows.append_column(column.name, pa.nulls(rows.num_rows, pa.string()))
    return rows.select([column.name for column in AUDIT_COLUMNS])


def evolve_table(location: TableLocation, names: Iterable[str], session: SparkSession) -> None:
    """Add the columns that the table at ``location``, with columns ``names``, lacks: by SQL, or by its folder."""
    missing = find_missing(names)
    if missing and location.path is None:
        session.sql(add_columns_statement(location.sql_name, missing))
    elif missing:
        from deltalake import DeltaTable

        add_columns(DeltaTable(str(location.path)))


def add_columns_statement(sql_name: str, columns: Iterable[Column]) -> str:
    """Return the statement that adds ``columns``, null in the rows that are there."""
    listed = ", ".join(f"`{column.name}` {column.dtype}" for column in columns)
    return f"ALTER TABLE {sql_name} ADD COLUMNS ({listed})"


def add_columns(table: DeltaTable) -> bool:
    """Add the columns that ``table`` lacks, in one commit that changes no record; return whether there were any.

    Two writers that do so at once get the store's conflict, and the second finds them there when it tries again.
    """
    from deltalake import Field
    from deltalake.schema import PrimitiveType

    missing = find_missing(field.name for field in table.schema().fields)
    if missing:
        table.alter.add_columns([Field(column.name, PrimitiveType(column.dtype), nullable=True) for column in missing])
    return bool(missing)
