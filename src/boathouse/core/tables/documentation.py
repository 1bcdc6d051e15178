"""A contract as SQL for Unity Catalog: comments and keys, in statements that only the platform understands."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boathouse.core.tables.contract import Column, TableContract

# Set last, so that a table whose documentation was interrupted is documented by the next save.
DIGEST_PROPERTY = "boathouse.contract"


def documentation_statements(contract: TableContract, sql_name: str) -> tuple[str, ...]:
    """Return the statements that document the table ``sql_name`` from ``contract``, in order; repeatable.

    Keys become a primary key; a time column among them is marked TIMESERIES, which makes the table a
    feature table for point-in-time look-ups
    (https://docs.databricks.com/aws/en/machine-learning/feature-store/uc/feature-tables-uc).
    """
    return (
        f"COMMENT ON TABLE {sql_name} IS {_text(_summary(contract))}",
        *[f"ALTER TABLE {sql_name} ALTER COLUMN `{c.name}` COMMENT {_text(_comment(c))}" for c in contract.columns],
        *_key_statements(contract, sql_name),
        f"ALTER TABLE {sql_name} SET TBLPROPERTIES ('{DIGEST_PROPERTY}' = '{documentation_digest(contract)}')",
    )


def documentation_digest(contract: TableContract) -> str:
    """Return a short digest that changes whenever the contract does."""
    return hashlib.sha256(repr(contract).encode()).hexdigest()[:16]


def _key_statements(contract: TableContract, sql_name: str) -> list[str]:
    """Return the statements that declare the primary key, or none without keys."""
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


def _comment(column: Column) -> str:
    """Return description and unit."""
    return f"{column.description} Unit: {column.unit}." if column.unit else column.description


def _text(value: str) -> str:
    """Return ``value`` as an SQL string."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
