"""Each rule of the check finds the mistake that it is there for, planted in the shipped bundles."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.bundle.checks import find_problems
from boathouse.bundle.commands import CommandLine
from boathouse.bundle.documents import read_bundle
from boathouse.cli.main import cli
from boathouse.errors import BundleError
from boathouse.pipeline_registry import FLOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from boathouse.bundle.documents import Bundle
    from boathouse.bundle.problems import Problem

PROJECT = Path(__file__).resolve().parents[2]
SOME_ID = "5f0c1a2b-3d4e-4f60-8a7b-9c0d1e2f3a4b"
COMMANDS = CommandLine(cli, tuple(FLOW))
Document = dict[str, Any]


@cache
def shipped(folder: str) -> Bundle:
    return read_bundle(PROJECT / folder)


def find(folder: str, change: Callable[[Document], object], **given: Any) -> list[Problem]:
    bundle = shipped(folder)
    document = copy.deepcopy(bundle.document)
    change(document)
    return find_problems(replace(bundle, document=document), commands=COMMANDS, **given)


def job(bundle: Document, key: str = "data_refresh") -> Document:
    found: Document = bundle["resources"]["jobs"][key]
    return found


def task(bundle: Document) -> Document:
    found: Document = job(bundle)["tasks"][1]
    return found


def wheel(bundle: Document) -> Document:
    found: Document = task(bundle)["python_wheel_task"]
    return found


def word(bundle: Document, old: str, new: str | None) -> None:
    """Change a word of the task's command, or take it out."""
    words = wheel(bundle)["parameters"]
    place = next(place for place, each in enumerate(words) if each.startswith(old))
    words[place : place + 1] = [] if new is None else [new]


def set_step(bundle: Document, words: list[str]) -> None:
    """Change the first words of the deployment job's last task."""
    parameters = job(bundle, "deployment")["tasks"][-1]["python_wheel_task"]["parameters"]
    parameters[: len(words)] = words


def own(bundle: Document, target: str, kind: str, key: str) -> Document:
    found: Document = bundle["targets"][target]["resources"][kind][key]
    return found


def spec(bundle: Document) -> Document:
    found: Document = job(bundle)["environments"][0]["spec"]
    return found


def schema(bundle: Document) -> Document:
    found: Document = bundle["resources"]["schemas"]["clean_schema"]
    return found


def grant(bundle: Document, place: int, **change: object) -> None:
    schema(bundle)["grants"] = [
        {**each, **change} if number == place else each for number, each in enumerate(schema(bundle)["grants"])
    ]


