"""Following the registry: the messages to workers when versions come, go or cannot be read, or the registry is down."""

from __future__ import annotations

import asyncio
import queue
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.cli.serve import WORKER
from boathouse.endpoints.config import Route
from boathouse.errors import ModelError, UndecidedModelError, UntrustedModelError
from boathouse.lifecycle.resolution import DecidedVersion
from boathouse.serving import supervisor as supervising
from boathouse.serving.protocol import Message, Setup
from boathouse.serving.source import Source
from boathouse.serving.supervisor import Supervisor
from tests.fixtures.small_endpoint import NAME, make_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from boathouse.endpoints.config import EndpointConfig


class Versions:
    """What is decided of one model; some versions cannot be read, some were changed past the ledger."""

    def __init__(self) -> None:
        self.now, self.broken, self.down, self.read = {"champion": "1"}, set[str](), False, list[str]()
        self.moved, self.stopped, self.removed = set[str](), "", dict[str, str]()

    def find(self, name: str) -> Callable[[str], DecidedVersion | None]:
        assert name == NAME
        if self.down:
            raise ModelError.store_unreachable("OperationalError")
        return self.resolve

    def resolve(self, wanted: str) -> DecidedVersion | None:
        if wanted in self.moved:
            raise UndecidedModelError.alias_moved(NAME, wanted, "1", "9", ledger="test.audit.promotions")
        version = wanted if wanted.isdecimal() else self.now.get(wanted)
        if version is None:
            return None
        return DecidedVersion(name=NAME, version=version, digest=f"digest of {version}", stage=wanted)

    def explain(self, name: str, alias: str) -> tuple[str, bool]:
        return self.stopped or f"no version of {name} was made {alias}", alias == "champion" and bool(self.stopped)

    def explain_removal(self, name: str, version: str) -> str:
        return self.removed.get(version, "")

    def files(self, found: DecidedVersion) -> dict[str, bytes]:
        self.read.append(found.version)
        if found.version in self.broken:
            raise UntrustedModelError.foreign_loader(found.name, "pickle")
        return {"spec.json": found.version.encode()}

    def forget(self, found: DecidedVersion) -> None:
        pass


