"""The Delta table of an inference log: each segment of a journal becomes one commit, once."""

from __future__ import annotations

import io
import logging
import threading
from typing import TYPE_CHECKING, Any

import orjson

from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.errors import BoathouseError, TableError
from boathouse.serving.log_journal import acquire_abandoned
from boathouse.tables.commits import append_once, retry_on_conflict

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from deltalake import DeltaTable

    from boathouse.serving.inference_log import LogCounts
    from boathouse.serving.log_journal import Segment, Slot
    from boathouse.tables.location import TableLocation

_LOGGER = logging.getLogger(__name__)
_RETRIES = 20
# Rows of a journal that no table can hold.
_REJECTED = "rejected.jsonl"


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
        fitted = fit_rows(rows, table)
        is_new = append_once(table, fitted, name=name, application=application, number=segment.number)
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


def compact_by_name(location: TableLocation) -> dict[str, Any]:
    """Do the same with a table that goes by name, through the platform's session."""
    (row,) = location.session().sql(f"OPTIMIZE {location.sql_name}").collect()
    return {name: row["metrics"][name] for name in ("numFilesAdded", "numFilesRemoved")}


class LogCommitter:
    """Commits finished segments in their order; one at a time, from any thread."""

    def __init__(self, table: LogTable, slot: Slot, root: Path, counts: LogCounts) -> None:
        """Keep the table, and the journal's slot and folder."""
        self._table, self._slot, self._root, self._counts = table, slot, root, counts
        self._turn = threading.Lock()
        self.problem = ""

    def commit(self) -> bool:
        """Bring all finished segments into the table; return whether that worked.

        A failure of any kind leaves the segments where they are.
        """
        with self._turn:
            try:
                self._commit_slot(self._slot)
                for slot in acquire_abandoned(self._root):
                    self._commit_abandoned(slot)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a store raises, its library's panic too
                self._note_failure(error)
                return False
            if self.problem:
                _LOGGER.warning("The table of the inference log can be written again; nothing of its journal was lost.")
            self.problem = ""
            return True

    def _commit_slot(self, slot: Slot) -> None:
        for segment in slot.finished():
            self._counts.committed += self._table.commit(segment)
            # Only now: a segment is removed when the table has it.
            segment.path.unlink(missing_ok=True)

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

    def _note_failure(self, error: BaseException) -> None:
        self._counts.failed_commits += 1
        why = str(error) if isinstance(error, BoathouseError) else type(error).__name__
        if not self.problem:
            _LOGGER.warning(
                "%s: the table of the inference log cannot be written. Requests are answered; their rows wait in %s.",
                why,
                self._root,
            )
        self.problem = f"the table cannot be written ({why}); rows wait in {self._root}"


def fit_rows(rows: pa.Table, table: DeltaTable) -> pa.Table:
    """Return the rows with the columns that the table has beyond them, as null.

    A table that an older release made gets the columns that it lacks, null in its rows.

    Raises:
        TableError: If a column of the table has another type, or one that the log does not fill may not be null.
    """
    import pyarrow as pa
    from deltalake import Schema

    there = {field.name: field for field in pa.schema(table.schema().to_arrow())}
    wrong = [
        f"{field.name}: {there[field.name].type} instead of {field.type}"
        for field in rows.schema
        if field.name in there and not _is_same_type(there[field.name].type, field.type)
    ]
    further = [field for name, field in there.items() if name not in rows.schema.names]
    wrong += [f"{field.name}: not known, and may not be null" for field in further if not field.nullable]
    if wrong:
        raise TableError(
            f"{ENDPOINT_LOG.name} has other columns than the log: {'; '.join(wrong)}. Move the table's folder away: "
            "the log makes a new one, and the rows that wait go there."
        )
    lacking = pa.schema([field.with_nullable(nullable=True) for field in rows.schema if field.name not in there])
    if lacking:
        table.alter.add_columns(Schema.from_arrow(lacking).fields)
    for field in further:
        rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    fields = [field if field.name in there else lacking.field(field.name) for field in rows.schema]
    return rows.cast(pa.schema(fields))


def _is_same_type(found: pa.DataType, expected: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_timestamp(expected):
        return pa.types.is_timestamp(found) and found.tz is not None
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if pa.types.is_string(expected):
        return any(is_text(found) for is_text in texts)
    return bool(found == expected) or (pa.types.is_nested(expected) and pa.types.is_nested(found))


def read_segment(path: Path) -> pa.Table:
    """Return the rows of a journal's file; a line that was torn by the end of its process is left out.

    A line that is whole and yet no row is kept beside the journal, in ``rejected.jsonl``: it keeps no other from the
    table.
    """
    import pyarrow as pa

    data = path.read_bytes()
    data = data[: data.rfind(b"\n") + 1]
    try:
        return _read_lines(data)
    except pa.ArrowInvalid:
        lines = [line + b"\n" for line in data.split(b"\n") if _is_row(line)]
    try:
        return _read_lines(b"".join(lines))
    except pa.ArrowInvalid:
        rejected = [line for line in lines if not _can_read(line)]
    _LOGGER.error("%d row(s) of the inference log cannot be stored; they are kept in %s", len(rejected), _REJECTED)
    with (path.parent / _REJECTED).open("ab") as file:
        file.writelines(rejected)
    return _read_lines(b"".join(line for line in lines if line not in set(rejected)))


def _can_read(line: bytes) -> bool:
    import pyarrow as pa

    try:
        _read_lines(line)
    except pa.ArrowInvalid:
        return False
    return True


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
    lacking = [
        field.name
        for field, column in zip(schema, columns, strict=True)
        if column.null_count > 0 and not field.nullable
    ]
    if lacking:
        raise pa.ArrowInvalid(f"null in {', '.join(lacking)}")
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