# What is found: what is planted for it.
MUTATIONS: dict[str, Callable[[Document], object]] = {
    # Top level and targets.
    "unknown key jobs": lambda bundle: bundle.update(jobs={}),
    "unknown key root": lambda bundle: bundle["targets"]["prod"]["workspace"].update(root="x"),
    "unknown key resource": lambda bundle: bundle["targets"]["dev"].update(resource={}),
    "unknown key standard": lambda bundle: bundle["variables"]["catalog"].update(standard="x"),
    "unknown key excludes": lambda bundle: bundle["sync"].update(excludes=[]),
    "default targets: dev, prod": lambda bundle: bundle["targets"]["prod"].update(default=True),
    "default targets: none": lambda bundle: bundle["targets"]["dev"].pop("default"),
    "mode is missing": lambda bundle: bundle["targets"]["staging"].pop("mode"),
    "run_as at target level": lambda bundle: bundle["targets"]["prod"].update(run_as={"user_name": "somebody"}),
    "run_as at the top": lambda bundle: bundle.update(run_as={"user_name": "somebody"}),
    "no root_path": lambda bundle: bundle["targets"]["prod"].pop("workspace"),
    "can be written by all users": lambda bundle: bundle["targets"]["prod"]["workspace"].update(
        root_path="/Workspace/Shared/.bundle"
    ),
    "is the same for all developers": lambda bundle: bundle["targets"]["dev"].update(
        workspace={"root_path": "/Workspace/bundle"}
    ),
    "UNPAUSED in mode development": lambda bundle: bundle["targets"]["dev"].update(
        presets={"trigger_pause_status": "UNPAUSED"}
    ),
    "name_prefix 'dev_'": lambda bundle: bundle["targets"]["dev"].update(presets={"name_prefix": "dev_"}),
    "no conf/qa": lambda bundle: bundle["targets"].update(
        qa={"mode": "development", "variables": {"service_principal": "jane"}}
    ),
    # References.
    "undefined variable": lambda bundle: bundle["variables"].pop("landing"),
    "${var.landign}": lambda bundle: job(bundle).update(description="${var.landign}"),
    "is no resource (models.none)": lambda bundle: job(bundle).update(description="${resources.models.none.id}"),
    "undefined value of workspace": lambda bundle: job(bundle).update(description="${workspace.user}"),
    "unknown reference": lambda bundle: job(bundle).update(description="${env.HOME}"),
    "refers to itself": lambda bundle: bundle["variables"]["catalog"].update(default="${var.catalog}"),
    "used twice: jobs, volumes": lambda bundle: bundle["resources"]["volumes"].update(
        cycle=bundle["resources"]["volumes"]["landing"]
    ),
    "used twice: jobs, scripts": lambda bundle: bundle.update(scripts={"cycle": {"content": "true"}}),
    # Typed models.
    "Unexpected field": lambda bundle: job(bundle).update(max_concurent_runs=1),
    "missing 1 required": lambda bundle: task(bundle)["python_wheel_task"].pop("entry_point"),
    "'SOMETIMES' is not a valid": lambda bundle: task(bundle).update(run_if="SOMETIMES"),
    "invalid literal for int() with base 10": lambda bundle: job(bundle).update(max_concurrent_runs="one"),
    "is no kind of resource": lambda bundle: bundle["resources"].update(job={"a": {}}),
    # When jobs start.
    "more than one of": lambda bundle: job(bundle, "cycle").update(
        trigger={"periodic": {"interval": 1, "unit": "DAYS"}}
    ),
    "cron '0 5 * * *'": lambda bundle: bundle["variables"]["cycle"].update(default="0 5 * * *"),
    "unknown time zone": lambda bundle: job(bundle, "cycle")["schedule"].update(timezone_id="Mars/Olympus"),
    "UNPAUSED in mode dev": lambda bundle: bundle["variables"]["schedules"].update(default="UNPAUSED"),
    # The graph of tasks.
    "depends on unknown task": lambda bundle: task(bundle)["depends_on"][0].update(task_key="data_perp"),
    "tasks wait for each other": lambda bundle: job(bundle)["tasks"][0].update(
        depends_on=[{"task_key": "feature_engineering"}]
    ),
    "jobs run each other": lambda bundle: job(bundle, "cycle")["tasks"][0]["run_job_task"].update(
        job_id="${resources.jobs.cycle.id}"
    ),
    "task_key 'data_prep' is used twice": lambda bundle: task(bundle).update(task_key="data_prep"),
    "a task that is nothing": lambda bundle: task(bundle).pop("python_wheel_task"),
    "a task that is python_wheel_task and run_job_task": lambda bundle: task(bundle).update(run_job_task={"job_id": 1}),
    "asks for the outcome": lambda bundle: task(bundle)["depends_on"][0].update(outcome="true"),
    "no task": lambda bundle: job(bundle).update(tasks=[]),
    "is no parameter of the job": lambda bundle: word(bundle, "--params", "--params=as_of={{job.parameters.asof}}"),
    "is no task before this one": lambda bundle: word(bundle, "--params", "--params=as_of={{tasks.later.values.day}}"),
    # Environments of tasks.
    "unknown environment_key": lambda bundle: task(bundle).update(environment_key="other"),
    "unknown job_cluster_key": lambda bundle: task(bundle).update(job_cluster_key="other"),
    "unknown environment_version": lambda bundle: spec(bundle).update(environment_version="1"),
    "client is deprecated": lambda bundle: spec(bundle).update(client="1"),
    "wheel is not built into": lambda bundle: spec(bundle).update(dependencies=["./dist/*.whl"]),
    "wheel is not built into ../dist": lambda bundle: bundle.pop("artifacts"),
    # What happens when a task fails.
    "no person hears of a failure": lambda bundle: job(bundle).pop("email_notifications"),
    "no person hears of a run that takes too long": lambda bundle: job(bundle).pop("health"),
    "is skipped": lambda bundle: job(bundle).pop("queue"),
    "may run for ever": lambda bundle: task(bundle).pop("timeout_seconds"),
    "how often it is tried": lambda bundle: task(bundle).pop("max_retries"),
    # Commands.
    "parameters and named_parameters": lambda bundle: wheel(bundle).update(named_parameters={"a": "b"}),
    "package_name": lambda bundle: wheel(bundle).update(package_name="boat-house"),
    "entry_point main": lambda bundle: wheel(bundle).update(entry_point="main"),
    "unknown command train": lambda bundle: word(bundle, "run", "train"),
    "unknown command models approval": lambda bundle: set_step(bundle, ["models", "approval"]),
    "unknown command nothing": lambda bundle: wheel(bundle).update(parameters=[]),
    "missing option --comment": lambda bundle: job(bundle, "deployment")["tasks"][-1]["python_wheel_task"].update(
        parameters=["models", "promote", "1", "--env=${bundle.target}"]
    ),
    "argument(s)": lambda bundle: wheel(bundle)["parameters"].insert(1, "now"),
    "has no value": lambda bundle: word(bundle, "--pipeline", "--pipeline"),
    "unknown pipeline features": lambda bundle: word(bundle, "--pipeline", "--pipeline=features"),
    "environment is not": lambda bundle: word(bundle, "--env", "--env=prod"),
    "environment is not the target's: none": lambda bundle: word(bundle, "--env", None),
    "unknown option --conf_source": lambda bundle: word(bundle, "--conf", "--conf_source=conf"),
    "--job-run-id is not given": lambda bundle: word(bundle, "--job-run-id", None),
    "--job-run-id is {{run.id}}": lambda bundle: word(bundle, "--job-run-id", "--job-run-id={{run.id}}"),
    "--conf-source is conf": lambda bundle: word(bundle, "--conf", "--conf-source=conf"),
    "--data-dir is not given": lambda bundle: word(bundle, "--data-dir", None),
    "--data-dir is data": lambda bundle: word(bundle, "--data-dir", "--data-dir=data"),
    "conf is not synced": lambda bundle: bundle["sync"].update(include=["dist/*.tar.gz"]),
    # Rights.
    "permission level CAN_EDIT": lambda bundle: bundle["targets"]["prod"].update(
        permissions=[{"group_name": "users", "level": "CAN_EDIT"}]
    ),
    "permission level CAN_QUERY": lambda bundle: job(bundle).update(
        permissions=[{"group_name": "readers", "level": "CAN_QUERY"}]
    ),
    "2 principals": lambda bundle: job(bundle).update(
        permissions=[{"group_name": "a", "user_name": "b", "level": "CAN_VIEW"}]
    ),
    "users has permissions twice: here and": lambda bundle: job(bundle).update(
        permissions=[{"group_name": "users", "level": "CAN_VIEW"}]
    ),
    "a has permissions twice": lambda bundle: job(bundle).update(
        permissions=[{"group_name": "a", "level": "CAN_VIEW"}, {"group_name": "a", "level": "CAN_MANAGE"}]
    ),
    "boathouse-approvers may write: MODIFY": lambda bundle: schema(bundle)["grants"].append(
        {"principal": "${var.approvers}", "privileges": ["USE_SCHEMA", "MODIFY"]}
    ),
    "boathouse-approvers may write: CREATE_TABLE": lambda bundle: own(bundle, "prod", "schemas", "audit_schema")[
        "grants"
    ][0]["privileges"].append("CREATE_TABLE"),
    "account users may write: MODIFY": lambda bundle: grant(bundle, 0, privileges=["SELECT", "MODIFY"]),
    "privilege CREATE_CATALOG does not exist": lambda bundle: grant(bundle, 1, privileges=["CREATE_CATALOG"]),
    "has grants twice": lambda bundle: schema(bundle)["grants"].append(schema(bundle)["grants"][0]),
    "no run_as": lambda bundle: own(bundle, "prod", "jobs", "cycle").pop("run_as"),
    "service principal 'jobs'": lambda bundle: bundle["variables"]["service_principal"].update(default="jobs"),
    "could destroy it": lambda bundle: bundle["targets"]["prod"]["resources"]["schemas"].pop("audit_schema"),
    "in lifecycle": lambda bundle: schema(bundle).update(lifecycle={"prevent_destroy": "${var.stream}"}),
    # Values.
    "service_principal is empty unless": lambda bundle: bundle["variables"]["service_principal"].update(default=""),
    "catalog_name is empty": lambda bundle: bundle["variables"]["catalog"].update(default=""),
    "'main' is the same in all targets": lambda bundle: schema(bundle).update(catalog_name="main"),
    "schema_name '${var.schema_prefix}raw'": lambda bundle: bundle["resources"]["volumes"]["landing"].update(
        schema_name="${var.schema_prefix}raw"
    ),
    "names a catalog by the target": lambda bundle: job(bundle)["parameters"][0].update(
        default="${bundle.target}.clean.x"
    ),
    "there is no file ../app": lambda bundle: bundle["resources"].update(
        apps={"desk": {"name": "desk", "source_code_path": "../app"}}
    ),
    "password is written as a value": lambda bundle: job(bundle).update(
        environment_variables=[
            {"environment_variables_key": "a", "spec": {"variables": {"STORE_PASSWORD": "x", "password": "x"}}}
        ]
    ),
}

