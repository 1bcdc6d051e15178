"""What a table is: its contract, its schema, its fingerprint."""

from boathouse.tables.contract import Column, TableContract
from boathouse.tables.versions import TableVersion
from boathouse.tables.write_options import TableSlice

__all__ = ["Column", "TableContract", "TableSlice", "TableVersion"]
