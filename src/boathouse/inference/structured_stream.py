"""A stream by Structured Streaming: Spark keeps the offsets, the targets' logs keep each batch from doubling."""

from __future__ import annotations

import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from boathouse.errors import BoathouseError, StreamError
from boathouse.inference.version_stream import Backlog
from boathouse.problem.scored_tables import EVENT_TIME, SOURCE_BATCH
from boathouse.tables.contract import diff_columns
from boathouse.tables.delta_log import open_log

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.inference.options import StreamOptions
    from boathouse.inference.version_stream import BatchWriter
    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation

# Delta's own words for a commit that took rows away, for files that are gone, and for another table.
_REWRITTEN = re.compile(
    r"DELTA_SOURCE_(TABLE_)?IGNORE_(CHANGES|DELETE)|Detected (a data update|deleted data)", re.IGNORECASE
)
_SCHEMA = re.compile(r"DELTA_SCHEMA_(CHANGED|CHANGE_SINCE)|Detected schema change", re.IGNORECASE)
_GONE = re.compile(r"FAILED_READ_FILE|FileNotFound|DELTA_FILE_NOT_FOUND|FILE_NOT_EXIST", re.IGNORECASE)
_REPLACED = re.compile(r"DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE", re.IGNORECASE)


def read_stream_id(checkpoint: Path, name: str) -> str:
    """Return the id of the reading that ``checkpoint`` belongs to, made with it: a lost checkpoint is a new reading."""
    file = checkpoint / "stream_id"
    if not file.exists():
        checkpoint.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}/{uuid.uuid4()}", encoding="utf-8")
    return file.read_text(encoding="utf-8")


class StructuredStream:
    """Answers the rows that are added to a table, micro-batch by micro-batch."""

    def __init__(
        self,
        place: TableLocation,
        events: TableContract,
        writer: BatchWriter,
        *,
        options: StreamOptions,
        checkpoint: Path,
    ) -> None:
        """Remember what is read, what answers, and how."""
        self._place, self._events, self._writer = place, events, writer
        self._options, self._checkpoint = options, checkpoint
        self._batches = 0
        self._last_work = 0.0
        self._failure: list[BoathouseError] = []

    def run(self) -> int:
        """Answer what is there, or go on, as the options say; return the number of batches answered.

        Raises:
            StreamError: If the source lost rows, columns or files, or Spark stopped.
        """
        self._check_columns()
        self._last_work = time.monotonic()
        query = self._start()
        try:
            self._wait(query)
        except PySparkException as error:
            raise self._explain(error) from error
        finally:
            if query.isActive:
                query.stop()
        return self._batches

    def _start(self) -> Any:  # noqa: ANN401 - a StreamingQuery of classic Spark or of Connect
        reader = self._place.session().readStream.format("delta")
        reader = reader.option("maxFilesPerTrigger", self._options.most_versions)
        rows = reader.load(self._place.path) if self._place.path else reader.table(self._place.table)
        late = f"{self._options.delay_s} seconds"
        writer = (
            rows.select(*self._events.column_names)
            .withWatermark(EVENT_TIME, late)
            .writeStream.queryName(f"boathouse_{self._options.name}_{uuid.uuid4().hex[:8]}")
            .option("checkpointLocation", (self._checkpoint / "offsets").as_posix())
            .foreachBatch(self._answer)
        )
        if self._options.trigger == "available_now":
            return writer.trigger(availableNow=True).start()
        return writer.trigger(processingTime=f"{self._options.interval_s} seconds").start()

    def _wait(self, query: Any) -> None:  # noqa: ANN401
        """Wait until the query ends by itself, or has been idle for as long as the options allow."""
        limit = self._options.stop_when_idle_s
        if self._options.trigger == "available_now" or limit == 0:
            query.awaitTermination()
            return
        while not query.awaitTermination(min(self._options.interval_s, limit)):
            if time.monotonic() - self._last_work >= limit and not query.status["isTriggerActive"]:
                return

    def _answer(self, rows: DataFrame, batch: int) -> None:
        events = rows.select(*self._events.column_names, F.lit(batch).cast("bigint").alias(SOURCE_BATCH))
        try:
            self._writer.answer(events, first=batch, last=batch, backlog=Backlog())
        except BoathouseError as error:
            # Spark would show it as text of another error.
            self._failure.append(error)
            raise
        self._batches += 1
        self._last_work = time.monotonic()

    def _check_columns(self) -> None:
        """Check that the source has the columns of the events.

        Raises:
            StreamError: With the column diff.
        """
        newest = open_log(self._place).newest()
        found = dict(self._place.read(newest).dtypes)
        expected = {column.name: column.dtype for column in self._events.columns}
        lines = diff_columns(expected, {name: dtype for name, dtype in found.items() if not name.startswith("_")})
        if lines:
            raise StreamError.changed_columns(self._place.table, lines, version=newest)

    def _explain(self, error: PySparkException) -> BoathouseError:
        """Return our own error that stopped the stream, or what Spark's means."""
        if self._failure:
            return self._failure[0]
        text, table = str(error), self._place.table
        if _SCHEMA.search(text):
            try:
                self._check_columns()
            except StreamError as ours:
                return ours
        if _REPLACED.search(text):
            return StreamError.replaced(table)
        if _REWRITTEN.search(text):
            found = re.search(r"version:? (\d+)", text)
            return StreamError.rewritten(table, version=int(found[1]) if found else -1, operation="see its history")
        if _GONE.search(text):
            return StreamError.vacuumed(table, version=open_log(self._place).newest(), files=1)
        return StreamError.engine_stopped(table, type(error).__name__)
