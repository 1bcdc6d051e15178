"""What a run leaves in MLflow: tags, parameters, table versions."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import mlflow
import pytest

from boathouse.errors import DataQualityError
from boathouse.hooks.lineage import LineageHooks
from boathouse.hooks.provenance import RunTags, digest_lock, read_runtime_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.entities import Run

    from tests.fixtures.sample_project import SampleProject

# Of the checkout that these tests run in, as git says it; a copy without a repository, or without git, has none.
COMMIT = "unknown"
if shutil.which("git"):
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    COMMIT = asked.stdout.strip() or COMMIT


def _newest_run() -> Run:
    (run,) = mlflow.search_runs(
        experiment_names=["boathouse-test"], order_by=["start_time DESC"], max_results=1, output_format="list"
    )
    return mlflow.get_run(run.info.run_id)


def test_a_run_carries_every_tag_of_the_model(tracked: SampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOATHOUSE_JOB_RUN_ID", "job-77")
    tracked.run()
    tags = _newest_run().data.tags
    names = {field.name for field in dataclasses.fields(RunTags)}
    assert names <= set(tags)
    assert (tags["environment"], tags["engine"], tags["job_run_id"]) == ("test", "sail", "job-77")
    assert tags["mlflow.source.git.commit"] == tags["git_sha"] == COMMIT


@pytest.fixture
def platform_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have MLflow find itself in a job: it asks the runtime's module of this name, which only the platform has."""
    facts = {"jobId": "77", "idInJob": "4711", "jobTaskType": "python_wheel", "apiUrl": "https://workspace"}
    place = {"workspaceUrl": "https://workspace", "workspaceId": "1", "isInJob": True}
    module = ModuleType("dbruntime.databricks_repl_context")
    module.get_context = lambda: SimpleNamespace(**facts, **place)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dbruntime", ModuleType("dbruntime"))
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("platform_job")
def test_a_run_of_a_job_of_the_platform_carries_its_number(
    tracked: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOATHOUSE_JOB_RUN_ID", raising=False)
    tracked.run()
    tags = _newest_run().data.tags
    assert tags["job_run_id"] == tags["mlflow.databricks.jobRunID"] == "4711"


def test_tables_read_are_inputs_with_version_and_purpose(tracked: SampleProject) -> None:
    tracked.run()
    run = _newest_run()
    inputs = {item.dataset.name: item for item in run.inputs.dataset_inputs}
    assert set(inputs) == {"test.raw.numbers", "test.clean.numbers"}
    assert inputs["test.raw.numbers"].dataset.digest == "v7"
    assert {tag.key: tag.value for tag in inputs["test.clean.numbers"].tags}["mlflow.data.context"] == "training"
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="table_versions.json")
    versions = json.loads(Path(path).read_text(encoding="utf-8"))
    tags = {tag.key: tag.value for tag in inputs["test.raw.numbers"].tags}
    assert (tags["delta_version"], tags["updated_at"]) == ("7", "2026-03-01T09:00:00+00:00")
    assert {use["updated_at"] for use in versions["reads"]} == {"2026-03-01T09:00:00+00:00"}
    assert [(use["table"], use["version"], use["rows"]) for use in versions["writes"]] == [
        ("test.clean.numbers", "2", 4)
    ]


def test_what_trains_is_an_input_for_training_whoever_reads_it_later() -> None:
    """In a whole flow evaluation and monitoring read the table that training read."""
    table = SimpleNamespace(table="test.model_input.rows", version=3, rows=1, path="", timestamp=None)
    hooks = LineageHooks()
    hooks.before_pipeline_run({}, SimpleNamespace(nodes=()), {"rows": SimpleNamespace(last_read=table)})
    for namespace in ("feature_engineering", "training", "evaluation", "monitoring", "training"):
        hooks.after_dataset_loaded("rows", SimpleNamespace(namespace=namespace))
    (use,) = hooks._record.reads.values()
    assert use.context == "training"
    assert use.contexts == ("feature_engineering", "training", "testing", "monitoring")
    (read,) = hooks._record.to_dict()["reads"]
    assert (read["context"], list(read["contexts"])[-1]) == ("training", "monitoring")


