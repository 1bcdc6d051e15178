"""Every group of parameters is a frozen options class that Kedro can build, in every environment."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from tests.conventions import project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kedro.pipeline.node import Node


def typed_inputs(node: Node) -> Iterator[tuple[str, Any]]:
    """Give each ``params:`` input of a node with the type its function asks for.

    Raises:
        NameError: If a hint cannot be resolved at run time: Kedro would then hand over a dictionary.
    """
    signature = inspect.signature(node.func)
    given = node._inputs
    bound = signature.bind(**given) if isinstance(given, dict) else signature.bind(*_as_list(given))
    wanted = {name: value for name, value in bound.arguments.items() if str(value).startswith("params:")}
    hints = typing.get_type_hints(node.func) if wanted else {}
    for name, dataset in wanted.items():
        yield dataset.removeprefix("params:"), hints[name]


def _as_list(given: Any) -> list[Any]:
    return [] if given is None else [given] if isinstance(given, str) else list(given)


NODES = [node for pipeline in project.pipelines().values() for node in pipeline.nodes]
CASES = sorted({(group, kind) for node in NODES for group, kind in typed_inputs(node)}, key=repr)


def read(environment: str, group: str) -> Any:
    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env=environment, **CONFIG_LOADER_ARGS)
    value: Any = loader["parameters"]
    for part in group.split("."):
        value = value[part]
    return value


@pytest.mark.parametrize("environment", project.environments())
def test_a_group_is_a_frozen_class_and_conf_fills_it(environment: str) -> None:
    for group, kind in CASES:
        value = read(environment, group)
        if isinstance(value, dict):
            assert dataclasses.is_dataclass(kind), f"{group} is a dictionary in its node"
            assert kind.__dataclass_params__.frozen, f"{kind.__name__} can be changed"
            assert kind(**value)


def test_there_are_groups_to_look_at() -> None:
    assert len([kind for _, kind in CASES if dataclasses.is_dataclass(kind)]) >= 10


def test_one_group_is_one_class_everywhere() -> None:
    kinds: dict[str, set[Any]] = {}
    for group, kind in CASES:
        kinds.setdefault(group, set()).add(kind)
    assert {group: found for group, found in kinds.items() if len(found) > 1} == {}
