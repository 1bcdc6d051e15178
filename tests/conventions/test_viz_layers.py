"""Kedro-Viz draws layers only if none depends on a later one: it drops them all, silently, otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.pipeline import Node, Pipeline

from tests.conventions import dataset_names as conventions
from tests.conventions import project

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER = {layer: place for place, layer in enumerate(conventions.LAYERS)}


def find_backward_steps(pipeline: Pipeline, layers: Mapping[str, str]) -> list[str]:
    """Return what is made, directly or through undeclared steps, from something of a later layer."""
    latest: dict[str, str] = {}
    found = []
    for node in pipeline.nodes:
        above = [latest[name] for name in node.inputs if name in latest]
        above += [layers[name] for name in node.inputs if name in layers]
        highest = max(above, key=ORDER.__getitem__, default=None)
        for name in node.outputs:
            own = layers.get(name)
            if highest is not None and own is not None and ORDER[own] < ORDER[highest]:
                found.append(f"{name} ({own}) is made from something of layer {highest}")
            reached = [layer for layer in (own, highest) if layer is not None]
            if reached:
                latest[name] = max(reached, key=ORDER.__getitem__)
    return found


def layers_of(catalog: Mapping[str, Mapping[str, dict[str, dict[str, str]]]]) -> dict[str, str]:
    """Return the layer of each dataset that has one."""
    stated = {name: (entry.get("metadata") or {}).get("kedro-viz", {}) for name, entry in catalog.items()}
    return {name: viz["layer"] for name, viz in stated.items() if "layer" in viz}


def test_every_layer_rests_on_earlier_ones() -> None:
    flow = sum(project.pipelines().values(), Pipeline([]))
    assert find_backward_steps(flow, layers_of(project.catalog())) == []


def test_a_step_back_is_found_through_undeclared_datasets() -> None:
    steps = Pipeline([Node(len, "scores", "kept"), Node(len, "kept", "rows"), Node(len, "rows", "table")])
    layers = {"scores": "inference", "table": "features"}
    assert find_backward_steps(steps, layers) == ["table (features) is made from something of layer inference"]
