"""Conventions of nodes: a verb and an object, in the namespace of their pipeline."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kedro.pipeline import Pipeline

# What a node can do to data; another verb is added here by whoever needs one.
VERBS = frozenset(
    "append apply attach build calibrate check clean collect compare compute decide describe draw estimate "
    "evaluate explain filter find finish fit gather group ingest join judge label land list load look measure "
    "move prepare profile promote publish quarantine rank rate read record register report resolve sample score "
    "search select split summarise tabulate take test train tune validate weigh write".split()
)


def find_misnamed(names: Iterable[str]) -> list[str]:
    """Return the node names that are not ``verb_object`` or end in ``_node``."""
    return sorted(name for name in names if not _is_verb_and_object(name))


def _is_verb_and_object(name: str) -> bool:
    well_formed = re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name) and not name.endswith("_node")
    return bool(well_formed) and name.split("_", maxsplit=1)[0] in VERBS


def find_outsiders(name: str, pipeline: Pipeline) -> list[str]:
    """Return the nodes of the pipeline ``name`` that are not in the namespace ``name``."""
    return sorted(node.name for node in pipeline.nodes if node.namespace != name)
