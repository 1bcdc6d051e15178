"""Answers to Kafka: from the table of answers, by Structured Streaming's own connector."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import InferenceError, StreamError
from boathouse.tables.engines import get_engine

if TYPE_CHECKING:
    from boathouse.inference.options import StreamOptions
    from boathouse.tables.location import TableLocation

_FORM = re.compile(r"kafka:([\w.-]+:\d+(?:,[\w.-]+:\d+)*)/([\w.-]+)")
_ENGINE = "spark"


def connector_package() -> str:
    """Return the coordinate of the connector that fits the installed Spark."""
    return f"org.apache.spark:spark-sql-kafka-0-10_2.13:{version('pyspark')}"


@dataclass(frozen=True, kw_only=True)
class KafkaOutput:
    """One topic.

    Attributes:
        servers: ``host:port``, comma-separated.
        topic: Its name.
    """

    servers: str
    topic: str

    @classmethod
    def parse(cls, text: str) -> KafkaOutput | None:
        """Return the topic that ``kafka:SERVERS/TOPIC`` names, or None if ``text`` is no such thing."""
        found = _FORM.fullmatch(text)
        return None if found is None else cls(servers=found[1], topic=found[2])

    def check_engine(self, engine: str) -> None:
        """Check that ``engine`` can send to Kafka, and have it started with the connector.

        Raises:
            StreamError: On an engine without Structured Streaming.
            InferenceError: If Spark runs already without the connector.
        """
        if not get_engine(engine).capabilities.streaming:
            raise StreamError.needs_engine("Output to Kafka", engine, _ENGINE)
        if engine != _ENGINE:
            return  # a Databricks runtime brings the connector
        from boathouse.tables.engines.spark import PACKAGES_VARIABLE

        given = os.environ.get(PACKAGES_VARIABLE, "")
        if "spark-sql-kafka" not in given:
            if get_engine(engine).is_running:
                raise InferenceError.without_kafka(connector_package())
            os.environ[PACKAGES_VARIABLE] = ",".join(filter(None, [given, connector_package()]))

    def publish(self, answers: TableLocation, options: StreamOptions, *, checkpoint: Path) -> None:
        """Send each answer: its ``prediction_id`` as key, the row as JSON.

        At least once: what was sent when a run was killed is sent again, under the same key.

        Args:
            answers: The table of answers; rows are only ever added to it.
            options: Trigger and interval.
            checkpoint: Folder of the offsets.

        Raises:
            InferenceError: If Kafka does not take the rows.
        """
        from pyspark.errors import PySparkException
        from pyspark.sql import functions as F

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
            raise InferenceError.kafka_failed(self.topic, type(error).__name__) from error
