"""The contracts that follow from a delivery's: its raw table and its quarantine."""

from __future__ import annotations

from boathouse.core.quality.judging import BROKEN_RULES, ORIGIN_COLUMNS
from boathouse.core.tables import Column, TableContract


def raw_contract(delivered: TableContract) -> TableContract:
    """Return the contract of the raw table: the delivered columns as text, and their origin."""
    return TableContract(
        name=f"raw.{delivered.name}",
        description=f"{delivered.description} As delivered, every delivery kept.",
        grain=f"{delivered.grain} and delivery",
        columns=(*_as_text(delivered), *ORIGIN_COLUMNS),
    )


def quarantine_contract(delivered: TableContract) -> TableContract:
    """Return the contract of the table of rows that broke a rule."""
    rules = Column(name=BROKEN_RULES, dtype="array<string>", description="Names of the rules that the row breaks.")
    return TableContract(
        name=f"clean.{delivered.name}_quarantine",
        description=f"{delivered.description} Rows that broke a rule, as delivered.",
        grain=delivered.grain,
        columns=(*_as_text(delivered), ORIGIN_COLUMNS[0], rules),
    )


def _as_text(delivered: TableContract) -> tuple[Column, ...]:
    return tuple(
        Column(name=column.name, dtype="string", description=column.description, unit=column.unit, nullable=True)
        for column in delivered.columns
    )