@pytest.mark.parametrize(
    ("pipelines", "context"), [(["evaluation", "monitoring"], "testing"), (["monitoring", "evaluation"], "testing")]
)
def test_what_was_not_read_for_training_is_not_said_to_be(pipelines: list[str], context: str) -> None:
    table = SimpleNamespace(table="test.model_input.rows", version=3, rows=1, path="")
    hooks = LineageHooks()
    hooks.before_pipeline_run({}, SimpleNamespace(nodes=()), {"rows": SimpleNamespace(last_read=table)})
    for namespace in pipelines:
        hooks.after_dataset_loaded("rows", SimpleNamespace(namespace=namespace))
    (use,) = hooks._record.reads.values()
    assert use.context == context


def test_a_file_read_is_an_input_without_a_version(tracked: SampleProject) -> None:
    tracked.write(
        "test/catalog.yml", "raw.numbers: {type: tests.fixtures.sample_project.FakeTable, table: numbers.csv, rows: 1}"
    )
    tracked.run("data_prep")
    (item,) = _newest_run().inputs.dataset_inputs
    assert (item.dataset.name, item.dataset.source_type) == ("numbers.csv", "local")


def test_a_model_version_registered_in_the_run_carries_where_it_comes_from(
    tracked: SampleProject, shared_store: str
) -> None:
    mlflow.set_tracking_uri(shared_store)
    client = mlflow.MlflowClient()
    client.create_registered_model("test.models.registered_early")
    client.create_model_version("test.models.registered_early", source="/nowhere")
    model = "type: tests.fixtures.sample_project.FakeModel, name: test.models.registered_early, number: '1'"
    tracked.write("test/catalog.yml", f"reports.summary: {{{model}}}")
    tracked.run()
    tags = client.get_model_version("test.models.registered_early", "1").tags
    assert tags["table_versions"] == "test.clean.numbers@2,test.raw.numbers@7"
    assert tags["git_sha"] == COMMIT
    assert tags["engine"] == "sail"


def test_what_is_read_after_a_model_is_registered_had_no_part_in_it(tracked: SampleProject, shared_store: str) -> None:
    mlflow.set_tracking_uri(shared_store)
    client = mlflow.MlflowClient()
    client.create_registered_model("test.models.early")
    client.create_model_version("test.models.early", source="/nowhere")
    model = "clean.numbers: {type: tests.fixtures.sample_project.FakeModel, name: test.models.early, number: '1'}"
    later = "training.middle: {type: tests.fixtures.sample_project.FakeTable, table: test.scored, rows: 1, at: 3}"
    tracked.write("test/catalog.yml", f"{model}\n{later}")
    tracked.run()
    assert client.get_model_version("test.models.early", "1").tags["table_versions"] == "test.raw.numbers@7"


def test_a_version_knows_its_data_and_commit_as_soon_as_it_is_registered(shared_store: str) -> None:
    """The gates of the same run ask for both, and a run that is killed afterwards leaves them behind."""
    mlflow.set_tracking_uri(shared_store)
    client = mlflow.MlflowClient()
    client.create_registered_model("test.models.known_at_once")
    client.create_model_version("test.models.known_at_once", source="/nowhere")
    table = SimpleNamespace(table="test.clean.numbers", version=3, rows=1, path="")
    datasets = {
        "clean.numbers": SimpleNamespace(last_read=table),
        "models.late": SimpleNamespace(name="test.models.known_at_once", last_saved_version="1"),
    }
    hooks, node = LineageHooks(), SimpleNamespace(namespace="training")
    loader = {"globals": {"environment": "test", "lakehouse": {"engine": "sail", "root": "/nowhere"}}}
    hooks.after_context_created(SimpleNamespace(config_loader=loader, params={}))
    hooks.before_pipeline_run({"pipeline_names": ["training"]}, SimpleNamespace(nodes=()), datasets)
    hooks.after_dataset_loaded("clean.numbers", node)
    hooks.after_dataset_saved("models.late", node)
    tags = client.get_model_version("test.models.known_at_once", "1").tags
    assert tags["table_versions"] == "test.clean.numbers@3"
    assert (tags["git_sha"], tags["environment"], tags["pipeline"]) == (COMMIT, "test", "training")
    assert (tags["job_run_id"], "branch" in tags) == ("none", True)


