"""The grammar of dataset names, and what the catalog has to say of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from parse import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kedro.pipeline import Pipeline

SCHEMAS = ("raw", "clean", "features", "model_input", "inference", "monitoring", "audit")
FORMS = ("spark", "pandas", "arrow", "polars")
DELTA = "boathouse.pipelines.table_dataset.ContractTableDataset"
MEMORY = ("kedro.io.MemoryDataset", "MemoryDataset", "kedro.io.memory_dataset.MemoryDataset")
LAYERS = (
    "extract",
    "raw",
    "clean",
    "features",
    "model_input",
    "models",
    "evaluation",
    "promotion",
    "inference",
    "monitoring",
)

_WORD = r"[a-z][a-z0-9_]*"


def match_grammar(name: str, pipelines: Collection[str]) -> bool:
    """Tell whether ``name`` is a table, model, delivered file, report, parameter or a pipeline's own dataset."""
    owners = "|".join(pipelines)
    rules = (
        rf"params:{_WORD}(\.{_WORD})*",
        rf"({'|'.join(SCHEMAS)})\.{_WORD}(@({'|'.join(FORMS)}))?",
        rf"(extract|models)\.{_WORD}",
        rf"reports\.({owners})(_{_WORD})?",
        r"reports\.summary",  # of the whole run, by whichever pipeline comes last
        rf"({owners})\.{_WORD}",
    )
    return any(re.fullmatch(rule, name) for rule in rules)


def find_misnamed(names: Iterable[str], pipelines: Collection[str]) -> list[str]:
    """Return the names that follow no rule of the grammar."""
    return sorted(name for name in names if not match_grammar(name, pipelines))


def find_undeclared(used: Iterable[str], catalog: Collection[str]) -> list[str]:
    """Return the datasets of pipelines that no entry and no pattern declares: Kedro would keep them in memory."""
    return sorted(name for name in used if name not in catalog and not name.startswith("params:"))


def find_unused(used: Collection[str], catalog: Iterable[str]) -> list[str]:
    """Return the catalog entries that no pipeline uses."""
    return sorted(name for name in catalog if name not in used)


def find_loose_patterns(patterns: Mapping[str, Mapping[str, Any]], pipelines: Collection[str]) -> list[str]:
    """Return the patterns that take more than one namespace, and those of memory under a name that tables have.

    ``{default}`` or ``{schema}.{table}`` would declare whatever is misspelt; ``monitoring.{value}`` in memory would
    keep a misspelt table there. Models are written out: commands look for them without building a pipeline.
    """
    found = []
    for pattern, entry in patterns.items():
        namespace = pattern.partition(".")[0]
        allowed = set(pipelines) - set(SCHEMAS) if entry.get("type") in MEMORY else {*SCHEMAS, "extract", "reports"}
        if namespace not in allowed:
            found.append(pattern)
    return sorted(found)


def find_idle_patterns(patterns: Iterable[str], used: Collection[str], entries: Collection[str]) -> list[str]:
    """Return the patterns that make no dataset of the pipelines beside those that are written out."""
    made = [name for name in used if name not in entries]
    return sorted(each for each in patterns if not any(parse(each, name) for name in made))


def find_loose_ends(pipelines: Iterable[Pipeline], catalog: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the memory datasets that are made and never read, or read and never made: a pattern takes any name."""
    flow = list(pipelines)
    made = {name for pipeline in flow for node in pipeline.nodes for name in node.outputs}
    read = {name for pipeline in flow for node in pipeline.nodes for name in node.inputs}
    in_memory = {name for name, entry in catalog.items() if entry.get("type") in MEMORY}
    return sorted((made ^ read) & in_memory)


def find_strangers_in_memory(catalog: Mapping[str, Mapping[str, Any]], pipelines: Collection[str]) -> list[str]:
    """Return the memory datasets that are not named after the pipeline they live in."""
    in_memory = [name for name, entry in catalog.items() if entry.get("type") in MEMORY]
    return sorted(name for name in in_memory if name.split(".")[0] not in pipelines)


def describe_gaps(catalog: Mapping[str, Mapping[str, Any]], contracts: Collection[str]) -> list[str]:
    """Return what Delta tables lack: name like the entry's, contract that exists, layer of Kedro-Viz."""
    return [
        f"{name}: {gap}"
        for name, entry in sorted(catalog.items())
        if entry.get("type") == DELTA
        for gap in _gaps(name.split("@")[0], entry, contracts)
    ]


def _gaps(name: str, entry: Mapping[str, Any], contracts: Collection[str]) -> list[str]:
    metadata = entry.get("metadata") or {}
    tests = {
        f"table {entry.get('table')!r} does not end in {name!r}": str(entry.get("table")).endswith(f".{name}"),
        f"no contract {entry.get('contract')!r}": entry.get("contract") in contracts,
        "no known metadata.kedro-viz.layer": (metadata.get("kedro-viz") or {}).get("layer") in LAYERS,
        "metadata.description is the contract's to say": not metadata.get("description"),
    }
    return [gap for gap, passed in tests.items() if not passed]
