"""Rows of a table in a folder, read without an engine."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from boathouse.tables.delta_log import read_local_rows

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    {"id": "a", "day": date(2005, 1, 1), "x": 1.0},
    {"id": "b/ %", "day": date(2005, 1, 2), "x": 2.0},
    {"id": "c", "day": None, "x": None},
]


@pytest.fixture(params=[None, ["day"], ["id"], ["day", "id"]], ids=str)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the folder of a table, divided in different ways."""
    schema = pa.schema([("id", pa.string()), ("day", pa.date32()), ("x", pa.float64())])
    write_deltalake(tmp_path / "t", pa.Table.from_pylist(ROWS, schema), partition_by=request.param)
    return str(tmp_path / "t")


def select(path: str, condition: pc.Expression | None = None) -> list[dict[str, Any]]:
    return sorted(read_local_rows(path, condition).to_pylist(), key=lambda row: row["id"])


def test_rows_are_found_by_any_column(table: str) -> None:
    assert select(table, pc.field("id") == "b/ %") == [ROWS[1]]
    assert select(table, pc.field("day") >= date(2005, 1, 1)) == ROWS[:2]
    assert select(table, pc.field("day").is_null()) == [ROWS[2]]
    assert select(table, pc.field("x") > 5) == []
    assert select(table) == ROWS


def test_rows_that_were_deleted_or_replaced_are_gone(table: str) -> None:
    DeltaTable(table).delete("x = 1.0")
    DeltaTable(table).update(updates={"x": "9.0"}, predicate="x = 2.0")
    assert [row["x"] for row in select(table)] == [9.0, None]


def test_a_column_that_came_later_is_null_before(table: str) -> None:
    more = pa.table({"id": ["d"], "day": [date(2005, 1, 3)], "x": [4.0], "y": [7]})
    write_deltalake(table, more, mode="append", schema_mode="merge")
    assert [row["y"] for row in select(table)] == [None, None, None, 7]


def test_a_table_without_rows_has_its_columns(table: str) -> None:
    DeltaTable(table).delete()
    assert read_local_rows(table).column_names == ["id", "day", "x"]
