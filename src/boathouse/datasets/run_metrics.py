"""The catalog's metrics: a JSON file to look at, and one batch in the MLflow run."""

from __future__ import annotations

import math
from typing import Any

from kedro_datasets.json import JSONDataset


class RunMetricsDataset(JSONDataset):  # type: ignore[misc]  # publishes no types
    """Numbers by name; kept as a file for Kedro-Viz and logged to the run that saves them."""

    def __init__(self, *, filepath: str, prefix: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember file and prefix.

        Args:
            filepath: The JSON file.
            prefix: Put before each name in MLflow, with a full stop.
            metadata: For plugins such as Kedro-Viz.
        """
        super().__init__(filepath=filepath, metadata=metadata)
        self._prefix = prefix

    def save(self, data: dict[str, float]) -> None:
        """Write the file, and log the numbers that are defined in one call; without an active run, the file alone."""
        import mlflow

        known = {name: value for name, value in data.items() if math.isfinite(value)}
        super().save(known)
        if mlflow.active_run():
            mlflow.log_metrics({f"{self._prefix}.{name}": value for name, value in known.items()})
