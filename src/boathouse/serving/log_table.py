"""The Delta table of an inference log: each segment of a journal becomes one commit, once."""

from __future__ import annotations

import io
import logging
import threading
from typing import TYPE_CHECKING, Any

import orjson

from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.serving.log_journal import acquire_abandoned
from boathouse.tables.commits import append_once, retry_on_conflict

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from deltalake import DeltaTable

    from boathouse.serving.inference_log import LogCounts
    from boathouse.serving.log_journal import Segment, Slot

_LOGGER = logging.getLogger(__name__)
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


class LogCommitter:
    """Commits finished segments in their order; one at a time, from any thread."""

    def __init__(self, table: LogTable, slot: Slot, root: Path, counts: LogCounts) -> None:
        """Keep the table, and the journal's slot and folder."""
        self._table, self._slot, self._root, self._counts = table, slot, root, counts
        self._turn = threading.Lock()
        self._is_down = False

    def commit(self) -> bool:
        """Bring all finished segments into the table; return whether that worked.

        A failure of any kind leaves the segments where they are.
        """
        with self._turn:
            try:
                self._commit_slot(self._slot)
                for slot in acquire_abandoned(self._root):
                    self._commit_abandoned(slot)
            except Exception as error:  # noqa: BLE001 - whatever a store raises, the endpoint goes on
                self._note_failure(error)
                return False
            if self._is_down:
                _LOGGER.warning("The table of the inference log can be written again; nothing of its journal was lost.")
            self._is_down = False
            return True

    def _commit_slot(self, slot: Slot) -> None:
        for segment in slot.finished():
            self._counts.committed += self._table.commit(segment)
            # Only now: a segment is removed when the table has it.
            segment.path.unlink()

    def _commit_abandoned(self, slot: Slot) -> None:
        """Take over what a killed process left, and leave its slot to the next one."""
        if slot.was_killed:
            _LOGGER.warning(
                "A process ended without closing its inference log. What was in its journal goes to the table now; "
                "requests of its last %g s may be missing.",
                slot.flush_seconds_before,
            )
        try:
            self._commit_slot(slot)
        finally:
            slot.release()

    def _note_failure(self, error: Exception) -> None:
        self._counts.failed_commits += 1
        if not self._is_down:
            _LOGGER.warning(
                "%s: the table of the inference log cannot be written. Requests are answered; their rows wait in %s.",
                type(error).__name__,
                self._root,
            )
        self._is_down = True


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
