"""The grammar of dataset names, and what the catalog has to say of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

SCHEMAS = ("raw", "clean", "features", "model_input", "inference", "monitoring", "audit")
FORMS = ("spark", "pandas", "arrow", "polars")
DELTA = "boathouse.tables.dataset.DeltaTableDataset"
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
    """Return the datasets of pipelines that the catalog does not declare: Kedro would keep them in memory unasked."""
    return sorted(name for name in used if name not in catalog and not name.startswith("params:"))


def find_unused(used: Collection[str], catalog: Iterable[str]) -> list[str]:
    """Return the catalog entries that no pipeline uses."""
    return sorted(name for name in catalog if name not in used)


def find_strangers_in_memory(catalog: Mapping[str, Mapping[str, Any]], pipelines: Collection[str]) -> list[str]:
    """Return the memory datasets that are not named after the pipeline they live in."""
    in_memory = [name for name, entry in catalog.items() if entry.get("type") in MEMORY]
    return sorted(name for name in in_memory if name.split(".")[0] not in pipelines)


def describe_gaps(catalog: Mapping[str, Mapping[str, Any]], contracts: Collection[str]) -> list[str]:
    """Return what Delta tables lack: name like the entry's, contract that exists, layer of Kedro-Viz, description."""
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
        "no metadata.description": bool(metadata.get("description")),
    }
    return [gap for gap, passed in tests.items() if not passed]
