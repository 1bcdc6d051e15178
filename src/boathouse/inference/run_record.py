"""The catalog's record of the run: its MLflow run, the table versions it has read, its metrics."""

from __future__ import annotations

import math
import sys
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset
from kedro_datasets.json import JSONDataset

from boathouse.errors import TableError
from boathouse.inference.models import RunRecord
from boathouse.tables.location import last_reads


def current_run() -> str:
    """Return the id of the MLflow run of this process; empty if there is none."""
    # Where nothing has imported mlflow there is no run.
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow is not None else None
    return "" if run is None else str(run.info.run_id)


class RunRecordDataset(AbstractDataset[Any, Any]):
    """What predictions say of the run that made them; a node that takes it reads its tables in an earlier one."""

    def __init__(self, *, environment: str, metadata: dict[str, Any] | None = None) -> None:
        """Remember whose tables count.

        Args:
            environment: First part of the tables' names.
            metadata: For plugins such as Kedro-Viz.
        """
        self._environment = environment
        self.metadata = metadata

    def load(self) -> RunRecord:
        """Return the record as of now."""
        own = {name: version for name, version in last_reads().items() if name.startswith(f"{self._environment}.")}
        return RunRecord(run_id=current_run(), table_versions=own)

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: a run is recorded by running."""
        raise TableError.read_only("run record")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"environment": self._environment}


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
