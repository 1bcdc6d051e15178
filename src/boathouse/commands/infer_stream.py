"""The streaming half of ``boathouse infer``: requests of a table into another, and on to Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.core.errors import InferenceError

if TYPE_CHECKING:
    from boathouse.commands.feature_places import House
    from boathouse.core.inference.roles import RoleModel
    from boathouse.core.inference.stream_options import StreamOptions
    from boathouse.inference.kafka_output import KafkaOutput

# A request made a day before the newest is late, as in the pipeline.
_DELAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class RequestStream:
    """One stream.

    Attributes:
        house: The environment.
        source: Table of requests, ``<schema>.<table>``.
        table: Table of answers, ``<schema>.<table>``.
        topic: Where the answers go besides; None for nowhere.
    """

    house: House
    source: str
    table: str
    topic: KafkaOutput | None

    def answer(self, model: RoleModel, *, reason_count: int) -> Iterator[str]:
        """Answer what is there with ``model``; give a line for each thing that was done."""
        from boathouse.hooks.locations import locate_data
        from boathouse.inference.stream_dataset import RequestStreamDataset
        from boathouse.tables.location import TableLocation
        from boathouse.use_case.requests import plan_requests

        place = TableLocation.from_lakehouse(f"{self.house.environment}.{self.table}", self.house.lakehouse)
        checkpoints = Path(str(locate_data("checkpoints")))
        stream = RequestStreamDataset(
            table=place.table,
            source=f"{self.house.environment}.{self.source}",
            lakehouse=self.house.lakehouse,
            checkpoints=checkpoints.as_posix(),
        )
        options = self._options(reason_count)
        stream.save(plan_requests(model, options))
        yield f"{place.table}: {stream.load().count():,} requests answered so far"
        if self.topic is not None:
            self.topic.publish(place, options, checkpoint=checkpoints / place.table / f"kafka-{self.topic.topic}")
            yield f"topic {self.topic.topic}: all of them sent"

    def _options(self, reason_count: int) -> StreamOptions:
        from boathouse.core.inference.stream_options import StreamOptions

        return StreamOptions(
            name=f"infer-{self.source}-{self.table}".replace(".", "-"),
            post_statements=False,
            delay_s=_DELAY_S,
            reason_count=reason_count,
            trigger="available_now",
            interval_s=1.0,
            stop_when_idle_s=0.0,
            most_versions=100,
        )


def open_stream(house: House, source: str, target: str) -> RequestStream:
    """Return the stream from ``source`` to ``target``, a table or ``kafka:SERVERS/TOPIC``; nothing is read yet.

    Raises:
        InferenceError: If either is no table of the environment, or Spark runs without Kafka's connector.
        StreamError: If the engine cannot send to Kafka.
    """
    from boathouse.core.inference.stream_contracts import STREAM_PREDICTIONS
    from boathouse.inference.inputs import TABLE_NAME
    from boathouse.inference.kafka_output import KafkaOutput

    topic = KafkaOutput.parse(target)
    table = target if topic is None else STREAM_PREDICTIONS
    if not TABLE_NAME.fullmatch(source):
        raise InferenceError.stream_input(source)
    if not TABLE_NAME.fullmatch(table):
        raise InferenceError.stream_output(target)
    if topic is not None:
        topic.check_engine(house.lakehouse["engine"])
    return RequestStream(house=house, source=source, table=table, topic=topic)
