"""The shipped bundles are deployable as far as that can be known without a workspace."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from boathouse.bundle.checks import find_problems
from boathouse.bundle.commands import CommandLine
from boathouse.bundle.documents import list_bundles, read_bundle, resolve_target
from boathouse.bundle.models import load_model
from boathouse.cli.main import cli
from boathouse.pipeline_registry import FLOW

if TYPE_CHECKING:
    from boathouse.bundle.documents import Bundle, ResolvedTarget

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = {folder.relative_to(PROJECT).as_posix(): folder for folder in list_bundles(PROJECT)}
PRINCIPAL = "5f0c1a2b-3d4e-4f60-8a7b-9c0d1e2f3a4b"
GIVEN = {"service_principal": PRINCIPAL, "warehouse_id": "8f1d2c3b4a5e6f70", "champion_version": "3"}
COMMANDS = CommandLine(cli, tuple(FLOW))


@cache
def shipped(folder: str = ".") -> Bundle:
    return read_bundle(FOLDERS[folder])


def resolve(target: str, folder: str = ".", *, user: str = PRINCIPAL, **more: str) -> ResolvedTarget:
    bundle = shipped(folder)
    known = bundle.document["variables"]
    given = {name: value for name, value in (GIVEN | more).items() if name in known}
    if target == "dev" and "service_principal" not in more:
        del given["service_principal"]
    return resolve_target(bundle, target, user=user, variables=given)


def test_there_is_a_bundle_for_each_thing_that_is_deployed_at_another_time() -> None:
    assert set(FOLDERS) == {".", "bundles/monitors", "bundles/online_store", "bundles/serving"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_shipped_bundles_have_no_problems(folder: str) -> None:
    assert list(map(str, find_problems(shipped(folder), commands=COMMANDS))) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_resource_passes_the_typed_models_as_it_would_be_deployed(folder: str) -> None:
    checked = 0
    for target in shipped(folder).targets:
        found = resolve(target, folder, user="jane.doe@example.com" if target == "dev" else PRINCIPAL)
        assert "${" not in json.dumps(found.resources)
        for kind, entries in found.resources.items():
            for key, resource in entries.items():
                # The id of another job is a number that the platform gives.
                text = re.sub(r'"job_id": "\w+"', '"job_id": 1', json.dumps(resource))
                load_model(kind).from_dict(json.loads(text))
                checked += 1
                assert key
    assert checked >= 2


def test_every_target_has_a_job_for_each_chain() -> None:
    for target in ("dev", "staging", "prod"):
        assert set(resolve(target).resources["jobs"]) == {
            *("batch_inference", "cycle", "data_refresh", "deployment", "maintenance", "monitoring", "publishing"),
            *("stream_inference", "training"),
        }


def test_the_schemas_are_those_that_the_catalog_uses() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "conf").rglob("catalog*.yml"))
    used = set(re.findall(r"\$\{globals:schema_prefix\}(\w+)\.", text))
    assert len(used) == 8
    for target in ("dev", "staging", "prod"):
        found = resolve(target)
        prefix = found.variables["schema_prefix"]
        assert {each["name"].removeprefix(prefix) for each in found.resources["schemas"].values()} == used


def test_the_prefix_of_schemas_is_the_one_that_the_jobs_are_given() -> None:
    found = resolve("dev", user="Jane.Doe@example.com")
    assert found.variables["schema_prefix"] == "dev_jane_doe_"
    names = {schema["name"] for schema in found.resources["schemas"].values()}
    assert {"dev_jane_doe_raw", "dev_jane_doe_models"} <= names
    assert found.variables["landing"] == "/Volumes/dev/dev_jane_doe_raw/landing"
    for key in ("data_refresh", "monitoring", "maintenance", "publishing"):
        for task in found.resources["jobs"][key]["tasks"]:
            assert "--schema-prefix=dev_jane_doe_" in task["python_wheel_task"]["parameters"]


def test_two_developers_share_no_name_and_no_folder() -> None:
    jane, joe = (resolve("dev", user=f"{name}@example.com") for name in ("jane", "joe"))
    assert jane.root_path != joe.root_path
    for kind, entries in jane.resources.items():
        for key, resource in entries.items():
            other = joe.resources[kind][key]
            assert (resource["name"], resource.get("schema_name")) != (other["name"], other.get("schema_name")), key


def test_the_catalog_of_a_target_is_a_variable() -> None:
    """Environments are accounts, workspaces, or catalogs of one workspace: the names are all that differs."""
    found = resolve("prod", catalog="bank_live")
    text = json.dumps(found.resources)
    assert "bank_live" in text
    for name in re.findall(r"--catalog=(\w*)", text):
        assert name == "bank_live"
    assert {each["catalog_name"] for each in found.resources["schemas"].values()} == {"bank_live"}
    assert "/Volumes/bank_live/raw/landing" in text
    assert "/Volumes/prod" not in text


def test_a_deployment_with_another_prefix_is_another_deployment() -> None:
    usual, temporary = resolve("staging"), resolve("staging", schema_prefix="it_42_")
    assert usual.root_path != temporary.root_path
    assert temporary.resources["schemas"]["raw_schema"]["name"] == "it_42_raw"


def test_everybody_reads_and_the_service_principal_alone_writes() -> None:
    for target in ("staging", "prod"):
        found = resolve(target)
        for key, schema in found.resources["schemas"].items():
            grants = {each["principal"]: set(each["privileges"]) for each in schema["grants"]}
            if (target, key) == ("prod", "audit_schema"):
                # A decision of theirs is a row of the ledger.
                assert grants.pop("boathouse-approvers") == {"USE_SCHEMA", "SELECT", "MODIFY"}
            assert set(grants) == {"account users", PRINCIPAL}
            assert grants["account users"] == {"USE_SCHEMA", "SELECT", "EXECUTE", "READ_VOLUME"}
            assert {"MODIFY", "CREATE_TABLE", "CREATE_MODEL", "WRITE_VOLUME"} <= grants[PRINCIPAL]
        assert {job["run_as"]["service_principal_name"] for job in found.resources["jobs"].values()} == {PRINCIPAL}
        assert found.root_path.startswith(f"/Workspace/Users/{PRINCIPAL}/")


def test_experiments_have_an_access_list_and_their_files_in_a_volume() -> None:
    found = resolve("prod", catalog="sea").resources["experiments"]["runs"]
    assert found["permissions"] == [{"service_principal_name": PRINCIPAL, "level": "CAN_MANAGE"}]
    assert found["artifact_location"] == "dbfs:/Volumes/sea/models/artifacts"


def test_the_experiment_is_the_one_that_runs_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from boathouse.locations import name_experiment

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    monkeypatch.delenv("BOATHOUSE_EXPERIMENTS", raising=False)
    for target in ("staging", "prod"):
        assert resolve(target).resources["experiments"]["runs"]["name"] == name_experiment(target)


@pytest.mark.parametrize(("target", "states"), [("dev", {"PAUSED"}), ("staging", {"UNPAUSED"}), ("prod", {"UNPAUSED"})])
def test_schedules_run_in_staging_and_prod_alone(target: str, states: set[str]) -> None:
    jobs = resolve(target).resources["jobs"]
    assert {jobs[key]["schedule"]["pause_status"] for key in ("cycle", "maintenance")} == states
    assert jobs["stream_inference"]["continuous"]["pause_status"] == "PAUSED"


def test_staging_runs_each_night_and_a_first_deployment_of_prod_can_be_paused() -> None:
    assert resolve("staging").resources["jobs"]["cycle"]["schedule"]["quartz_cron_expression"] == "0 0 1 * * ?"
    assert resolve("prod").resources["jobs"]["cycle"]["schedule"]["quartz_cron_expression"] == "0 0 3 1 * ?"
    paused = resolve("prod", schedules="PAUSED").resources["jobs"]
    assert paused["cycle"]["schedule"]["pause_status"] == "PAUSED"


def find_left(target: str) -> str:
    tasks = {task["task_key"]: task for task in resolve(target).resources["jobs"]["cycle"]["tasks"]}
    return str(tasks["retrains"]["condition_task"]["left"])


def test_the_cycle_runs_the_jobs_in_their_order_and_publishes_where_there_is_a_store() -> None:
    tasks = {task["task_key"]: task for task in resolve("prod").resources["jobs"]["cycle"]["tasks"]}
    ran = {key: task["run_job_task"]["job_id"] for key, task in tasks.items() if "run_job_task" in task}
    assert ran == {name: name for name in ("data_refresh", "batch_inference", "monitoring", "publishing", "training")}
    assert tasks["monitoring"]["depends_on"] == [{"task_key": "batch_inference"}]
    assert tasks["publishing"]["depends_on"] == [{"task_key": "has_online_store", "outcome": "true"}]
    assert tasks["training"]["depends_on"] == [{"task_key": "retrains", "outcome": "true"}]
    assert (tasks["retrains"]["condition_task"]["left"], find_left("staging")) == ("false", "true")
    assert tasks["has_online_store"]["condition_task"] == {"left": "false", "op": "EQUAL_TO", "right": "true"}


def test_what_prod_cannot_make_again_is_protected() -> None:
    resources = resolve("prod").resources
    for kind in ("schemas", "volumes", "registered_models"):
        assert resources[kind]
        assert {each["lifecycle"]["prevent_destroy"] for each in resources[kind].values()} == {True}
    assert "lifecycle" not in resolve("staging").resources["schemas"]["raw_schema"]


def test_a_first_deployment_needs_no_model_and_no_table() -> None:
    for target in ("dev", "staging", "prod"):
        assert not {"model_serving_endpoints", "quality_monitors", "alerts"} & set(resolve(target).resources)


def test_the_registered_models_are_those_of_the_catalog() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "conf").rglob("catalog*.yml"))
    named = set(re.findall(r"schema_prefix\}models\.(\w+)", text))
    for target in ("staging", "prod"):
        assert {each["name"] for each in resolve(target).resources["registered_models"].values()} == named


def test_the_endpoint_has_the_entities_and_the_model_of_the_configuration() -> None:
    conf = yaml.safe_load((PROJECT / "conf" / "base" / "serving" / "endpoints.yml").read_text(encoding="utf-8"))
    [(name, document)] = conf.items()
    found = resolve("staging", "bundles/serving").resources["model_serving_endpoints"]["endpoint"]
    assert found["name"] == f"{name}_staging"
    entities = {each["name"]: each for each in found["config"]["served_entities"]}
    assert set(entities) == {each["name"] for each in document["config"]["served_entities"]}
    model = document["config"]["served_entities"][0]["entity_name"].rpartition("models.")[2]
    assert {each["entity_name"] for each in entities.values()} == {f"staging.models.{model}"}
    assert {each["entity_version"] for each in entities.values()} == {"3"}
    assert found["ai_gateway"]["inference_table_config"]["schema_name"] == "inference"


def test_the_endpoint_scales_to_zero_outside_prod() -> None:
    def find(target: str) -> list[Any]:
        config = resolve(target, "bundles/serving").resources["model_serving_endpoints"]["endpoint"]["config"]
        return [each["scale_to_zero_enabled"] for each in config["served_entities"]]

    assert (find("staging"), find("prod")) == ([True, True], [False, True])


def test_the_monitored_log_is_the_one_that_the_endpoint_writes() -> None:
    gateway = resolve("prod", "bundles/serving").resources["model_serving_endpoints"]["endpoint"]["ai_gateway"]
    table = gateway["inference_table_config"]
    monitors = resolve("prod", "bundles/monitors").resources["quality_monitors"]
    assert monitors["endpoint_log_monitor"]["table_name"] == (
        f"{table['catalog_name']}.{table['schema_name']}.{table['table_name_prefix']}_payload"
    )


def test_the_deployment_job_has_the_parameters_and_the_approval_task_that_the_platform_looks_for() -> None:
    found = shipped().resources["jobs"]["deployment"]
    assert {"model_name", "model_version"} <= {each["name"] for each in found["parameters"]}
    tasks = [each["task_key"] for each in found["tasks"]]
    assert tasks == ["evaluation", "gates", "passed", "approval", "deployment"]
    before = [[each["task_key"] for each in task.get("depends_on", ())] for task in found["tasks"]]
    assert before == [[], *([key] for key in tasks[:-1])]
    # Retried, an approval that is missing would only fail more slowly.
    assert found["tasks"][3]["max_retries"] == 0


def test_the_parameters_of_the_jobs_are_those_of_the_pipelines() -> None:
    from kedro.framework.cli.utils import _split_params

    from boathouse.inference.options import BatchOptions, StreamOptions

    jobs = shipped().resources["jobs"]
    given = {}
    for name in ("batch_inference", "stream_inference"):
        text = jobs[name]["tasks"][0]["python_wheel_task"]["parameters"][-1].removeprefix("--params=")
        for parameter in jobs[name].get("parameters", ()):
            text = text.replace("{{job.parameters." + parameter["name"] + "}}", parameter["default"])
        assert "{{" not in text
        given |= _split_params(None, None, text)
    assert given["as_of"] is None
    batch = {"cohorts": 1, "reason_count": 3, "driver_rows": 0} | given["batch_inference"]["scoring"]
    assert not BatchOptions(**batch).is_backfill
    assert set(given["stream_inference"]["stream"]) <= set(StreamOptions.__dataclass_fields__)


def test_the_jobs_that_must_score_fail_without_a_champion() -> None:
    strict = {
        name
        for name, job in shipped().resources["jobs"].items()
        for task in job["tasks"]
        if "--strict" in task.get("python_wheel_task", {}).get("parameters", ())
    }
    assert strict == {"batch_inference", "stream_inference"}
