"""The catalog entries behind the names that pipelines use: written out, or made by a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kedro.pipeline import Pipeline


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
