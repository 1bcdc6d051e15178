"""The catalog's metrics of a run: a file for Kedro-Viz, and metrics of the MLflow run that saves them."""

from __future__ import annotations

import math
from typing import Any

from kedro_datasets.json import JSONDataset

from boathouse.modelling.metrics import MLFLOW_NAMES


class RunMetricsDataset(JSONDataset):  # type: ignore[misc]  # publishes no types
    """Numbers by name, written to a JSON file and logged to the active MLflow run."""

    def __init__(self, *, filepath: str, prefix: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember file and prefix.

        Args:
            filepath: The JSON file.
            prefix: Prefix of each name in MLflow, before a full stop.
            metadata: For plugins such as Kedro-Viz.
        """
        super().__init__(filepath=filepath, metadata=metadata)
        self._prefix = prefix

    def save(self, data: dict[str, float]) -> None:
        """Write the finite numbers to the file, and log them in one call by MLflow's names; without a run, no log."""
        import mlflow

        finite = {name: value for name, value in data.items() if math.isfinite(value)}
        super().save(finite)
        if mlflow.active_run():
            mlflow.log_metrics({f"{self._prefix}.{MLFLOW_NAMES.get(name, name)}": finite[name] for name in finite})
