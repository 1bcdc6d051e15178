"""Keeps MLflow runs and Kedro runs one to one, where kedro-mlflow 2.0.3 does not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import CatalogProtocol


class TrackingRunHooks:
    """Logs options key by key and reports as files, and ends a run as often as kedro-mlflow has opened it."""

    def __init__(self) -> None:
        """Start with no run."""
        self._is_foreign = False

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:  # noqa: ARG002  # the hook's name decides
        """Remember whether the caller had a run open: that one is theirs to end."""
        import mlflow

        self._is_foreign = mlflow.active_run() is not None

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Remember where reports are."""
        self._catalog = catalog

    @hook_impl(tryfirst=True)
    def before_node_run(self, inputs: dict[str, Any]) -> None:
        """Turn options objects into dictionaries for the hooks that follow.

        ``inputs`` is Kedro's copy for the hooks alone; the node gets the objects. Without this,
        kedro-mlflow logs one long text instead of one parameter a key.
        """
        for name, value in inputs.items():
            if name.startswith("params:") and dataclasses.is_dataclass(value) and not isinstance(value, type):
                inputs[name] = dataclasses.asdict(value)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Keep a copy of each report with the run that wrote it; outside a run there is only the file."""
        import mlflow

        path = getattr(self._catalog[dataset_name], "_filepath", None) if dataset_name.startswith("reports.") else None
        if path is not None and mlflow.active_run() is not None:
            mlflow.log_artifact(str(path))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """End what is still open: kedro-mlflow opens the run again at the first node, ends it once."""
        import mlflow

        while not self._is_foreign and mlflow.active_run() is not None:
            mlflow.end_run()
