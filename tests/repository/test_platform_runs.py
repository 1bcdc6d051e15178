"""Integration runs and smoke tests go through the deployed jobs' wheel, drop what they made, and say what failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from boathouse.pipeline_registry import WHOLE
from scripts import integration, smoke_test
from scripts.integration import check_prefix, clean, find_strays_here, run_here, run_there
from scripts.platform_runs import Command, Outcome, PlatformError, find_accepted
from tests.fixtures.http_service import Asked, Service, serve

pytestmark = pytest.mark.platform
SHARED = ["--catalog=acme_staging", "--conf-source=/Workspace/b/conf", "--data-dir=/Volumes/acme_staging/raw/landing"]
OWN = "it_42_1_"


def make_job(number: int, environment: str) -> dict[str, Any]:
    words = ["run", "--pipeline=training", f"--env={environment}", *SHARED, "--params=as_of={{job.parameters.as_of}}"]
    task = {
        "task_key": "training",
        "environment_key": "default",
        "python_wheel_task": {"package_name": "boathouse", "entry_point": "boathouse", "parameters": words},
    }
    wheel = {"environment_version": "4", "dependencies": [f"/Workspace/{environment}/boathouse-1.2.0-py3-none-any.whl"]}
    environments = [{"environment_key": "default", "spec": wheel}]
    return {"job_id": number, "settings": {"tasks": [task], "environments": environments}}


@dataclass
class Platform:
    """A workspace as far as these commands ask it.

    Attributes:
        failing: Keys of the tasks that fail.
        jobs: The deployed jobs.
        honours: Whether the wheel puts tables where it is told to.
        schemas: Names of the schemas of the catalog, with the time of each in milliseconds.
        endpoints: Serving endpoints.
        submitted: What was run.
        volumes: Names of the volumes that were made.
    """

    failing: tuple[str, ...] = ()
    jobs: list[dict[str, Any]] = field(default_factory=lambda: [make_job(1, "dev"), make_job(2, "staging")])
    honours: bool = True
    schemas: dict[str, int] = field(default_factory=lambda: {"clean": 1, "it_9_": 1})
    endpoints: list[dict[str, Any]] = field(default_factory=list)
    submitted: dict[str, Any] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)

    def rules(self) -> dict[str, Any]:
        return {
            "GET /.well-known/.*": lambda _: {},
            "GET /api/2.2/jobs/list": lambda _: {"jobs": self.jobs},
            "GET /api/2.2/jobs/get": lambda asked: self.jobs[int(asked.query["job_id"]) - 1],
            "POST /api/2.2/jobs/runs/submit": self.submit,
            "GET /api/2.2/jobs/runs/get": lambda _: self.describe(),
            "POST /api/2.1/unity-catalog/schemas": self.create,
            "GET /api/2.1/unity-catalog/schemas": self.list_schemas,
            "DELETE /api/2.1/unity-catalog/schemas/.*": self.drop,
            "GET /api/2.1/unity-catalog/tables": self.list_tables,
            "GET /api/2.1/unity-catalog/volumes": self.list_volumes,
            "POST /api/2.1/unity-catalog/volumes": self.create_volume,
            "GET /api/2.0/serving-endpoints": lambda _: {"endpoints": self.endpoints},
        }

    def submit(self, asked: Asked) -> dict[str, int]:
        self.submitted = asked.body
        return {"run_id": 7}

    def describe(self) -> dict[str, Any]:
        tasks, failed = [], False
        for each in self.submitted["tasks"]:
            result = "UPSTREAM_FAILED" if failed else "FAILED" if each["task_key"] in self.failing else "SUCCESS"
            failed = failed or result == "FAILED"
            state = {"life_cycle_state": "TERMINATED", "result_state": result}
            page = f"https://host/run/{each['task_key']}"
            key = each["task_key"]
            tasks.append({"task_key": key, "state": state, "start_time": 1000, "end_time": 5000, "run_page_url": page})
        # A run with a task that failed ends like this, at which the client raises.
        life = "INTERNAL_ERROR" if failed else "TERMINATED"
        return {"run_id": 7, "state": {"life_cycle_state": life, "state_message": ""}, "tasks": tasks}

    def create(self, asked: Asked) -> dict[str, Any]:
        assert asked.body["catalog_name"] == "acme_staging"
        self.schemas[asked.body["name"]] = int(time.time() * 1000)
        return {"name": asked.body["name"]}

    def list_schemas(self, asked: Asked) -> dict[str, Any]:
        assert asked.query["catalog_name"] == "acme_staging"
        return {"schemas": [{"name": name, "created_at": at} for name, at in self.schemas.items()]}

    def list_volumes(self, asked: Asked) -> dict[str, Any]:
        return {"volumes": [{"name": "artifacts"}] if asked.query["schema_name"] == "models" else []}

    def create_volume(self, asked: Asked) -> dict[str, Any]:
        self.volumes.append(f"{asked.body['schema_name']}.{asked.body['name']}")
        return {"name": asked.body["name"]}

    def drop(self, asked: Asked) -> dict[str, Any]:
        assert asked.query["force"] == "true"
        del self.schemas[asked.path.rpartition("/")[2].removeprefix("acme_staging.")]
        return {}

    def list_tables(self, asked: Asked) -> dict[str, Any]:
        name = f"{asked.query['catalog_name']}.{asked.query['schema_name']}.one"
        return {"tables": [{"full_name": name, "name": "one"}] if self.honours else []}


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Platform]:
    found = Platform()
    with serve(found.rules()) as service:
        use(monkeypatch, service, tmp_path)
        yield found


def use(monkeypatch: pytest.MonkeyPatch, service: Service, folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_HOST", service.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(folder / "none"))


def states(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.key: each.state for each in outcomes}


def test_all_pipelines_run_in_their_order_in_schemas_of_their_own_that_are_dropped(platform: Platform) -> None:
    before = dict(platform.schemas)
    outcomes, kept = run_there("staging", OWN)
    assert set(states(outcomes).values()) == {"passed"}
    assert kept == ""
    assert platform.schemas == before
    assert platform.volumes == [f"{OWN}models.artifacts"]
    tasks = platform.submitted["tasks"]
    assert [each["task_key"] for each in tasks] == list(WHOLE)
    assert [[on["task_key"] for on in each.get("depends_on", ())] for each in tasks] == [
        [],
        *([name] for name in WHOLE[:-1]),
    ]
    for each in tasks:
        words = each["python_wheel_task"]["parameters"]
        assert words[:3] == ["run", f"--pipeline={each['task_key']}", f"--schema-prefix={OWN}"]
        assert {"--env=staging", *SHARED[1:]} <= set(words)
        assert not any(word.startswith("--params") for word in words)
    (environment,) = platform.submitted["environments"]
    assert environment["spec"]["dependencies"] == ["/Workspace/staging/boathouse-1.2.0-py3-none-any.whl"]


def test_the_schemas_of_a_run_that_failed_stay_and_are_named(platform: Platform) -> None:
    platform.failing = ("training",)
    outcomes, kept = run_there("staging", OWN)
    found = states(outcomes)
    assert (found["feature_engineering"], found["training"], found["monitoring"]) == ("passed", "failed", "not run")
    assert kept == f"acme_staging.{OWN}*"
    assert f"{OWN}clean" in platform.schemas
    text = integration.render("staging", outcomes, kept)
    assert "## Integration on staging: failed" in text
    assert "| training | failed | 4 | [page](https://host/run/training) |" in text
    assert f"readable from dev: `acme_staging.{OWN}*`" in text


def test_a_run_that_wrote_elsewhere_has_failed(platform: Platform) -> None:
    platform.honours = False
    outcomes, kept = run_there("staging", OWN)
    assert states(outcomes)["tables are in the run's schemas"] == "failed"
    assert kept


def test_an_environment_where_nothing_is_deployed_is_named(platform: Platform) -> None:
    with pytest.raises(PlatformError, match="No job here trains in 'prod'.*make deploy TARGET=prod"):
        run_there("prod", OWN)
    assert platform.submitted == {}


def test_a_deployment_with_a_prefix_of_its_own_is_not_taken(platform: Platform) -> None:
    own = make_job(3, "prod")
    own["settings"]["tasks"][0]["python_wheel_task"]["parameters"].append("--schema-prefix=dev_maria_")
    platform.jobs.append(own)
    with pytest.raises(PlatformError, match="No job here trains in 'prod'"):
        run_there("prod", OWN)
    own["settings"]["tasks"][0]["python_wheel_task"]["parameters"][-1] = "--schema-prefix="
    assert states(run_there("prod", OWN)[0])["training"] == "passed"


def test_cleaning_drops_old_schemas_of_integration_runs_alone(platform: Platform) -> None:
    now = int(time.time() * 1000)
    platform.schemas = {"clean": 1, "it_9_clean": 1, "item_clean": 1, "it_10_clean": now}
    assert clean("staging", timedelta(days=3), here=False) == "Dropped: it_9_clean"
    assert set(platform.schemas) == {"clean", "item_clean", "it_10_clean"}


@pytest.mark.parametrize("prefix", ["", "it_", "clean", "it", "IT_1_", "it_1", "it_1_; DROP", "it_*_", "dev_maria_"])
def test_a_prefix_that_might_be_somebodys_is_refused(prefix: str) -> None:
    with pytest.raises(PlatformError, match="Expected a schema prefix such as it_42_"):
        check_prefix(prefix)


def test_a_command_gets_the_options_that_it_has() -> None:
    shared = ["--env=staging", "--conf-source=c", "--data-dir=d", "--unheard-of=x"]
    assert find_accepted(("doctor",), shared) == shared[:3]
    assert find_accepted(("models", "list"), shared) == shared[:2]
    with pytest.raises(PlatformError, match="has no command 'dockter'"):
        find_accepted(("dockter",), shared)


READY = {"ready": "READY", "config_update": "NOT_UPDATING"}


def endpoint(name: str, state: dict[str, str], model: str = "acme_staging.models.one") -> dict[str, Any]:
    return {"name": name, "state": state, "config": {"served_entities": [{"entity_name": model}]}}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (READY, "passed"),
        ({**READY, "ready": "NOT_READY"}, "failed"),
        ({**READY, "config_update": "UPDATE_FAILED"}, "failed"),
        ({**READY, "config_update": "IN_PROGRESS"}, "passed"),
        ({}, "failed"),
    ],
)
def test_the_smoke_test_starts_the_wheel_scores_a_cohort_and_asks_endpoints(
    platform: Platform, state: dict[str, str], expected: str
) -> None:
    from databricks.sdk import WorkspaceClient

    platform.endpoints = [endpoint("late", state), endpoint("other", {}, "acme.models.other")]
    found = states(smoke_test.check(WorkspaceClient(), "staging"))
    assert found == {"doctor": "passed", "one_cohort": "passed", "endpoint late": expected}
    doctor, cohort = (each["python_wheel_task"]["parameters"] for each in platform.submitted["tasks"])
    assert doctor[0] == "doctor"
    assert "--params=batch_inference.scoring.cohorts=1" in cohort


def test_a_smoke_test_that_fails_says_where(platform: Platform, tmp_path: Path) -> None:
    platform.failing = ("doctor",)
    report = tmp_path / "smoke.md"
    command = [sys.executable, "scripts/smoke_test.py", "--target", "staging", "--report", str(report)]
    done = subprocess.run(command, cwd=integration.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert report.read_text(encoding="utf-8").startswith("## Smoke test of staging: failed")
    assert "| one_cohort | not run |" in done.stdout


def test_the_smoke_test_of_the_words_that_the_package_has() -> None:
    for command in smoke_test.COMMANDS:
        assert find_accepted(command.words, ["--env=prod"]) == ["--env=prod"]


def test_tables_outside_of_the_prefix_are_found(tmp_path: Path) -> None:
    for name in (f"{OWN}clean/one", f"{OWN}features/trend"):
        (tmp_path / name / "_delta_log").mkdir(parents=True)
    assert find_strays_here(tmp_path, OWN).state == "passed"
    (tmp_path / "audit" / "evidence" / "_delta_log").mkdir(parents=True)
    found = find_strays_here(tmp_path, OWN)
    assert (found.state, found.key) == ("failed", "tables are in the run's schemas; not: audit/evidence")
    assert find_strays_here(tmp_path / "empty", OWN).state == "failed"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder of integration runs on this machine, of this test alone."""
    monkeypatch.setattr(integration, "HERE", integration.ROOT / "dist" / "integration" / tmp_path.name)
    return integration.HERE


