"""An endpoint's document: read, checked, written again."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from boathouse.endpoints.config import EndpointConfig
from boathouse.endpoints.options import LogOptions, LookUpOptions
from boathouse.errors import EndpointError, OptionError
from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from tests.conventions import project

DOCUMENT: dict[str, Any] = {
    "config": {
        "served_entities": [
            {"name": "now", "entity_name": "prod.models.late", "entity_version": 3, "workload_size": "Small"},
            {"name": "next", "entity_name": "prod.models.late", "entity_version": None},
        ],
        "traffic_config": {
            "routes": [
                {"served_entity_name": "now", "traffic_percentage": 90},
                {"served_entity_name": "next", "traffic_percentage": 10},
            ]
        },
    },
    "boathouse": {
        "follow": {"next": "challenger"},
        "split": {"kind": "canary", "candidate": "next", "steps": [5, 100]},
        "log": {"sampling_fraction": 0.5, "personal": {"columns": ["name"], "policy": "mask"}},
        "input": {"ranges": {"age": [18, 120]}},
    },
}


def read(document: dict[str, Any] = DOCUMENT) -> EndpointConfig:
    return EndpointConfig.from_document("late", document)


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split(".")
    place: Any = document
    for part in parents:
        place = place[int(part)] if part.isdigit() else place[part]
    place[int(last) if last.isdigit() else last] = value
    return document


def test_a_document_says_what_is_served() -> None:
    config = read()
    pinned, following = config.served_entities
    assert (pinned.entity_version, pinned.alias) == ("3", None)
    assert (following.entity_version, following.alias) == (None, "challenger")
    assert (config.traffic_of("next"), config.traffic_of("nobody")) == (10, 0)
    assert config.split.steps == (5, 100)
    assert config.log == LogOptions(sampling_fraction=0.5, personal_columns=("name",), personal_policy="mask")
    assert config.look_up == LookUpOptions()


def test_a_document_that_was_written_is_read_as_the_same() -> None:
    assert EndpointConfig.from_document("late", read().to_document()) == read()


@pytest.mark.parametrize("environment", project.environments())
def test_the_endpoints_of_conf_are_readable(environment: str) -> None:
    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env=environment, **CONFIG_LOADER_ARGS)
    for name, document in loader["endpoints"].items():
        config = EndpointConfig.from_document(name, document)
        assert all(entity.entity_name.startswith(f"{environment}.") for entity in config.served_entities)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("config", None, "'config' has to be a mapping, found NoneType"),
        ("config.served_entities", [], "'served_entities' has to be a list with at least one entry"),
        ("config.routes", [], "unknown config.routes"),
        ("boathouse.colour", 1, "unknown boathouse.colour"),
        ("boathouse.log.colour", 1, "unknown log.colour"),
        ("boathouse.log.personal.colour", 1, "unknown log.personal.colour"),
        ("config.served_entities.0.colour", 1, "unknown served_entities.colour"),
        ("config.served_entities.0", {"name": "now", "entity_version": 1}, "lacks a value"),
        ("config.served_entities.0.entity_version", None, "'now' has no version. Give it an entity_version, or"),
        ("config.traffic_config.routes.1.served_entity_name", "now", "route now stands more than once"),
        ("boathouse.follow", {"nobody": "champion"}, "refers to nobody"),
        ("config.traffic_config.routes.1.served_entity_name", "nobody", "refers to nobody; served entities: now, next"),
        ("config.traffic_config.routes.1.traffic_percentage", 5, "add up to 95, not to 100"),
        ("boathouse.split", {"kind": "shadow", "mirrors": ["next"]}, "next only mirrors"),
    ],
)
def test_what_is_impossible_is_refused(path: str, value: Any, message: str) -> None:
    document = changed(path, value)
    if path == "boathouse.follow":
        document["config"]["served_entities"][1]["entity_version"] = 1
    with pytest.raises(EndpointError, match=message):
        read(document)


@pytest.mark.parametrize(
    ("part", "options", "message"),
    [
        ("split", {"kind": "ab"}, "'split.unit'"),
        ("split", {"kind": "canary"}, "'split.candidate'"),
        ("split", {"kind": "shadow"}, "'split.mirrors'"),
        ("split", {"kind": "lottery"}, "'split.kind'"),
        ("split", {"steps": [50, 10]}, "'split.steps'"),
        ("split", {"steps": [0, 10]}, "'split.steps'"),
        ("look_up", {"when_down": "guess"}, "'look_up.when_down'"),
        ("look_up", {"timeout_ms": 0}, "'look_up.timeout_ms'"),
        ("limits", {"max_rows": 0}, "'limits.max_rows'"),
        ("limits", {"requests_per_second": 0}, "'limits.requests_per_second'"),
        ("log", {"sampling_fraction": 1.5}, "'log.sampling_fraction'"),
        ("log", {"personal": {"policy": "publish"}}, "'log.personal.policy'"),
        ("input", {"ranges": {"age": [5, 1]}}, "'input.ranges.age'"),
    ],
)
def test_options_have_ranges(part: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(changed(f"boathouse.{part}", options))
