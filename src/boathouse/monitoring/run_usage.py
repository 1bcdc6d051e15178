"""What runs took: seconds of each pipeline and peak memory, as metrics of their MLflow runs."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset

from boathouse.errors import TableError

# Of a pipeline the prefix and its name; of the whole run the names alone.
SECONDS, PEAK_MEMORY = "usage.seconds", "usage.peak_memory_mb"
_MOST_RUNS = 100
_KILOBYTE, _MEGABYTE = 1_024, 1_000_000


@dataclass(frozen=True, kw_only=True)
class RunUsage:
    """What one run took.

    Attributes:
        run_id: MLflow run.
        seconds: From the first dataset loaded to the last one saved, by pipeline.
        peak_memory_mb: Largest resident memory of the process until the end of the run, million bytes; None if that
            is not on record.
    """

    run_id: str
    seconds: Mapping[str, float]
    peak_memory_mb: float | None = None


def read_peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far, million bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak * (1 if sys.platform == "darwin" else _KILOBYTE) / _MEGABYTE


def log_usage(usage: Mapping[str, float], *, whole: float) -> None:
    """Log seconds by pipeline, those of the whole run, and the peak memory, to the active MLflow run, in one call.

    Without a run nothing is logged.
    """
    import mlflow

    if mlflow.active_run() is not None:
        by_pipeline = {f"{SECONDS}.{name}": seconds for name, seconds in usage.items()}
        mlflow.log_metrics({SECONDS: whole, PEAK_MEMORY: read_peak_memory_mb(), **by_pipeline})


class RunUsageDataset(AbstractDataset[Any, Any]):
    """What the finished runs of this experiment took, the newest first; nothing without tracking."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        """Ask nothing; ``metadata`` is for plugins such as Kedro-Viz."""
        self.metadata = metadata

    def load(self) -> list[RunUsage]:
        """Return the usage of the newest 100 runs; those without a record of it are left out."""
        # Where no module has imported mlflow there is no run.
        mlflow = sys.modules.get("mlflow")
        run = mlflow.active_run() if mlflow is not None else None
        if mlflow is None or run is None:
            return []
        found = mlflow.MlflowClient().search_runs(
            [run.info.experiment_id],
            filter_string="attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
            max_results=_MOST_RUNS,
        )
        usages = (read_usage(each.info.run_id, each.data.metrics) for each in found)
        return [usage for usage in usages if usage.seconds]

    def save(self, _data: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: the record is made by running."""
        raise TableError.read_only("usage of runs")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {}


def read_usage(run_id: str, metrics: Mapping[str, float]) -> RunUsage:
    """Return the usage that the metrics of a run record."""
    prefix = f"{SECONDS}."
    seconds = {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}
    return RunUsage(run_id=run_id, seconds=seconds, peak_memory_mb=metrics.get(PEAK_MEMORY))
