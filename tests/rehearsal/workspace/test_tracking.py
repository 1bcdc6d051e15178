"""Experiments, runs and artifacts of a workspace, by MLflow's own client with the tracking URI ``databricks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from boathouse.registry.dataset import ModelVersionDataset
from boathouse.rehearsal.workspace.folders import USERS
from tests.fixtures.model_store import empty_store, make_model
from tests.fixtures.rehearsed_workspace import DORA, JOBS, MODEL, Rehearsed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.platform
__all__ = ["empty_store"]
NAME = "/Shared/boathouse-prod"


@pytest.fixture
def tracked(
    deployed: Rehearsed, empty_store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Rehearsed]:
    """Track to the workspace as the jobs of prod; its database has its tables already, which take seconds to make."""
    deployed.workspace.files.folder.mkdir(exist_ok=True)
    (deployed.workspace.files.folder / "tracking.db").write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(tmp_path)
    deployed.act_as(JOBS, monkeypatch)
    mlflow.set_tracking_uri("databricks")
    yield deployed
    while mlflow.active_run():
        mlflow.end_run()


def test_a_run_comes_back_as_it_was_logged(tracked: Rehearsed) -> None:
    experiment = mlflow.set_experiment(NAME)
    with mlflow.start_run(run_name="training", tags={"pipeline": "training"}) as run:
        mlflow.log_params({"depth": 4, "rate": 0.1})
        mlflow.log_metrics({"roc_auc": 0.79, "brier": 0.1})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.4, step=2)
        mlflow.set_tag("git.commit", "abc")
        data = mlflow.data.from_pandas(pd.DataFrame({"late": [0, 1]}), name="clean.labels")
        mlflow.log_input(data, context="training")
    client = MlflowClient()
    found = client.get_run(run.info.run_id)
    assert found.data.params == {"depth": "4", "rate": "0.1"}
    assert found.data.metrics == {"roc_auc": 0.79, "brier": 0.1, "loss": 0.4}
    assert (found.data.tags["pipeline"], found.data.tags["git.commit"]) == ("training", "abc")
    assert [each.value for each in client.get_metric_history(run.info.run_id, "loss")] == [0.5, 0.4]
    assert [each.dataset.name for each in found.inputs.dataset_inputs] == ["clean.labels"]
    hits = client.search_runs([experiment.experiment_id], "metrics.roc_auc > 0.7 and tags.pipeline = 'training'")
    assert [hit.info.run_id for hit in hits] == [run.info.run_id]
    assert found.info.status == "FINISHED"
    assert tracked.workspace.calls["tracking.runs/create"] == 1
    assert tracked.workspace.callers["tracking.runs/create", JOBS] == 1


def test_an_experiment_is_an_absolute_path_in_a_folder_that_is_there(tracked: Rehearsed) -> None:
    with pytest.raises(MlflowException, match="Got an invalid experiment name 'prod'.*absolute path"):
        mlflow.create_experiment("prod")
    with pytest.raises(MlflowException, match="Workspace directory '/Shared/none' does not exist"):
        mlflow.create_experiment("/Shared/none/prod")
    with pytest.raises(MlflowException, match="PERMISSION_DENIED.*Edit permissions"):
        mlflow.create_experiment(f"{USERS}/{DORA}/prod")
    assert tracked.workspace.folders.has("/Shared")


def test_a_persons_experiment_is_closed_to_others(tracked: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow.create_experiment(f"{USERS}/{JOBS}/mine")
    own = MlflowClient().get_experiment_by_name(f"{USERS}/{JOBS}/mine")
    run = MlflowClient().create_run(own.experiment_id).info.run_id
    tracked.act_as(DORA, monkeypatch)
    for ask in (
        lambda: MlflowClient().get_run(run),
        lambda: MlflowClient().create_run(own.experiment_id),
        lambda: MlflowClient().log_metric(run, "m", 1.0),
        lambda: MlflowClient().search_runs([own.experiment_id]),
    ):
        with pytest.raises(MlflowException, match="PERMISSION_DENIED"):
            ask()
    shared = mlflow.create_experiment(NAME)
    tracked.act_as(JOBS, monkeypatch)
    assert MlflowClient().create_run(shared).info.experiment_id == shared


@pytest.mark.parametrize("place", [None, "dbfs:/Volumes/prod/raw/landing/runs"])
def test_artifacts_lie_in_a_volume_or_where_the_workspace_keeps_them(
    tracked: Rehearsed, tmp_path: Path, place: str | None
) -> None:
    mlflow.create_experiment(NAME, artifact_location=place)
    mlflow.set_experiment(NAME)
    (tmp_path / "report.html").write_text("<p>fine</p>", encoding="utf-8")
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "report.html"), "reports")
        mlflow.log_dict({"a": 1}, "facts.json")
    client = MlflowClient()
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["facts.json", "reports"]
    fetched = client.download_artifacts(run.info.run_id, "reports/report.html", str(tmp_path))
    assert Path(fetched).read_text(encoding="utf-8") == "<p>fine</p>"
    assert mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/facts.json") == {"a": 1}
    root = tracked.workspace.files.folder
    (kept,) = root.rglob("report.html")
    assert kept.is_relative_to(root / ("Volumes/prod/raw/landing/runs" if place else "WorkspaceInternal"))


def test_a_version_names_the_run_of_the_workspace_that_it_comes_from(
    tracked: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "databricks-uc")
    monkeypatch.setattr("mlflow.models.model.is_in_databricks_runtime", lambda: True)
    mlflow.create_experiment(NAME, artifact_location="dbfs:/Volumes/prod/raw/landing/runs")
    mlflow.set_experiment(NAME)
    with mlflow.start_run() as run:
        ModelVersionDataset(name=MODEL).save(make_model())
    (version,) = tracked.workspace.registry.models[MODEL].versions.values()
    assert (version.known.run_id, version.known.user_id) == (run.info.run_id, JOBS)
    assert ModelVersionDataset(name=MODEL).load().version == "1"


def test_a_logged_model_is_tracked(tracked: Rehearsed) -> None:
    experiment = mlflow.set_experiment(NAME)
    with mlflow.start_run():
        model = mlflow.initialize_logged_model("late")
        mlflow.log_model_params({"depth": "4"}, model_id=model.model_id)
        mlflow.finalize_logged_model(model.model_id, "READY")
    found = mlflow.search_logged_models(experiment_ids=[experiment.experiment_id], output_format="list")
    assert [(each.name, each.params) for each in found] == [("late", {"depth": "4"})]
