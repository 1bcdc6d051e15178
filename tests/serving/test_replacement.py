"""Replacing what is served: no request meets an entity whose model is not there yet, also when it comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.lifecycle.resolution import DecidedVersion
from boathouse.scoring.files import ModelFiles
from boathouse.serving.source import Wanted
from boathouse.serving.supervisor import Supervisor
from tests.fixtures.endpoint_config import make_config

if TYPE_CHECKING:
    from boathouse.serving.protocol import Message


class Source:
    """What is to be served, as a test sets it."""

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config

    def poll(self) -> Wanted:
        versions = {
            ("late", entity.name): DecidedVersion(name=entity.entity_name, version="1", digest="", stage="champion")
            for entity in self.config.served_entities
        }
        return Wanted({"late": self.config}, versions)

    def files(self, ref: DecidedVersion) -> ModelFiles:
        return {}

    def note_loaded(self, endpoint: str, ref: DecidedVersion) -> None:
        return None


class RecordingWorker:
    """A stand-in for a worker that records its messages."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []

    def send(self, message: Message) -> None:
        content = message.content
        if message.kind == "model":
            self.received.append(("model", content["entity"]))
        elif message.kind == "configure":
            entities = content["document"]["config"]["served_entities"]
            self.received.append(("configure", [each["name"] for each in entities]))


def test_models_come_before_their_traffic_and_again_when_their_entity_comes_back() -> None:
    blue, green = make_config({"blue": 100}), make_config({"green": 100})
    source, worker = Source(blue), RecordingWorker()
    supervisor = Supervisor(source, None, None, 1, module="")  # type: ignore[arg-type]
    supervisor._workers[0] = worker  # type: ignore[assignment]

    async def follow(config: EndpointConfig) -> list[tuple[str, Any]]:
        source.config, worker.received = config, []
        await supervisor._follow_once()
        return worker.received

    async def play() -> None:
        # A new endpoint is made before its models.
        assert await follow(blue) == [("configure", ["blue"]), ("model", "blue")]
        assert await follow(blue) == []
        assert await follow(green) == [("model", "green"), ("configure", ["green"])]
        # The workers have let go of blue meanwhile.
        assert await follow(blue) == [("model", "blue"), ("configure", ["blue"])]

    asyncio.run(play())
