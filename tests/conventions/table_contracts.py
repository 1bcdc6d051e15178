"""Conventions of contracts: every column says what it means, and every number in which unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from boathouse.tables.contract import Column, TableContract

NUMBERS = ("bigint", "int", "double", "float", "decimal", "smallint", "tinyint")


def find_undescribed(contracts: Iterable[TableContract]) -> list[str]:
    """Return the tables and columns without a description that is a sentence, and the tables without a grain."""
    found = []
    for contract in contracts:
        parts = {"description": contract.description, "grain": contract.grain}
        found += [f"{contract.name}: no {part}" for part, text in parts.items() if not text.strip()]
        found += [f"{contract.name}.{column.name}" for column in contract.columns if not column.description.strip()]
    return found


def find_unitless(contracts: Iterable[TableContract], without_unit: Collection[str]) -> list[str]:
    """Return the columns of numbers that have no unit though they measure something.

    Keys and codes out of a closed list measure nothing; ``without_unit`` names the other columns that do not.
    """
    return [
        f"{contract.name}.{column.name}"
        for contract in contracts
        for column in contract.columns
        if is_measure(column, contract) and not column.unit and column.name not in without_unit
    ]


def is_measure(column: Column, contract: TableContract) -> bool:
    """Tell whether a column holds numbers that count or measure something."""
    is_number = column.dtype.split("(")[0] in NUMBERS
    return is_number and column.name not in contract.keys and column.allowed is None
