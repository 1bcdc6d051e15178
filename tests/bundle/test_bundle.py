"""The bundle is deployable as far as that can be known here, and the lint that says so bites."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from tests.bundle.bundle_lint import find_problems, load_bundle, resolve_target

if TYPE_CHECKING:
    from collections.abc import Callable

Bundle = dict[str, Any]


def job(bundle: Bundle) -> Bundle:
    found: Bundle = bundle["resources"]["jobs"]["training"]
    return found


def task(bundle: Bundle) -> Bundle:
    found: Bundle = job(bundle)["tasks"][1]
    return found


def wheel(bundle: Bundle) -> Bundle:
    found: Bundle = task(bundle)["python_wheel_task"]
    return found


def set_parameter(bundle: Bundle, place: int, value: str) -> None:
    wheel(bundle)["parameters"][place] = value


def set_step(bundle: Bundle, place: int, value: str) -> None:
    """Change the words of the deployment job's last task."""
    bundle["resources"]["jobs"]["deployment"]["tasks"][-1]["python_wheel_task"]["parameters"][place] = value


MUTATIONS: dict[str, Callable[[Bundle], object]] = {
    "unknown key": lambda bundle: bundle.update(jobs={}),
    "default targets": lambda bundle: bundle["targets"]["prod"].update(default=True),
    "run_as at target level": lambda bundle: bundle["targets"]["prod"].update(run_as={"user_name": "somebody"}),
    "no root_path": lambda bundle: bundle["targets"]["prod"].pop("workspace"),
    "no conf/qa": lambda bundle: bundle["targets"].update(qa={}),
    "no run_as": lambda bundle: bundle["targets"]["prod"].pop("resources"),
    "undefined variable": lambda bundle: bundle["variables"].pop("landing"),
    "undefined resource": lambda bundle: job(bundle).update(description="${resources.models.none.id}"),
    "Unexpected field": lambda bundle: job(bundle).update(max_concurent_runs=1),
    "more than one of": lambda bundle: job(bundle).update(trigger={"periodic": {"interval": 1, "unit": "DAYS"}}),
    "cron": lambda bundle: job(bundle)["schedule"].update(quartz_cron_expression="0 5 * * *"),
    "depends on unknown": lambda bundle: task(bundle)["depends_on"][0].update(task_key="trainig"),
    "unknown environment_key": lambda bundle: task(bundle).update(environment_key="other"),
    "parameters and named_parameters": lambda bundle: task(bundle)["python_wheel_task"].update(
        named_parameters={"a": "b"}
    ),
    "package_name": lambda bundle: wheel(bundle).update(package_name="boat-house"),
    "entry_point": lambda bundle: wheel(bundle).update(entry_point="main"),
    "unknown command": lambda bundle: set_parameter(bundle, 0, "train"),
    "unknown command models": lambda bundle: set_step(bundle, 1, "approval"),
    "missing option --comment": lambda bundle: set_step(bundle, 4, "--to=production"),
    "unknown pipeline": lambda bundle: set_parameter(bundle, 1, "--pipeline=evaluate"),
    "environment is not": lambda bundle: set_parameter(bundle, 2, "--env=prod"),
    "unknown option": lambda bundle: set_parameter(bundle, 3, "--conf_source=conf"),
    "wheel is not built": lambda bundle: job(bundle)["environments"][0]["spec"].update(dependencies=["./dist/*.whl"]),
}


def test_the_bundle_has_no_problems() -> None:
    assert find_problems(load_bundle()) == []


def test_every_target_has_a_job_for_each_chain() -> None:
    bundle = load_bundle()
    for target in ("dev", "staging", "prod"):
        assert set(resolve_target(bundle, target)["jobs"]) == {
            "data_refresh",
            "training",
            "batch_inference",
            "deployment",
            "stream_inference",
            "monitoring",
        }


def test_the_deployment_job_has_the_parameters_and_the_approval_task_that_the_platform_looks_for() -> None:
    found = load_bundle()["resources"]["jobs"]["deployment"]
    assert {"model_name", "model_version"} <= {each["name"] for each in found["parameters"]}
    tasks = [each["task_key"] for each in found["tasks"]]
    assert tasks == ["evaluation", "gates", "approval", "deployment"]
    assert [each.get("depends_on") for each in found["tasks"]] == [None, *([{"task_key": key}] for key in tasks[:-1])]
    # Retried, an approval that is missing would only fail more slowly.
    assert found["tasks"][2]["max_retries"] == 0


def test_the_parameters_of_the_jobs_are_those_of_the_pipelines() -> None:
    from kedro.framework.cli.utils import _split_params

    from boathouse.inference.options import BatchOptions, StreamOptions

    jobs = load_bundle()["resources"]["jobs"]
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
    jobs = load_bundle()["resources"]["jobs"]
    strict = {
        name
        for name, job in jobs.items()
        for task in job["tasks"]
        if "--strict" in task["python_wheel_task"]["parameters"]
    }
    assert strict == {"batch_inference", "stream_inference"}


@pytest.mark.parametrize("problem", MUTATIONS)
def test_each_mistake_is_found(problem: str) -> None:
    bundle = copy.deepcopy(load_bundle())
    MUTATIONS[problem](bundle)
    assert any(problem in found for found in find_problems(bundle))