def test_options_are_logged_key_by_key(tracked: SampleProject) -> None:
    tracked.run("training")
    assert _newest_run().data.params == {"training.split.share": "0.5", "training.split.label": "late"}


def test_each_run_has_an_mlflow_run_of_its_own(tracked: SampleProject) -> None:
    tracked.run("training")
    first = _newest_run().info
    tracked.run("training", params={"training": {"split": {"share": 0.25}}})
    second = _newest_run().info
    assert mlflow.active_run() is None
    assert (first.run_id != second.run_id, first.status, second.status) == (True, "FINISHED", "FINISHED")


def test_a_run_of_the_caller_is_used_and_left_open(tracked: SampleProject, shared_store: str) -> None:
    mlflow.set_tracking_uri(shared_store)
    mlflow.set_experiment("boathouse-test")
    with mlflow.start_run() as run:
        tracked.run("data_prep")
        assert mlflow.active_run() is not None
    while mlflow.active_run():  # kedro-mlflow has opened it once more, and leaves to the caller what is theirs
        mlflow.end_run()
    assert mlflow.get_run(run.info.run_id).data.tags["engine"] == "sail"


def test_a_failed_run_has_its_lineage_too(tracked: SampleProject, fail_training: Callable[[], None]) -> None:
    fail_training()
    with pytest.raises(DataQualityError):
        tracked.run()
    run = _newest_run()
    assert run.info.status == "FAILED"
    assert len(run.inputs.dataset_inputs) == 2
    assert run.data.tags["environment"] == "test"


def test_surroundings_name_libraries_lock_and_user(tmp_path: Path) -> None:
    found = read_runtime_environment()
    assert found.libraries["mlflow"] == mlflow.__version__
    other = dataclasses.replace(found, libraries={**found.libraries, "mlflow": "0"})
    assert len(found.libraries_digest) == 64
    assert other.libraries_digest != found.libraries_digest
    assert digest_lock(tmp_path) == "unknown"
    (tmp_path / "requirements.lock").write_bytes(b"abc")
    # The digest that FIPS 180-2 gives for these three letters.
    assert digest_lock(tmp_path).startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_model_is_registered_with_everything_to_make_it_again(tracked: SampleProject, shared_store: str) -> None:
    mlflow.set_tracking_uri(shared_store)
    client = mlflow.MlflowClient()
    client.create_registered_model("test.models.whole")
    client.create_model_version("test.models.whole", source="/nowhere")
    tracked.write(
        "test/catalog.yml",
        "clean.numbers: {type: tests.fixtures.sample_project.FakeModel, name: test.models.whole, number: '1'}",
    )
    tracked.run("data_prep", params={"training": {"split": {"share": 0.25}}})
    tags = client.get_model_version("test.models.whole", "1").tags
    run_tags = {field.name for field in dataclasses.fields(RunTags)}
    assert run_tags <= set(tags)
    assert {"git_sha", "branch", "job_run_id", "environment"} <= run_tags
    assert tags["libraries_digest"] == read_runtime_environment().libraries_digest
    run = _newest_run().info.run_id
    assert mlflow.artifacts.load_dict(f"runs:/{run}/parameters.json")["training"]["split"] == {
        "share": 0.25,
        "label": "late",
    }
    assert mlflow.artifacts.load_dict(f"runs:/{run}/runtime_environment.json")["python"] == tags["python_version"]
    (first, *_) = mlflow.artifacts.load_dict(f"runs:/{run}/feature_lineage.json").values()
    assert first["sources"]
