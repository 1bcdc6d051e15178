"""Reports and metrics reach the run that made them, and no other."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pytest

from boathouse.hooks.tracking import RETRAINING_REASON
from boathouse.registry.run_metrics import RunMetricsDataset

if TYPE_CHECKING:
    from mlflow.entities import Run

    from tests.fixtures.sample_project import SampleProject

REPORT = "reports.summary: {type: kedro_datasets.text.TextDataset, filepath: reports/summary.txt}"


def _newest_run() -> Run:
    (run,) = mlflow.search_runs(
        experiment_names=["boathouse-test"], order_by=["start_time DESC"], max_results=1, output_format="list"
    )
    return mlflow.get_run(run.info.run_id)


def _files(run: Run) -> list[str]:
    return [item.path for item in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)]


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner"])
def test_a_report_is_kept_with_its_run(tracked: SampleProject, runner: str) -> None:
    from kedro import runner as runners

    tracked.write("test/catalog.yml", REPORT)
    tracked.run(runner=getattr(runners, runner)())
    run = _newest_run()
    assert "summary.txt" in _files(run)
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="summary.txt")
    assert Path(path).read_text(encoding="utf-8") == "champion of 3 rows"


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner"])
def test_the_store_is_told_once_that_a_run_has_ended(
    tracked: SampleProject, runner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each further time costs requests to a server, and a line of the log."""
    from kedro import runner as runners

    ended: list[str] = []
    end = mlflow.MlflowClient.set_terminated
    monkeypatch.setattr(
        mlflow.MlflowClient,
        "set_terminated",
        lambda client, run_id, *given, **named: (ended.append(run_id), end(client, run_id, *given, **named)),
    )
    tracked.run(runner=getattr(runners, runner)())
    assert ended == [_newest_run().info.run_id]
    assert mlflow.active_run() is None


def test_a_run_that_trains_again_says_why(tracked: SampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    tracked.run()
    assert "retraining_reason" not in _newest_run().data.tags
    monkeypatch.setenv(RETRAINING_REASON, "It ranks worse. " * 1_000)
    tracked.run()
    reason = _newest_run().data.tags["retraining_reason"]
    assert reason.startswith("It ranks worse. ")
    assert len(reason) == 2_000


def test_what_is_no_report_is_not_copied(tracked: SampleProject) -> None:
    tracked.write("test/catalog.yml", REPORT.replace("reports.summary:", "training.note:"))
    tracked.run()
    assert _files(_newest_run()) == ["table_versions.json"]


def test_metrics_are_a_file_and_numbers_of_the_run(tmp_path: Path, tracked: SampleProject, shared_store: str) -> None:
    mlflow.set_tracking_uri(shared_store)
    mlflow.set_experiment("boathouse-test")
    dataset = RunMetricsDataset(filepath=str(tmp_path / "metrics.json"), prefix="test")
    with mlflow.start_run() as run:
        dataset.save({"roc_auc": 0.75, "recall": 0.5, "brier_score": math.nan})
    assert mlflow.get_run(run.info.run_id).data.metrics == {"test.roc_auc": 0.75, "test.recall_score": 0.5}
    assert json.loads((tmp_path / "metrics.json").read_text()) == dataset.load() == {"roc_auc": 0.75, "recall": 0.5}


def test_outside_a_run_metrics_are_a_file_alone(tmp_path: Path, tracked: SampleProject, shared_store: str) -> None:
    mlflow.set_tracking_uri(shared_store)
    mlflow.set_experiment("boathouse-test")
    before = len(mlflow.search_runs(output_format="list"))
    RunMetricsDataset(filepath=str(tmp_path / "metrics.json"), prefix="test").save({"roc_auc": 0.75})
    assert (tmp_path / "metrics.json").exists()
    assert mlflow.active_run() is None
    assert len(mlflow.search_runs(output_format="list")) == before
