"""Which version of each table this process read last."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boathouse.core.tables import TableVersion

_lock = threading.Lock()
_reads: dict[str, int] = {}


def note_read(state: TableVersion) -> None:
    """Remember that ``state`` was read; what has no version, such as a file, is passed over."""
    if state.version is not None:
        with _lock:
            _reads[state.table] = state.version


def last_reads() -> dict[str, int]:
    """Return the version of each table by its three-level name."""
    with _lock:
        return dict(_reads)
