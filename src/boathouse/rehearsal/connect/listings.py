"""Rows that list tables and schemas, with the names of the workspace in place of Spark's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


def rename_rows(response: Any, rename: Callable[[str], str]) -> None:  # noqa: ANN401 - a message of Spark Connect
    """Replace the names in the rows of one answer, wherever it holds them."""
    if response.HasField("arrow_batch"):
        response.arrow_batch.data = _rename(response.arrow_batch.data, rename)
    elif response.HasField("sql_command_result"):
        relation = response.sql_command_result.relation
        if relation.HasField("local_relation") and relation.local_relation.data:
            relation.local_relation.data = _rename(relation.local_relation.data, rename)


def _rename(data: bytes, rename: Callable[[str], str]) -> bytes:
    import pyarrow as pa

    rows = pa.ipc.open_stream(data).read_all()
    for index, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            rows = rows.set_column(index, field, _rename_column(rows.column(index), rename))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        # One batch: an answer's part is one.
        for batch in rows.combine_chunks().to_batches():
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def _rename_column(column: pa.ChunkedArray, rename: Callable[[str], str]) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if each is None else rename(each) for each in column.to_pylist()], pa.string())
