"""What a table is: its contract, its schema, its fingerprint."""

from boathouse.core.tables.contract import Column, TableContract
from boathouse.core.tables.slices import TableSlice
from boathouse.core.tables.version import TableVersion

__all__ = ["Column", "TableContract", "TableSlice", "TableVersion"]
