"""Structured Streaming: requests are answered with Spark's offsets and marked targets, and answers sent to Kafka."""

from __future__ import annotations

import os
import re
import time
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from boathouse.errors import BoathouseError, InferenceError, StreamError
from boathouse.errors.inference import NOTHING_ANSWERED, NOTHING_DONE
from boathouse.inference.events import check_source_columns
from boathouse.inference.stream_targets import Backlog
from boathouse.problem.scored_tables import EVENT_TIME, SOURCE_BATCH
from boathouse.tables.delta_log import open_log
from boathouse.tables.engines import get_engine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from boathouse.inference.options import StreamOptions
    from boathouse.inference.stream_targets import BatchWriter
    from boathouse.tables.contract import TableContract
    from boathouse.tables.location import TableLocation

# Delta's messages for a commit that removed rows, for files that are gone, and for another table.
_REWRITTEN = re.compile(
    r"DELTA_SOURCE_(TABLE_)?IGNORE_(CHANGES|DELETE)|Detected (a data update|deleted data)", re.IGNORECASE
)
_SCHEMA = re.compile(r"DELTA_SCHEMA_(CHANGED|CHANGE_SINCE)|Detected schema change", re.IGNORECASE)
_GONE = re.compile(r"FAILED_READ_FILE|FileNotFound|DELTA_FILE_NOT_FOUND|FILE_NOT_EXIST", re.IGNORECASE)
_REPLACED = re.compile(r"DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE", re.IGNORECASE)


def read_stream_id(checkpoint: Path, name: str) -> str:
    """Return the stream id stored in ``checkpoint``, which is created with a new id where it is missing."""
    file = checkpoint / "stream_id"
    if not file.exists():
        checkpoint.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}/{uuid.uuid4()}", encoding="utf-8")
    return file.read_text(encoding="utf-8")


class StructuredStream:
    """Answers the rows that are added to a table, micro-batch by micro-batch."""

    def __init__(
        self,
        source: TableLocation,
        events: TableContract,
        writer: BatchWriter,
        *,
        options: StreamOptions,
        checkpoint: Path,
    ) -> None:
        """Remember source, events, writer and options; start nothing."""
        self._source, self._events, self._writer = source, events, writer
        self._options, self._checkpoint = options, checkpoint
        self._batches = 0
        self._last_work = 0.0
        self._failure: list[BoathouseError] = []

    def run(self) -> int:
        """Answer the waiting requests, then end or poll as the options say; return the number of batches answered.

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
        reader = self._source.session().readStream.format("delta")
        reader = reader.option("maxFilesPerTrigger", self._options.most_versions)
        rows = reader.load(self._source.path) if self._source.path else reader.table(self._source.table)
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
            status = query.status
            if status["message"].startswith("Initializing"):
                # On a busy machine the start takes longer than the limit: the source has not been read yet.
                self._last_work = time.monotonic()
            elif time.monotonic() - self._last_work >= limit and not status["isTriggerActive"]:
                return

    def _answer(self, rows: DataFrame, batch: int) -> None:
        events = rows.select(*self._events.column_names, F.lit(batch).cast("bigint").alias(SOURCE_BATCH))
        try:
            self._writer.answer(events, first=batch, last=batch, backlog=Backlog())
        except BoathouseError as error:
            # Spark would wrap it as the text of another error.
            self._failure.append(error)
            raise
        self._batches += 1
        self._last_work = time.monotonic()

    def _check_columns(self) -> None:
        """Check that the source has the columns of the events.

        Raises:
            StreamError: With the column diff.
        """
        newest = open_log(self._source).newest()
        columns = dict(self._source.read(newest).dtypes)
        check_source_columns(columns, self._events, table=self._source.table, version=newest)

    def _explain(self, error: PySparkException) -> BoathouseError:
        """Return the error of the project that stopped the stream, or the one that Spark's message means."""
        if self._failure:
            return self._failure[0]
        text, table = str(error), self._source.table
        if _SCHEMA.search(text):
            try:
                self._check_columns()
            except StreamError as changed:
                return changed
        if _REPLACED.search(text):
            return StreamError.replaced(table)
        if _REWRITTEN.search(text):
            number = re.search(r"version:? (\d+)", text)
            return StreamError.rewritten(table, version=int(number[1]) if number else -1, operation="see its history")
        if _GONE.search(text):
            return StreamError.vacuumed(table, version=open_log(self._source).newest(), files=1)
        kind = type(error).__name__
        return StreamError(
            f"The stream from '{table}' was stopped by its engine: {kind}. {NOTHING_ANSWERED} Start it again."
        )


