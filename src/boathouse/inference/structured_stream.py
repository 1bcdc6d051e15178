"""Structured Streaming: requests are answered with Spark's offsets and marked targets, and answers sent to Kafka."""

from __future__ import annotations

import json
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

from boathouse import errors
from boathouse.errors import BoathouseError, InferenceError, StreamError
from boathouse.errors.inference import NOTHING_ANSWERED, NOTHING_DONE
from boathouse.inference.events import ARRIVED, check_source_columns
from boathouse.inference.stream_targets import Backlog
from boathouse.plain_paths import plain_path
from boathouse.problem.scored_tables import SOURCE_BATCH
from boathouse.tables.delta_log import open_log
from boathouse.tables.engines import get_engine
from boathouse.tables.engines.databricks import is_serverless

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


# An error of the project on its way through Spark, which makes it a part of the text of its own.
_MARKS = ("<boathouse-error>", "</boathouse-error>")
_MARKED = re.compile(f"{_MARKS[0]}(.+?){_MARKS[1]}")


class _AnswerError(Exception):
    """Carries an error of the project out of the process that answers a batch."""


def _wrap(error: BoathouseError) -> _AnswerError:
    return _AnswerError(f"{_MARKS[0]}{json.dumps([type(error).__name__, str(error)])}{_MARKS[1]}")


def _unwrap(text: str) -> BoathouseError | None:
    """Return the error of the project that the text of Spark's carries, or None."""
    found = _MARKED.search(text)
    if found is None:
        return None
    name, message = json.loads(found[1])
    kind = getattr(errors, name, StreamError)
    return kind(message) if issubclass(kind, BoathouseError) else StreamError(message)


def read_stream_id(checkpoint: Path, name: str) -> str:
    """Return the stream id stored in ``checkpoint``, which is created with a new id where it is missing."""
    file = checkpoint / "stream_id"
    if not file.exists():
        checkpoint.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name}/{uuid.uuid4()}", encoding="utf-8")
    return file.read_text(encoding="utf-8")


@dataclass(frozen=True)
class BatchAnswer:
    """What Spark calls with each micro-batch, over Spark Connect in another process.

    Nothing that it changes in memory comes back to the process that started the stream: all it leaves is in the tables,
    and a batch that is given again, because a process or a job ended in its middle, finds there what is done.

    Attributes:
        engine: Name of the engine, whose session in this process is that of the batch.
        events: Columns and rules of an event.
        writer: Answers events.
    """

    engine: str
    events: TableContract
    writer: BatchWriter

    def __call__(self, rows: DataFrame, batch: int) -> None:
        """Answer the rows of ``batch``, the number that Spark gave them and gives them again.

        Raises:
            _AnswerError: With the error of the project, of which Spark keeps no more than the text.
        """
        get_engine(self.engine).adopt(rows.sparkSession)
        events = rows.select(*self.events.column_names, ARRIVED, F.lit(batch).cast("bigint").alias(SOURCE_BATCH))
        try:
            self.writer.answer(events, first=batch, last=batch, backlog=Backlog())
        except BoathouseError as error:
            raise _wrap(error) from error


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

    def run(self) -> None:
        """Answer the waiting requests, then end or poll as the options say.

        Raises:
            StreamError: If the source lost rows, columns or files, Spark stopped, or the compute lets no stream go on.
        """
        if self._options.trigger != "available_now" and self._source.path is None and is_serverless():
            raise StreamError.endless_on_serverless(self._options.trigger)
        self._check_columns()
        query = self._start()
        try:
            self._wait(query)
        except PySparkException as error:
            raise self._explain(error) from error
        finally:
            if query.isActive:
                query.stop()

    def _start(self) -> Any:  # noqa: ANN401 - a StreamingQuery of classic Spark or of Connect
        reader = self._source.session().readStream.format("delta")
        reader = reader.option("maxFilesPerTrigger", self._options.most_versions)
        rows = reader.load(self._source.engine_path) if self._source.path else reader.table(self._source.table)
        writer = (
            # In a stream the current time is the one recorded with the batch: the same if it is done again.
            rows.select(*self._events.column_names, F.current_timestamp().alias(ARRIVED))
            .writeStream.queryName(f"boathouse_{self._options.name}_{uuid.uuid4().hex[:8]}")
            .option("checkpointLocation", f"{plain_path(self._checkpoint.as_posix())}/offsets")
            .foreachBatch(BatchAnswer(self._source.engine, self._events, self._writer))
        )
        if self._options.trigger == "available_now":
            return writer.trigger(availableNow=True).start()
        return writer.trigger(processingTime=f"{self._options.interval_s} seconds").start()

    def _wait(self, query: Any) -> None:  # noqa: ANN401
        """Wait until the query ends by itself, or has been idle for as long as the options allow.

        What it did is asked of the query: batches may be answered in another process.
        """
        limit = self._options.stop_when_idle_s
        if self._options.trigger == "available_now" or limit == 0:
            query.awaitTermination()
            return
        since, done = time.monotonic(), None
        while not query.awaitTermination(min(self._options.interval_s, limit)):
            status, newest = query.status, _last_batch(query)
            if status["message"].startswith("Initializing") or newest != done:
                # On a busy machine the start takes longer than the limit: the source has not been read yet.
                since, done = time.monotonic(), newest
            elif time.monotonic() - since >= limit and not status["isTriggerActive"]:
                return

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
        text, table = str(error), self._source.table
        own = _unwrap(text)
        if own is not None:
            return own
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


def _last_batch(query: Any) -> int | None:  # noqa: ANN401
    """Return the number of the newest batch that had rows, as far as the query reports it; None for none."""
    rows = [progress["batchId"] for progress in query.recentProgress if progress["numInputRows"]]
    return int(rows[-1]) if rows else None


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
        rows = reader.load(answers.engine_path) if answers.path else reader.table(answers.table)
        checkpoint.mkdir(parents=True, exist_ok=True)
        message = rows.select(F.col("prediction_id").alias("key"), F.to_json(F.struct("*")).alias("value"))
        writer = message.writeStream.format("kafka").option("kafka.bootstrap.servers", self.servers)
        writer = writer.option("topic", self.topic).option("checkpointLocation", plain_path(checkpoint.as_posix()))
        now = options.trigger == "available_now"
        try:
            query = writer.trigger(availableNow=True).start() if now else writer.start()
            query.awaitTermination()
        except PySparkException as error:
            raise InferenceError(
                f"The answers cannot be sent to Kafka's topic '{self.topic}' ({type(error).__name__}). They are in the "
                "Delta table; run again to send the rest. Check the servers' addresses and the topic."
            ) from error
