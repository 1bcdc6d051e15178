"""Which version of a table was read or written, and which ones this process read last."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_lock = threading.Lock()
_reads: dict[str, int] = {}


@dataclass(frozen=True, kw_only=True)
class TableVersion:
    """One state of one table.

    Attributes:
        table: Full name, ``<env>.<schema>.<table>``; for a file, its name.
        version: Delta version; None for what has no versions, such as a file.
        rows: Rows in that state, None where the log does not say.
        path: Folder or file, None for a table known by name only.
        timestamp: When that version was committed (UTC), None where unknown.
    """

    table: str
    version: int | None
    rows: int | None
    path: str | None
    timestamp: datetime | None


def note_read(state: TableVersion) -> None:
    """Remember that ``state`` was read; what has no version, such as a file, is passed over."""
    if state.version is not None:
        with _lock:
            _reads[state.table] = state.version


def last_reads() -> dict[str, int]:
    """Return the version of each table by its three-level name."""
    with _lock:
        return dict(_reads)