_TOPIC = re.compile(r"kafka:([\w.-]+:\d+(?:,[\w.-]+:\d+)*)/([\w.-]+)")
_SPARK = "spark"


def connector_package() -> str:
    """Return the Maven coordinate of the connector for the installed Spark."""
    return f"org.apache.spark:spark-sql-kafka-0-10_2.13:{version('pyspark')}"


@dataclass(frozen=True, kw_only=True)
class KafkaOutput:
    """A topic that answers are sent to.

    Attributes:
        servers: ``host:port``, comma-separated.
        topic: Its name.
    """

    servers: str
    topic: str

    @classmethod
    def parse(cls, text: str) -> KafkaOutput | None:
        """Return the topic that ``kafka:SERVERS/TOPIC`` names; None if ``text`` does not have this form."""
        match = _TOPIC.fullmatch(text)
        return None if match is None else cls(servers=match[1], topic=match[2])

    def check_engine(self, engine: str) -> None:
        """Check that ``engine`` can send to Kafka, and let it start with the connector.

        Raises:
            StreamError: On an engine without Structured Streaming.
            InferenceError: If Spark runs already without the connector.
        """
        if not get_engine(engine).capabilities.streaming:
            raise StreamError(
                f"Output to Kafka is not possible on engine '{engine}'. Use {_SPARK}: BOATHOUSE_ENGINE={_SPARK}."
            )
        if engine != _SPARK:
            return  # a Databricks runtime brings the connector
        from boathouse.tables.engines.spark import PACKAGES_VARIABLE

        given = os.environ.get(PACKAGES_VARIABLE, "")
        if "spark-sql-kafka" not in given:
            if get_engine(engine).is_running:
                raise InferenceError(
                    f"This Spark was started without Kafka's connector. {NOTHING_DONE} Start it again with "
                    f"BOATHOUSE_SPARK_PACKAGES={connector_package()}; make jars fetches it once with the same variable "
                    "set."
                )
            os.environ[PACKAGES_VARIABLE] = ",".join(filter(None, [given, connector_package()]))

    def publish(self, answers: TableLocation, options: StreamOptions, *, checkpoint: Path) -> None:
        """Send each answer: its ``prediction_id`` as key, the row as JSON.

        At least once: answers sent by a run that was killed are sent again, under the same key.

        Args:
            answers: The table of answers, which is append-only.
            options: Trigger and interval.
            checkpoint: Folder of the offsets.

        Raises:
            InferenceError: If Kafka does not take the rows.
        """
        reader = answers.session().readStream.format("delta")
        rows = reader.load(answers.path) if answers.path else reader.table(answers.table)
        message = rows.select(F.col("prediction_id").alias("key"), F.to_json(F.struct("*")).alias("value"))
        writer = message.writeStream.format("kafka").option("kafka.bootstrap.servers", self.servers)
        writer = writer.option("topic", self.topic).option("checkpointLocation", checkpoint.as_posix())
        now = options.trigger == "available_now"
        try:
            query = writer.trigger(availableNow=True).start() if now else writer.start()
            query.awaitTermination()
        except PySparkException as error:
            raise InferenceError(
                f"The answers cannot be sent to Kafka's topic '{self.topic}' ({type(error).__name__}). They are in the "
                "Delta table; run again to send the rest. Check the servers' addresses and the topic."
            ) from error
