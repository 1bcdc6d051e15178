"""The same stream by Structured Streaming on classic Spark, in a process of its own."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import StreamError, TableError
from boathouse.inference import structured_stream
from boathouse.inference.structured_stream import KafkaOutput, StructuredStream
from tests.fixtures.kafka_broker import KafkaBroker, find_jars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.engine_worker import EngineWorker


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, spark_worker: EngineWorker) -> dict[str, Any]:
    """Return what the streams left."""
    folder = tmp_path_factory.mktemp("structured")
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka")) if find_jars() else None
    try:
        if broker is not None:
            broker.start()
        servers = broker.servers if broker else None
        found: dict[str, Any] = spark_worker.call(
            "tests.inference.structured_program:run_streams", folder.as_posix(), servers
        )
    finally:
        if broker is not None:
            broker.stop()
    return found


@pytest.mark.spark
def test_each_event_is_scored_or_quarantined_once(found: dict[str, Any]) -> None:
    answers, dead, progress = found["whole"]
    assert [row[0] for row in answers] == ["e1", "e130", "e131", "e2", "e3", "e7"]
    assert [row[:2] for row in dead] == [
        *(["None", "broken"], ["e130", "duplicate"], ["e133", "broken"], ["e2", "duplicate"], ["e3", "broken"]),
        *(["e4", "late"], ["e4", "unscorable"], ["e6", "late"], ["e7", "broken"]),
    ]
    assert progress == [[0, 5, 2, 2, 0, 0, 1], [1, 4, 1, 1, 2, 0, 0], [2, 6, 3, 1, 0, 2, 0]]


@pytest.mark.spark
def test_killed_at_any_step_and_restarted_it_leaves_the_same(found: dict[str, Any]) -> None:
    assert len(found["killed"]) == 2
    for name, outcome in found["killed"].items():
        assert outcome == found["unkilled"], name


@pytest.mark.spark
def test_a_lost_checkpoint_answers_nothing_twice(found: dict[str, Any]) -> None:
    assert found["lost"] == [row[0] for row in found["whole"][0]]


@pytest.mark.spark
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("schema", ["+ channel: string (unexpected)", "'test.inference.requests'"]),
        ("overwritten", ["took rows away"]),
        ("gone", ["gone, probably vacuumed"]),
    ],
)
def test_a_source_that_is_not_what_it_was_stops_with_a_message(
    found: dict[str, Any], case: str, words: list[str]
) -> None:
    kind, message = found["stops"][case]
    assert kind == "StreamError"
    for word in words:
        assert word in message


@pytest.mark.spark
@pytest.mark.kafka
def test_each_answer_is_in_the_topic_under_its_id(found: dict[str, Any]) -> None:
    assert len(found["kafka"]["answers"]) == 7
    assert found["kafka"]["sent"] == found["kafka"]["answers"]


@pytest.mark.parametrize(
    ("text", "servers", "topic"),
    [
        ("kafka:127.0.0.1:9092/scores", "127.0.0.1:9092", "scores"),
        ("kafka:a.b:1,c-d:22/x.y_z", "a.b:1,c-d:22", "x.y_z"),
    ],
)
def test_a_topic_is_named_with_its_servers(text: str, servers: str, topic: str) -> None:
    assert KafkaOutput.parse(text) == KafkaOutput(servers=servers, topic=topic)


@pytest.mark.parametrize(
    "text", ["kafka:scores", "kafka:host/scores", "kafka:host:9092", "kafka:host:9092/a b", "csv:x"]
)
def test_other_text_is_no_topic(text: str) -> None:
    assert KafkaOutput.parse(text) is None


def test_kafka_needs_an_engine_that_streams() -> None:
    with pytest.raises(StreamError, match="not possible on engine 'sail'. Use spark: BOATHOUSE_ENGINE=spark"):
        KafkaOutput(servers="h:1", topic="t").check_engine("sail")


def test_a_query_that_is_still_starting_is_not_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count(0, 10.0)
    monkeypatch.setattr(structured_stream.time, "monotonic", lambda: next(now))
    statuses = [
        *({"message": "Initializing sources", "isTriggerActive": False} for _ in range(5)),
        {"message": "Getting offsets", "isTriggerActive": True},
        {"message": "Waiting for next trigger", "isTriggerActive": False},
    ]

    class Query:
        awaitTermination = staticmethod(lambda _seconds: False)  # noqa: N815 - the name of Spark
        status = property(lambda _self: statuses.pop(0))
        recentProgress = ()  # noqa: N815 - the name of Spark

    options: Any = SimpleNamespace(trigger="continuous", interval_s=0.2, stop_when_idle_s=1.0)
    unused: Any = None
    StructuredStream(unused, unused, unused, options=options, checkpoint=tmp_path)._wait(Query())
    assert statuses == []


def test_an_error_of_the_project_travels_in_the_text_of_another() -> None:
    own = TableError('Columns:\n  + "a"\\b: int')
    text = f"[STREAM_FAILED] Query terminated: Traceback\n RuntimeError: {structured_stream._wrap(own)} SQLSTATE: XXKST"
    found = structured_stream._unwrap(text)
    assert type(found) is TableError
    assert str(found) == str(own)
    assert structured_stream._unwrap("[STREAM_FAILED] of another cause") is None
