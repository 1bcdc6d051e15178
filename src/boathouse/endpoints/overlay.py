"""What commands changed of an endpoint's document: kept apart from conf, so that changes of conf are seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from boathouse.endpoints.config import EndpointConfig

Changes = Mapping[str, Any]

# Mappings of names that a document may have or lack: null under one of their names takes the name away. Elsewhere null
# is a value.
_BY_NAME = ("entities", "ranges")


def find_changes(conf: EndpointConfig, config: EndpointConfig) -> dict[str, Any]:
    """Return what differs in ``config`` from ``conf``, as :func:`apply_changes` takes it; empty if nothing does.

    The shares of the traffic are one value, since they add up to 100; every other value is one of its own.
    """
    base, other = _to_tree(conf), _to_tree(config)
    changes = _diff(base, other)
    if _sort_names(_apply(base, changes)) != list(other["entities"]):
        changes["order"] = list(other["entities"])
    return changes


def apply_changes(conf: EndpointConfig, changes: Changes) -> EndpointConfig:
    """Return ``conf`` with ``changes``.

    Raises:
        EndpointError: If they do not fit: conf lacks an entity, say, that has traffic by ``changes``.
        OptionError: If a value is outside what is allowed.
    """
    return EndpointConfig.from_document(conf.name, _to_document(_apply(_to_tree(conf), changes)))


def describe_changes(conf: EndpointConfig, changes: Changes) -> Iterator[tuple[str, str, str]]:
    """Give dotted name, value and value in conf of each changed value, as text."""
    base = _to_tree(conf)
    for path, value in _flatten(changes):
        found: Any = base
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        show = _show_traffic if path == ("traffic",) else _show
        yield ".".join(path), show(value), show(found)


def _to_tree(config: EndpointConfig) -> dict[str, Any]:
    """Return the document with entities by name, and the traffic as pairs."""
    document = config.to_document()
    block = document["boathouse"]
    entities = {
        each["name"]: {**each, "alias": block["follow"].get(each["name"])}
        for each in document["config"]["served_entities"]
    }
    traffic = [
        [each["served_entity_name"], each["traffic_percentage"]]
        for each in document["config"]["traffic_config"]["routes"]
    ]
    return {"entities": entities, "traffic": traffic, **{key: block[key] for key in block if key != "follow"}}


def _to_document(tree: Mapping[str, Any]) -> dict[str, Any]:
    entities = {name: {"name": name, **tree["entities"][name]} for name in _sort_names(tree)}
    block = {key: value for key, value in tree.items() if key not in {"entities", "traffic", "order"}}
    return {
        "config": {
            "served_entities": [
                {key: value for key, value in each.items() if key != "alias"} for each in entities.values()
            ],
            "traffic_config": {
                "routes": [{"served_entity_name": name, "traffic_percentage": share} for name, share in tree["traffic"]]
            },
        },
        "boathouse": {
            "follow": {name: each["alias"] for name, each in entities.items() if each.get("alias") is not None},
            **block,
        },
    }


def _sort_names(tree: Mapping[str, Any]) -> list[str]:
    """Return the names of the entities: in the recorded order, what it lacks at the end."""
    names, order = list(tree["entities"]), list(tree.get("order", ()))
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def _diff(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for key in dict.fromkeys([*base, *other]):
        before, after = base.get(key), other.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            if nested := _diff(before, after):
                changes[key] = nested
        elif before != after:
            changes[key] = after
    return changes


def _apply(base: Mapping[str, Any], changes: Changes, *, by_name: bool = False) -> dict[str, Any]:
    found = dict(base)
    for key, value in changes.items():
        if value is None and by_name:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = _apply(found[key], value, by_name=key in _BY_NAME)
        else:
            found[key] = value
    return found


def _flatten(changes: Changes, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in changes.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, (*path, key))
        else:
            yield (*path, key), value


def _show(value: object) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def _show_traffic(shares: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {share:g} %" for name, share in shares)
