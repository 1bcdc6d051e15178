"""All pipelines by name, the order in which they build on one another, and the catalog entries that they use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FLOW = (
    "data_prep",
    "feature_engineering",
    "training",
    "evaluation",
    "promotion",
    "batch_inference",
    "stream_inference",
    "monitoring",
)
# A stream may go on for ever, and scores what batch inference has scored: it runs when it is named.
ON_REQUEST = ("stream_inference",)
WHOLE = tuple(name for name in FLOW if name not in ON_REQUEST)

# What `boathouse retrain` runs: the features of the newer window, and a version that has to pass every gate.
RETRAINING = ("feature_engineering", "training", "evaluation", "promotion")


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines that the run asks for by name; ``__default__`` is the whole flow but for those on request.

    Kedro imports only the packages of the pipelines asked for, which keeps the start of a single
    pipeline short; then there is no ``__default__``.
    """
    found = find_pipelines(raise_errors=True)
    named = {name: found[name] for name in FLOW if name in found}
    if "__default__" not in found:
        return named
    return {"__default__": sum((named[name] for name in WHOLE), Pipeline([])), **named}


def resolve_entries(catalog: Mapping[str, dict[str, Any]], pipelines: Iterable[Pipeline]) -> dict[str, dict[str, Any]]:
    """Return the entries of ``catalog`` that are written out, and those that patterns make for ``pipelines``.

    Kedro keeps patterns (``clean.{table}``) apart from entries, so that a loop over the catalog's keys misses every
    dataset that a pattern makes. An entry that is written out wins over a pattern, as in a run.

    Args:
        catalog: What the configuration loader returns for ``catalog``: entries and patterns, references resolved.
        pipelines: The pipelines whose datasets are looked up.

    Returns:
        Entries by name, sorted; a dataset that neither an entry nor a pattern declares, and ``params:``, are left out.
    """
    from kedro.io import CatalogConfigResolver, DataCatalog

    resolver = CatalogConfigResolver(dict(catalog), None, DataCatalog.default_runtime_patterns)
    used = {name for pipeline in pipelines for name in pipeline.datasets() if not name.startswith("params:")}
    made = {name for name in used - resolver.config.keys() if resolver.match_dataset_pattern(name)}
    return {name: resolver.resolve_pattern(name) for name in sorted(made | resolver.config.keys())}