def test_here_a_step_that_fails_ends_the_run_and_what_it_made_stays(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    commands = [
        Command("first", ("doctor",)),
        Command("second", ("doctor", "--no-such-option")),
        Command("third", ("doctor",)),
    ]
    monkeypatch.setattr(integration, "list_commands", lambda: commands)
    try:
        outcomes, kept = run_here("staging", OWN)
        assert [each.state for each in outcomes[:3]] == ["passed", "failed", "not run"]
        assert kept.startswith(f"staging.{OWN}* in dist/integration/")
        assert (here / OWN / "01_raw").is_dir()
        assert clean("staging", timedelta(days=3), here=True) == "Dropped: nothing"
        assert clean("staging", timedelta(days=-1), here=True) == f"Dropped: {OWN}"
        assert list(here.iterdir()) == []
    finally:
        integration.shutil.rmtree(here, ignore_errors=True)


def test_here_what_passed_is_dropped(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    def run(command: Command, environment: str, prefix: str, folder: Path) -> Outcome:
        (folder / "lakehouse" / environment / f"{prefix}clean" / command.key / "_delta_log").mkdir(parents=True)
        return Outcome(key=command.key, state="passed", seconds=1)

    monkeypatch.setattr(integration, "run_process", run)
    try:
        outcomes, kept = run_here("staging", OWN)
        assert [each.key for each in outcomes] == [*WHOLE, "tables are in the run's schemas"]
        assert (kept, list(here.iterdir())) == ("", [])
    finally:
        integration.shutil.rmtree(here, ignore_errors=True)
