"""Another attempt when someone else committed first."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

from boathouse.core.errors import CommitConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

# Sail knows one message; Delta on Spark and Databricks names its conflicts. That a table exists is a
# conflict too: it is created only where there was none a moment before.
_CONFLICT = re.compile(
    r"Failed to commit transaction|Concurrent\w*Exception|DELTA_CONCURRENT|(DELTA_)?METADATA_?CHANGED"
    r"|(DELTA_)?PROTOCOL_?CHANGED|DELTA_PATH_EXISTS|\[TABLE_OR_VIEW_ALREADY_EXISTS|Delta table already exists at path",
    re.IGNORECASE,
)
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 2.0


def is_conflict(error: Exception) -> bool:
    """Return whether ``error`` says that another writer committed first."""
    return isinstance(error, CommitConflictError) or bool(_CONFLICT.search(f"{type(error).__name__}: {error}"))


def describe_failure(error: Exception) -> str:
    """Return the kind of an engine's error without its text, which may quote values of rows."""
    condition = getattr(error, "getCondition", lambda: None)()
    return f"{type(error).__name__} ({condition})" if condition else type(error).__name__


def retry_on_conflict(attempt: Callable[[], None], *, table: str, retries: int) -> None:
    """Run ``attempt`` until no other writer is in its way; waits double from 0.05 s to 2 s, with jitter.

    Args:
        attempt: Looks at the table anew and writes; leaves nothing behind when it fails.
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
