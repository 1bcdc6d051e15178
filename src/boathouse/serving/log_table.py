"""The Delta table of an inference log: each segment of a journal becomes one commit, once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson

from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.tables.commits import append_once, retry_on_conflict

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from deltalake import DeltaTable

    from boathouse.serving.log_journal import Segment

_RETRIES = 20


class LogTable:
    """The table in a local folder; written through ``deltalake``, without an engine."""

    def __init__(self, path: str) -> None:
        """Remember the folder; read nothing."""
        self._path = path

    def commit(self, segment: Segment) -> int:
        """Add the rows of ``segment`` unless the table has taken them before; return the rows added.

        The number of the segment is part of the commit, so that a process that was killed between the
        commit and the removal of the segment adds nothing the second time.
        """
        rows = read_segment(segment.path)
        added = 0

        def attempt() -> None:
            nonlocal added
            added = self._add(rows, segment)

        retry_on_conflict(attempt, table=ENDPOINT_LOG.name, retries=_RETRIES)
        return added

    def _add(self, rows: pa.Table, segment: Segment) -> int:
        table = self._open_or_create()
        if not rows.num_rows:
            return 0
        name, application = ENDPOINT_LOG.name, segment.application
        is_new = append_once(table, rows, name=name, application=application, number=segment.number)
        return int(rows.num_rows) if is_new else 0

    def _open_or_create(self) -> DeltaTable:
        from deltalake import DeltaTable

        if DeltaTable.is_deltatable(self._path):
            return DeltaTable(self._path)
        return DeltaTable.create(
            self._path,
            ENDPOINT_LOG.arrow_schema,
            mode="ignore",
            name=ENDPOINT_LOG.name,
            description=ENDPOINT_LOG.description,
            partition_by=["request_date"],
        )

    def compact(self) -> dict[str, Any]:
        """Make few large files of the many small ones; what others append meanwhile is kept."""
        from deltalake import DeltaTable

        found: dict[str, Any] = DeltaTable(self._path).optimize.compact()
        return found


def read_segment(path: Path) -> pa.Table:
    """Return the rows of a journal's file; a line that was torn by the end of its process is left out."""
    import pyarrow as pa

    data = path.read_bytes()
    data = data[: data.rfind(b"\n") + 1]
    try:
        return _read_lines(data)
    except pa.ArrowInvalid:
        return _read_lines(b"".join(line + b"\n" for line in data.splitlines() if _is_row(line)))


def _read_lines(data: bytes) -> pa.Table:
    """Parse outside of Python's lock: requests are answered meanwhile."""
    import pyarrow as pa
    from pyarrow import json

    schema = ENDPOINT_LOG.arrow_schema
    if not data:
        return schema.empty_table()
    as_text = pa.schema([pa.field(field.name, _text_of(field.type)) for field in schema])
    table = json.read_json(
        io.BytesIO(data),
        read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=json.ParseOptions(explicit_schema=as_text, unexpected_field_behavior="ignore"),
    )
    columns = [_from_text(table[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _text_of(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.string() if pa.types.is_temporal(kind) else kind


def _from_text(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