SERVING: dict[str, Callable[[Document], object]] = {
    "traffic of 100 + 10": lambda bundle: bundle["variables"]["challenger_percent"].update(default=10),
    "route to unknown entity shadow": lambda bundle: config(bundle)["traffic_config"]["routes"][1].update(
        served_entity_name="shadow"
    ),
    "served entity 'champion' is there twice": lambda bundle: config(bundle)["served_entities"][1].update(
        name="champion"
    ),
    "never ends outside prod": lambda bundle: bundle["variables"]["scale_to_zero"].update(default=False),
    "version 3 for all targets": lambda bundle: config(bundle)["served_entities"][0].update(entity_version="3"),
    "size Tiny": lambda bundle: config(bundle)["served_entities"][0].update(workload_size="Tiny"),
    "workload_size with": lambda bundle: config(bundle)["served_entities"][0].update(max_provisioned_concurrency=4),
    "auto_capture_config is deprecated": lambda bundle: config(bundle).update(auto_capture_config={}),
    "run_as at target level": lambda bundle: bundle["targets"]["prod"].update(run_as={"user_name": "somebody"}),
    "permission level CAN_USE": lambda bundle: own(bundle, "prod", "model_serving_endpoints", "endpoint").update(
        permissions=[{"group_name": "users", "level": "CAN_USE"}]
    ),
    "entity_version is empty": lambda bundle: bundle["variables"]["champion_version"].update(default=""),
    "catalog_name 'prod' is the same": lambda bundle: bundle["resources"]["model_serving_endpoints"]["endpoint"][
        "ai_gateway"
    ]["inference_table_config"].update(catalog_name="prod"),
}

