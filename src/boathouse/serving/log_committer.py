"""From the journals to the table: the own one, and those of processes that were killed."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from boathouse.serving.log_journal import acquire_abandoned

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.serving.inference_log import LogCounts
    from boathouse.serving.log_journal import Slot
    from boathouse.serving.log_table import LogTable

_LOGGER = logging.getLogger(__name__)


class LogCommitter:
    """Commits finished segments in their order; one at a time, whoever asks."""

    def __init__(self, table: LogTable, slot: Slot, root: Path, counts: LogCounts) -> None:
        """Remember both ends."""
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
