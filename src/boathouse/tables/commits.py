"""Commits through ``deltalake``, without an engine: rows appended once, and further attempts after a conflict."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

from boathouse.errors import CommitConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from deltalake import DeltaTable

# Sail has one message; Delta on Spark and Databricks names its conflicts. That a table exists is a
# conflict too: it is created only where there was none a moment before.
_CONFLICT = re.compile(
    r"Failed to commit transaction|Concurrent\w*Exception|DELTA_CONCURRENT|(DELTA_)?METADATA_?CHANGED"
    r"|(DELTA_)?PROTOCOL_?CHANGED|DELTA_PATH_EXISTS|\[TABLE_OR_VIEW_ALREADY_EXISTS|Delta table already exists at path",
    re.IGNORECASE,
)
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 2.0


def is_conflict(error: Exception) -> bool:
    """Return whether ``error`` means that another writer committed first."""
    return isinstance(error, CommitConflictError) or bool(_CONFLICT.search(f"{type(error).__name__}: {error}"))


def describe_failure(error: Exception) -> str:
    """Return the kind of an engine's error without its text, which may quote values of rows."""
    condition = getattr(error, "getCondition", lambda: None)()
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
    from deltalake import CommitProperties, write_deltalake
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import Transaction

    last = last_transaction(table, application)
    if last is not None and last >= number:
        return False
    retries = 0 if alone else None
    properties = CommitProperties(app_transactions=[Transaction(application, number)], max_commit_retries=retries)
    try:
        write_deltalake(table, rows, mode="append", commit_properties=properties)
    except CommitFailedError as error:
        raise CommitConflictError.moved_on(name) from error
    return True


def last_transaction(table: DeltaTable, application: str) -> int | None:
    """Return the number of the last append of ``application``, or None before the first."""
    number = table.transaction_version(application)
    return None if number is None else int(number)
