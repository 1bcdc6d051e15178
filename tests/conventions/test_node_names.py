"""Nodes are named by what they do, and live in their pipeline's namespace."""

from __future__ import annotations

import pytest
from kedro.pipeline import Node, Pipeline

from boathouse.pipeline_registry import FLOW
from tests.conventions import node_names as conventions
from tests.conventions import project


@pytest.mark.parametrize("name", FLOW)
def test_nodes_are_named_by_verb_and_object(name: str) -> None:
    nodes = project.pipelines()[name].nodes
    assert conventions.find_misnamed(node.name.removeprefix(f"{node.namespace}.") for node in nodes) == []


@pytest.mark.parametrize("name", ["split", "split_node", "split_by_time_node", "Split_rows", "rows_split", "split__x"])
def test_bad_name_is_found(name: str) -> None:
    assert conventions.find_misnamed(["split_rows", name]) == [name]


@pytest.mark.parametrize("name", FLOW)
def test_pipeline_is_a_namespace(name: str) -> None:
    assert conventions.find_outsiders(name, project.pipelines()[name]) == []


def test_node_outside_the_namespace_is_found() -> None:
    inside = Pipeline([Node(abs, "a", "b", name="take_a")], namespace="here", prefix_datasets_with_namespace=False)
    outside = Pipeline([Node(abs, "c", "d", name="take_c")])
    assert conventions.find_outsiders("here", inside + outside) == ["take_c"]