MONITORS: dict[str, Callable[[Document], object]] = {
    "cron": lambda bundle: resource(bundle, "alerts", "alarms")["schedule"].update(quartz_cron_schedule="0 0 10 * *"),
    "cron '0 0 9 * * *'": lambda bundle: resource(bundle, "quality_monitors", "predictions_monitor")["schedule"].update(
        quartz_cron_expression="0 0 9 * * *"
    ),
    "watched as inference_log and snapshot": lambda bundle: resource(
        bundle, "quality_monitors", "predictions_monitor"
    ).update(snapshot={}),
    "granularity '1 fortnight'": lambda bundle: resource(bundle, "quality_monitors", "endpoint_log_monitor")[
        "time_series"
    ].update(granularities=["1 fortnight"]),
    "a name of 2 parts": lambda bundle: resource(bundle, "quality_monitors", "predictions_monitor").update(
        output_schema_name="${var.schema_prefix}monitoring"
    ),
    "there is no file": lambda bundle: resource(bundle, "dashboards", "monitoring_dashboard").update(
        file_path="./monitoring.lvdash.json"
    ),
    "with the rights of the person who deployed": lambda bundle: resource(
        bundle, "dashboards", "monitoring_dashboard"
    ).update(embed_credentials=True),
    "is no dashboard": lambda bundle: resource(bundle, "dashboards", "monitoring_dashboard").update(
        file_path="../databricks.yml"
    ),
    "warehouse_id is empty": lambda bundle: bundle["variables"]["warehouse_id"].update(default=""),
    "not paused in mode development": lambda bundle: resource(bundle, "alerts", "alarms")["schedule"].pop(
        "pause_status"
    ),
    "permission level CAN_QUERY": lambda bundle: resource(bundle, "dashboards", "monitoring_dashboard").update(
        permissions=[{"group_name": "readers", "level": "CAN_QUERY"}]
    ),
}


