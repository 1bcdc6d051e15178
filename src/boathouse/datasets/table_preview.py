"""The first rows of a table for Kedro-Viz, without starting an engine where tables are folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from boathouse.datasets.delta_log import open_log

if TYPE_CHECKING:
    import pyarrow as pa
    from kedro_datasets._typing import TablePreview

    from boathouse.datasets.delta_place import TablePlace


def preview_table(place: TablePlace, nrows: int) -> TablePreview:
    """Return up to ``nrows`` rows as text, their columns named ``name: type``."""
    if not open_log(place).exists():
        return _as_preview(["not made yet"], [])
    rows = _first_rows(place, nrows)
    columns = [f"{field.name}: {field.type}" for field in rows.schema]
    return _as_preview(columns, [[_as_text(value) for value in row.values()] for row in rows.to_pylist()])


def _first_rows(place: TablePlace, nrows: int) -> pa.Table:
    """Return the first rows in stored order."""
    if place.path is None:
        return place.session().read.table(place.table).limit(nrows).toArrow()
    from deltalake import DeltaTable

    table: pa.Table = DeltaTable(place.path).to_pyarrow_dataset().head(nrows)
    return table


def _as_text(value: object) -> object:
    """Return ``value`` if JSON has it, else its text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _as_preview(columns: list[str], data: list[list[object]]) -> TablePreview:
    return cast("TablePreview", {"index": list(range(len(data))), "columns": columns, "data": data})
