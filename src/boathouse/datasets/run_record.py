"""The catalog's record of the run so far: its MLflow run and the table versions it has read."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.core.errors import ReadOnlyTableError
from boathouse.core.inference.record import RunRecord
from boathouse.datasets.last_reads import last_reads


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
        raise ReadOnlyTableError.on_save("run record")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"environment": self._environment}
