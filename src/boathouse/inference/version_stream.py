"""A stream without a streaming engine: driven by the source's versions, its checkpoint in the targets' logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from boathouse.core.errors import StreamError
from boathouse.core.inference.stream_contracts import STREAM_ID
from boathouse.inference.stream_batches import Backlog
from boathouse.tables.commits import retry_on_conflict

if TYPE_CHECKING:
    from boathouse.core.inference.stream_options import StreamOptions
    from boathouse.inference.source import AppendedRows, SourceBatch
    from boathouse.inference.stream_batches import BatchWriter

# The same stream started twice: whoever loses looks again.
_RETRIES = 10


class VersionStream:
    """Answers the rows that are added to a table, version by version."""

    def __init__(self, source: AppendedRows, writer: BatchWriter, options: StreamOptions) -> None:
        """Remember what is read, what answers, and how."""
        self._source, self._writer, self._options = source, writer, options

    def run(self) -> int:
        """Answer what is there, or go on, as the options say; return the number of batches answered.

        Raises:
            StreamError: If the source lost rows, columns, files or log entries, or is another table.
        """
        self._check_same_table()
        done, idle_since = 0, time.monotonic()
        while True:
            if self._step():
                done, idle_since = done + 1, time.monotonic()
                continue
            limit = self._options.stop_when_idle_s
            if self._options.trigger == "available_now" or 0 < limit <= time.monotonic() - idle_since:
                return done
            time.sleep(self._options.interval_s)

    def _step(self) -> bool:
        """Answer the next batch; return whether there was one."""
        found: list[SourceBatch | None] = []

        def attempt() -> None:
            mark = self._writer.targets.predictions.mark()
            found[:] = [self._source.read_after(mark, most=self._options.most_versions)]
            if found[0] is not None:
                self._answer(found[0])

        retry_on_conflict(attempt, table=self._writer.source, retries=_RETRIES)
        return found[0] is not None

    def _answer(self, batch: SourceBatch) -> None:
        versions, rows = self._source.measure_backlog(batch.last)
        backlog = Backlog(batches=versions, events=rows, source_version=batch.last, committed_at=batch.committed_at)
        self._writer.answer(batch.rows, first=batch.first, last=batch.last, backlog=backlog)

    def _check_same_table(self) -> None:
        """Refuse to go on from the marks of a table that is no longer there."""
        progress = self._writer.targets.progress.read()
        if progress is None:
            return
        name = self._writer.stream_id.rsplit("/", 1)[0]
        known = {row[STREAM_ID] for row in progress.select(STREAM_ID).distinct().collect()}
        own = {each for each in known if each.rsplit("/", 1)[0] == name}
        if own and self._writer.stream_id not in own:
            raise StreamError.replaced(self._writer.source)
