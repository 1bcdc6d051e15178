"""What a table is: its contract, its schema, its fingerprint."""

from boathouse.core.tables.contract import Column, TableContract

__all__ = ["Column", "TableContract"]
