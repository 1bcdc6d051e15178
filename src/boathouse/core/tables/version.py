"""Which state of a table was read or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class TableVersion:
    """One state of one table.

    Attributes:
        table: Full name, ``<env>.<schema>.<table>``; for a file, its name.
        version: Delta version; None for what has no versions, such as a file.
        rows: Rows in that state, None where the log does not tell.
        path: Folder or file, None for a table known by name only.
        timestamp: When that version was committed (UTC), None where unknown.
    """

    table: str
    version: int | None
    rows: int | None
    path: str | None
    timestamp: datetime | None