class Listener:
    """A stand-in for a worker that records its messages."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        self.messages.append(message)


class Watched:
    """A supervisor with one such worker, asked to look once at a time."""

    def __init__(self) -> None:
        self.registry, self.worker, self.not_loadable = Versions(), Listener(), set[str]()
        self.alarms: list[tuple[str, str]] = []
        setup = Setup(
            slot=0,
            endpoints={},
            tokens="",
            token_required=False,
            environment="test",
            store="",
            run_folder="",
            mlflow_version="",
            log_requests=False,
            drain_seconds=1,
        )
        self.socket = socket.socket()
        self.configs = {"late": make_config()}
        source = Source(lambda: self.configs, self.registry, on_alarm=lambda *told: self.alarms.append(told))
        self.supervisor = Supervisor(source, setup, self.socket, 1, module=WORKER)
        self.supervisor._workers[0] = self.worker  # type: ignore[assignment]

    def look(self) -> list[tuple[Any, ...]]:
        """Return the messages of one poll of the registry."""
        self.worker.messages.clear()
        asyncio.run(self.supervisor._follow_once())
        for message in [each for each in self.worker.messages if each.kind == "model"]:
            kind = "failed" if message.content["version"] in self.not_loadable else "loaded"
            self.supervisor._receive(Message(kind, {**message.content, "text": "it cannot be loaded"}))
        return [_shorten(message) for message in self.worker.messages if message.kind != "configure"]


def _shorten(message: Message) -> tuple[Any, ...]:
    content = message.content
    return tuple(
        each for each in (message.kind, content.get("entity"), content.get("version"), content.get("problem")) if each
    )


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.socket.close()


def test_a_version_is_sent_once_with_its_files_and_digest(watched: Watched) -> None:
    assert watched.look() == [("model", "champion", "1")]
    message = watched.worker.messages[-1]
    assert (message.files, message.content["digest"]) == ({"spec.json": b"1"}, "digest of 1")
    assert watched.look() == []


def test_what_a_worker_has_loaded_is_recorded_once_and_what_it_has_not_never(watched: Watched) -> None:
    loaded: queue.Queue[tuple[str, str]] = queue.Queue()
    watched.supervisor._source = Source(
        lambda: watched.configs, watched.registry, record=lambda endpoint, ref: loaded.put((endpoint, ref.version))
    )
    watched.look()
    assert loaded.get(timeout=10) == ("late", "1")
    watched.registry.now, watched.not_loadable = {"champion": "2"}, {"2"}
    watched.look()
    watched.registry.now = {"champion": "1"}
    watched.look()
    watched.registry.now = {"champion": "3"}
    watched.look()
    assert loaded.get(timeout=10) == ("late", "3")
    assert loaded.empty()


def test_a_moved_alias_is_followed_and_going_back_reads_nothing(watched: Watched) -> None:
    watched.look()
    watched.registry.now = {"champion": "2", "challenger": "3"}
    assert watched.look() == [("model", "champion", "2"), ("model", "challenger", "3")]
    watched.registry.now = {"champion": "1"}
    assert watched.look() == [("withdraw", "challenger"), ("model", "champion", "1")]
    assert watched.registry.read == ["1", "2", "3"]


def test_an_entity_with_traffic_keeps_its_version_when_the_alias_goes(watched: Watched) -> None:
    watched.look()
    watched.registry.now = {}
    assert watched.look() == [("problem", "champion")]
    assert "no version of test.models.late was made champion" in watched.worker.messages[-1].content["text"]
    new = [message.kind for message in watched.supervisor._all_messages()]
    assert new == ["configure", "model", "problem", "registry", "draining"]


def test_a_stopped_champion_is_withdrawn_though_it_has_traffic_and_resumed(watched: Watched) -> None:
    watched.look()
    watched.registry.now, watched.registry.stopped = {}, "version 1 was stopped by ann: rejects everybody."
    assert watched.look() == [("withdraw", "champion"), ("problem", "champion")]
    assert watched.worker.messages[-1].content["text"] == "version 1 was stopped by ann: rejects everybody."
    assert watched.look() == []
    watched.registry.now, watched.registry.stopped = {"champion": "1"}, ""
    assert watched.look() == [("model", "champion", "1")]


def pinned(*, share: int = 50, **versions: str) -> EndpointConfig:
    """Return a configuration whose entities stay with ``versions``."""
    config = swapped(champion=share)
    entities = tuple(replace(each, entity_version=versions.get(each.name)) for each in config.served_entities)
    return replace(config, served_entities=entities)


def test_a_pinned_entity_stays_whatever_the_alias_does(watched: Watched) -> None:
    watched.registry.now = {"champion": "1", "challenger": "2"}
    watched.configs = {"late": pinned(champion="1", challenger="2")}
    assert watched.look() == [("model", "champion", "1"), ("model", "challenger", "2")]
    watched.registry.now = {"champion": "3"}
    assert watched.look() == []
    # Nor does it answer by the alias while the configuration that lets it follow again is on its way.
    watched.registry.now = {"champion": "1", "challenger": "4"}
    watched.configs = {"late": make_config()}
    watched.look()
    assert [each.kind for each in watched.worker.messages] == ["configure", "model"]
    assert watched.worker.messages[1].content["version"] == "4"
    # The pinned version has to be there before it gets traffic, though another one of the entity is.
    watched.configs, watched.not_loadable = {"late": pinned(challenger="2")}, {"2"}
    for _ in range(2):
        assert "configure" not in [each[0] for each in watched.look()]
        assert "configure" not in [each.kind for each in watched.worker.messages]


def test_what_was_taken_out_of_service_answers_nothing_and_the_others_do(watched: Watched) -> None:
    watched.registry.now = {"champion": "1", "challenger": "2"}
    watched.configs = {"late": pinned(champion="1", challenger="2")}
    watched.look()
    watched.registry.removed = {"2": "version 2 was archived by ann: faulty data"}
    assert watched.look() == [("withdraw", "challenger"), ("problem", "challenger")]
    assert [each.kind for each in watched.worker.messages] == ["configure", "withdraw", "problem"]
    routes = watched.worker.messages[0].content["document"]["config"]["traffic_config"]["routes"]
    assert [each["traffic_percentage"] for each in routes] == [100, 0]
    # The champion was rolled back in the registry: its entity follows again.
    watched.registry.removed, watched.registry.now = {"1": "version 1 was replaced by 3"}, {"champion": "3"}
    assert ("model", "champion", "3") in watched.look()
    # Everything was the challenger's: the champion answers in its place.
    watched.configs, watched.registry.removed = {"late": pinned(share=0, challenger="2")}, {"2": "archived"}
    watched.look()
    assert watched.supervisor._configs["late"].traffic_of("champion") == 100


def test_a_version_that_cannot_be_read_is_tried_again_later(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.look()
    watched.registry.broken, watched.registry.now = {"2"}, {"champion": "2"}
    assert watched.look() == [("problem", "champion")]
    assert "version 2: Model 'test.models.late' would be loaded by pickle" in watched.worker.messages[0].content["text"]
    assert watched.look() == []
    assert watched.registry.read == ["1", "2"]
    watched.registry.broken = set()
    monkeypatch.setattr(supervising, "_RETRY_S", -1.0)
    assert watched.look() == [("model", "champion", "2")]


def test_what_was_moved_past_the_ledger_is_not_served_and_told_once(watched: Watched) -> None:
    watched.registry.now = {"champion": "1", "challenger": "3"}
    watched.look()
    watched.registry.moved = {"champion", "challenger"}
    assert sorted(watched.look()) == [("problem", "champion"), ("withdraw", "challenger")]
    assert "version 9 in the registry" in watched.supervisor._problems["late", "champion"]
    assert watched.look() == []
    assert [name for name, _ in watched.alarms] == [NAME, NAME]
    watched.registry.moved = set()
    assert sorted(watched.look()) == [("model", "challenger", "3"), ("problem", "champion")]
    assert watched.supervisor._problems == {}
    watched.registry.moved = {"champion"}
    watched.look()
    assert len(watched.alarms) == 3


def test_a_registry_that_is_down_stops_nothing(watched: Watched) -> None:
    watched.look()
    watched.registry.down = True
    [(kind, problem)] = watched.look()
    assert kind == "registry"
    assert "cannot be used (OperationalError)" in problem
    assert watched.look() == []
    watched.registry.down = False
    assert watched.look() == [("registry",)]


def test_another_configuration_is_passed_on(watched: Watched) -> None:
    watched.look()
    watched.configs = {"late": make_config(limits={"max_rows": 7})}
    watched.look()
    [message] = watched.worker.messages
    assert message.kind == "configure"
    assert message.content["document"]["boathouse"]["limits"]["max_rows"] == 7


def swapped(*, champion: int) -> EndpointConfig:
    """Return a configuration that sends the rest of the requests to the challenger."""
    shares = {"champion": champion, "challenger": 100 - champion}
    routes = tuple(Route(served_entity_name=name, traffic_percentage=share) for name, share in shares.items())
    return replace(make_config(), routes=routes)


def test_a_configuration_waits_until_the_files_of_its_entities_are_there(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.look()
    watched.registry.now["challenger"], watched.registry.broken = "2", {"2"}
    watched.configs = {"late": swapped(champion=0)}
    for _ in range(2):
        watched.look()
        assert "configure" not in [message.kind for message in watched.worker.messages]
    # A worker that starts now gets what the others serve.
    messages = [message for message in watched.supervisor._all_messages() if message.kind == "configure"]
    assert [message.content["document"] for message in messages] == [make_config().to_document()]
    watched.registry.broken = set()
    monkeypatch.setattr(supervising, "_RETRY_S", -1.0)
    assert watched.look() == [("model", "challenger", "2")]
    watched.look()
    assert [message.kind for message in watched.worker.messages] == ["configure"]


def test_a_version_stays_while_the_configuration_that_lets_it_go_waits(watched: Watched) -> None:
    watched.look()
    watched.registry.now = {}
    watched.configs = {"late": swapped(champion=0)}
    assert watched.look() == [("problem", "challenger")]
    watched.registry.now = {"challenger": "2"}
    assert watched.look() == [("model", "challenger", "2")]
    assert watched.look() == [("withdraw", "champion")]
    assert [message.kind for message in watched.worker.messages] == ["configure", "withdraw"]


def test_a_configuration_that_makes_nothing_worse_is_applied_without_its_models(watched: Watched) -> None:
    watched.registry.now = {}
    watched.look()
    watched.configs = {"late": swapped(champion=50)}
    watched.look()
    assert "configure" in [message.kind for message in watched.worker.messages]


def test_a_configuration_that_is_taken_back_while_it_waits_leaves_nothing_behind(watched: Watched) -> None:
    before = watched.configs
    watched.look()
    watched.configs = {"late": swapped(champion=0)}
    watched.look()
    assert [config.traffic_of("challenger") for config in watched.supervisor._held] == [100]
    watched.configs = before
    assert watched.look() == [("problem", "challenger")]
    assert [(message.kind, message.content["text"]) for message in watched.worker.messages] == [("problem", "")]
    assert watched.supervisor._held == []
    assert watched.supervisor._problems == {}


def test_a_worker_that_starts_after_a_failed_load_gets_the_version_from_before(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.look()
    watched.registry.now, watched.not_loadable = {"champion": "2"}, {"2"}
    assert watched.look() == [("model", "champion", "2"), ("problem", "champion")]
    messages = [message for message in watched.supervisor._all_messages() if message.kind in {"model", "problem"}]
    assert [message.content.get("version") or message.content["text"] for message in messages] == [
        "1",
        "it cannot be loaded",
    ]
    assert messages[0].files == {"spec.json": b"1"}
    assert watched.look() == []
    # Later it is read again: its files may have been repaired.
    watched.not_loadable = set()
    monkeypatch.setattr(supervising, "_RETRY_S", -1.0)
    assert watched.look() == [("model", "champion", "2")]
    assert watched.registry.read == ["1", "2", "2"]
    assert watched.supervisor._served["late", "champion"].version == "2"


@pytest.mark.parametrize("cause", ["broken", "not_loadable", "missing"])
def test_what_was_wrong_is_taken_back_when_the_alias_returns(watched: Watched, cause: str) -> None:
    watched.look()
    watched.registry.broken = {"2"} if cause == "broken" else set()
    watched.not_loadable = {"2"} if cause == "not_loadable" else set()
    watched.registry.now = {} if cause == "missing" else {"champion": "2"}
    assert watched.look()[-1] == ("problem", "champion")
    watched.registry.now = {"champion": "1"}
    assert watched.look() == [("problem", "champion")]
    assert watched.worker.messages[0].content["text"] == ""
    assert watched.look() == []


def test_a_version_that_only_one_of_the_workers_could_load_is_sent_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.look()
    message = Message("failed", {**watched.worker.messages[-1].content, "text": "it cannot be loaded"})
    watched.supervisor._receive(message)
    assert watched.look() == []
    monkeypatch.setattr(supervising, "_RETRY_S", -1.0)
    assert watched.look() == [("model", "champion", "1")]
    assert watched.look() == []


def test_a_configuration_waits_for_a_version_that_cannot_be_loaded(watched: Watched) -> None:
    watched.look()
    watched.registry.now["challenger"], watched.not_loadable = "2", {"2"}
    watched.configs = {"late": swapped(champion=0)}
    for _ in range(3):
        watched.look()
        assert "configure" not in [message.kind for message in watched.worker.messages]