def config(bundle: Document) -> Document:
    found: Document = bundle["resources"]["model_serving_endpoints"]["endpoint"]["config"]
    return found


def resource(bundle: Document, kind: str, key: str) -> Document:
    found: Document = bundle["resources"][kind][key]
    return found


CASES = [
    (folder, problem, change)
    for folder, cases in ((".", MUTATIONS), ("bundles/serving", SERVING), ("bundles/monitors", MONITORS))
    for problem, change in cases.items()
]


@pytest.mark.parametrize(("folder", "problem", "change"), CASES, ids=[f"{folder}: {name}" for folder, name, _ in CASES])
def test_each_mistake_is_found(folder: str, problem: str, change: Callable[[Document], object]) -> None:
    found = list(map(str, find(folder, change)))
    assert any(problem in each for each in found), found


def test_a_problem_names_file_key_path_targets_and_what_to_do() -> None:
    [found] = find(".", lambda bundle: task(bundle).update(environment_key="other"))
    assert str(found) == (
        "resources/data_refresh.job.yml: resources.jobs.data_refresh.tasks[1].environment_key: unknown environment_key "
        "other; expected one of the job's: boathouse. Correct it, or define it."
    )
    [found] = find(".", lambda bundle: bundle["targets"]["prod"]["resources"]["schemas"].pop("audit_schema"))
    assert (found.file, found.targets) == ("resources/schemas.yml", ("prod",))
    assert "resources.schemas.audit_schema.lifecycle (target prod)" in str(found)


def test_a_resource_of_one_target_is_found_in_its_file() -> None:
    [found] = find(".", lambda bundle: own(bundle, "prod", "registered_models", "model").update(label="x"))
    assert (found.file, found.targets) == ("resources/registered_models.yml", ("prod",))


def test_values_given_are_checked_as_they_would_be_deployed() -> None:
    given = {"variables": {"service_principal": "boathouse-jobs"}, "targets": ["prod"]}
    assert any("service principal 'boathouse-jobs'" in str(each) for each in find(".", lambda bundle: bundle, **given))
    given = {"variables": {"service_principal": SOME_ID, "approvers": "users"}, "targets": ["prod"]}
    assert any("users may write: MODIFY" in str(each) for each in find(".", lambda bundle: bundle, **given))
    given = {"variables": {"service_principal": ""}, "targets": ["prod"]}
    assert any("service_principal_name is empty" in str(each) for each in find(".", lambda bundle: bundle, **given))


@pytest.mark.parametrize(
    ("folder", "change"),
    [
        (".", lambda bundle: job(bundle).update(tasks="run")),
        (".", lambda bundle: job(bundle).update(environments=["boathouse"])),
        (".", lambda bundle: schema(bundle).update(grants=["account users"])),
        (".", lambda bundle: job(bundle).update(queue=True)),
        ("bundles/serving", lambda bundle: config(bundle).update(traffic_config=[])),
        ("bundles/monitors", lambda bundle: resource(bundle, "alerts", "alarms").update(schedule="daily")),
    ],
)
def test_another_shape_than_the_rules_look_for_is_a_problem_and_no_failure(
    folder: str, change: Callable[[Document], object]
) -> None:
    assert any("expected the fields and values of the platform" in str(each) for each in find(folder, change))


def test_the_extra_that_has_the_typed_models_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from boathouse.bundle import models

    monkeypatch.setitem(sys.modules, "databricks.bundles", None)
    monkeypatch.setitem(sys.modules, "databricks.bundles.core", None)
    models.list_kinds.cache_clear()
    with pytest.raises(BundleError, match="pip install 'boathouse\\[dev\\]'"):
        find(".", lambda bundle: bundle)
