"""Commits through ``deltalake``, without an engine: rows appended once, and further attempts after a conflict."""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from boathouse.errors import CommitConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

# Sail has one message; Delta on Spark and Databricks names its conflicts. That a table exists is a
# conflict too: it is created only where there was none a moment before.
_CONFLICT = re.compile(
    r"Failed to commit transaction|Concurrent\w*Exception|DELTA_CONCURRENT|(DELTA_)?METADATA_?CHANGED"
    r"|(DELTA_)?PROTOCOL_?CHANGED|DELTA_PATH_EXISTS|\[TABLE_OR_VIEW_ALREADY_EXISTS|Delta table already exists at path",
    re.IGNORECASE,
)
# ``write_deltalake`` 1.6.6 names a store after the table's folder and panics at these; commits are not concerned.
_UNWRITABLE = re.compile(r"[\[\]^|]")
# Of an error in a function of Python that an engine ran: the last line of its traceback is not indented.
_TRACEBACK = "Traceback (most recent call last):"
_LAST_LINE = re.compile(r"^(?:[a-z_][\w.]*\.)?([A-Z]\w*)\b(?:: No module named ('[\w.]+'))?", re.MULTILINE)
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 2.0


def is_conflict(error: Exception) -> bool:
    """Return whether ``error`` means that another writer committed first."""
    return isinstance(error, CommitConflictError) or bool(_CONFLICT.search(f"{type(error).__name__}: {error}"))


def describe_failure(error: Exception) -> str:
    """Return the kind of an engine's error without its text, which may quote values of rows.

    Of an error in a function that the engine runs, that is the last one of its traceback; which package is missing
    there is told, since it is none of the rows.
    """
    condition = getattr(error, "getCondition", lambda: None)()
    _, _, traceback = str(error).rpartition(_TRACEBACK)
    if _TRACEBACK in str(error) and (raised := _LAST_LINE.search(traceback)):
        kind, missing = raised.groups()
        condition = f"{kind}: no module {missing}" if missing else kind
    return f"{type(error).__name__} ({condition})" if condition else type(error).__name__


def retry_on_conflict(attempt: Callable[[], None], *, table: str, retries: int) -> None:
    """Run ``attempt`` until no other writer is in its way; waits double from 0.05 s to 2 s, with jitter.

    Args:
        attempt: Reads the table's state again and writes; leaves nothing behind when it fails.
        table: Full name, for the message.
        retries: Further attempts after the first.

    Raises:
        CommitConflictError: If the last attempt met another writer too.
    """
    for number in range(retries + 1):
        try:
            return attempt()
        except Exception as error:  # Delta's conflicts have no common base across engines
            if not is_conflict(error):
                raise
            if number == retries:
                raise CommitConflictError.after_retries(table, retries + 1) from error
        wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**number)
        time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
    return None


def append_once(
    table: DeltaTable, rows: pa.Table, *, name: str, application: str, number: int, alone: bool = False
) -> bool:
    """Append ``rows`` in one commit that carries the transaction ``number``; return whether it was.

    Nothing is done if the opened ``table`` has this number of ``application`` or a later one. Of several writers that
    opened the same version, one commits: rows and number are there together or not at all.

    Args:
        table: The table, as opened before anything about it was decided.
        rows: What is added.
        name: Full name of the table, for the message.
        application: Names the writer in the table's log.
        number: Ascends with each append of the writer, from 0 or more.
        alone: Whether any other commit since the table was opened makes this one fail, also an unrelated append.

    Raises:
        CommitConflictError: If the same writer, started twice, was first, or for ``alone`` another writer.
    """
    from deltalake import CommitProperties
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import Transaction

    last = last_transaction(table, application)
    if last is not None and last >= number:
        return False
    retries = 0 if alone else None
    properties = CommitProperties(app_transactions=[Transaction(application, number)], max_commit_retries=retries)
    try:
        _append(table, rows, properties)
    except CommitFailedError as error:
        raise CommitConflictError.moved_on(name) from error
    return True


def _append(table: DeltaTable, rows: pa.Table, properties: CommitProperties) -> None:
    from deltalake import write_deltalake

    folder = Path(url2pathname(urlsplit(table.table_uri).path))
    if _UNWRITABLE.search(folder.as_posix()):
        _append_files(table, folder, rows, properties)
    else:
        write_deltalake(table, rows, mode="append", commit_properties=properties)


def _append_files(table: DeltaTable, folder: Path, rows: pa.Table, properties: CommitProperties) -> None:
    """Append ``rows`` in one commit, as files that are written here; they are removed if it fails."""
    actions: list[AddAction | RemoveAction] = []
    try:
        for values, part in _split_partitions(table, rows):
            file = folder / f"part-00000-{uuid.uuid4()}-c000.parquet"
            actions.append(_write_file(file, values, part))
        table.create_write_transaction(actions, "append", table.schema(), commit_properties=properties)
    except BaseException:
        for action in actions:
            (folder / action.path).unlink(missing_ok=True)
        raise


def _split_partitions(table: DeltaTable, rows: pa.Table) -> Iterator[tuple[dict[str, str | None], pa.Table]]:
    """Yield partition values, as the log writes them, and the rows that have them, without those columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema, names = pa.schema(table.schema().to_arrow()), table.metadata().partition_columns
    rows = pa.table([_column(rows, field) for field in schema], schema=schema)
    texts = [rows[name].cast(pa.string()) for name in names]
    for values in set(zip(*(text.to_pylist() for text in texts), strict=True)) if names else [()]:
        chosen = rows
        for name, value in zip(names, values, strict=True):
            text = chosen[name].cast(pa.string())
            chosen = chosen.filter(pc.is_null(text) if value is None else pc.equal(text, value))
        yield dict(zip(names, values, strict=True)), chosen.drop_columns(names)


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    import pyarrow as pa

    return rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)


def _write_file(file: Path, values: dict[str, str | None], rows: pa.Table) -> AddAction:
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

    pq.write_table(rows, file, compression="snappy")
    written, counts = file.stat(), json.dumps({"numRecords": rows.num_rows})
    return AddAction(file.name, written.st_size, values, int(written.st_mtime * 1000), True, counts)  # noqa: FBT003


def last_transaction(table: DeltaTable, application: str) -> int | None:
    """Return the number of the last append of ``application``, or None before the first."""
    number = table.transaction_version(application)
    return None if number is None else int(number)
