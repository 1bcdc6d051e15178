"""What a job of the platform imports: nothing of the extras, which the wheel is installed there without.

Two nets. Every command of the jobs in resources/ is run in a process in which the extras cannot be imported, as far as
it comes without a session. And the source is read: every import that a job could ever reach, also inside functions, is
either of what the wheel requires, or one of a closed list with the reason why a job does not come there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from boathouse.pipeline_registry import FLOW
from tests.fixtures.blocked_imports import SESSION, list_blocked
from tests.fixtures.import_graph import find_askers, modules, reach

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BLOCKED = list_blocked(PROJECT)
BLOCKER = "tests.fixtures.blocked_imports"
# Folder of the data in a test, in place of a volume.
LANDING = "landing"
# Where a command ends that has come as far as it can without tables and models.
ENDS = (
    SESSION,
    "has no version. Make one: kedro run --pipelines training",
    "has no version 1. Make one: kedro run --pipelines training",
)
REFERENCE = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")

# Modules that no job runs, though a module that it does run imports them inside a function: chosen by a name in conf
# or by what the platform is not.
NOT_ON_THE_PLATFORM = {
    "boathouse.tables.engines.sail": "an engine; on the platform it is always databricks",
    "boathouse.tables.engines.spark": "an engine; on the platform it is always databricks",
}
# Imports inside functions for tables in folders, which the platform, where tables have names, has not; and others.
IN_FOLDERS = "reads or writes a table that is a folder; on the platform tables have names, which the engine reads"
BY_REASON = {
    ("boathouse.features.online.connections", "psycopg"): "a store in PostgreSQL; the job that publishes installs it",
    ("boathouse.inference.stream_targets", "deltalake"): IN_FOLDERS,
    ("boathouse.inference.version_stream", "deltalake"): IN_FOLDERS,
    ("boathouse.lifecycle.ledger_columns", "deltalake"): IN_FOLDERS,
    ("boathouse.lifecycle.ledger_tables", "deltalake"): IN_FOLDERS,
    ("boathouse.monitoring.request_log", "deltalake"): IN_FOLDERS,
    ("boathouse.scoring.export.graph", "onnx"): "models export, which no job calls",
    ("boathouse.tables.changes", "deltalake"): IN_FOLDERS,
    ("boathouse.tables.commits", "deltalake"): IN_FOLDERS,
    ("boathouse.tables.delta_log", "deltalake"): IN_FOLDERS,
    ("boathouse.tables.frames", "deltalake"): IN_FOLDERS,
    ("boathouse.tables.frames", "polars"): "an entry of the catalog that asks for polars, which none of ours does",
    ("boathouse.tables.time_travel", "deltalake"): IN_FOLDERS,
}


def list_commands() -> list[list[str]]:
    """Return the words of each command that a job calls, its references filled in."""
    found = []
    for path in sorted((ROOT / "resources").glob("*.yml")):
        for job in (yaml.safe_load(path.read_text(encoding="utf-8")).get("resources", {}).get("jobs") or {}).values():
            given = {each["name"]: each["default"] for each in job.get("parameters", ())}
            for task in walk_tasks(job["tasks"]):
                words = [fill(str(word), given) for word in task.get("python_wheel_task", {}).get("parameters", ())]
                if words and words not in found:
                    found.append(words)
    return found


def walk_tasks(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give each task that calls the wheel, also the one that is repeated for each of a list."""
    for task in tasks:
        inner = task.get("for_each_task", {}).get("task")
        yield from walk_tasks([inner]) if inner else ()
        if "python_wheel_task" in task:
            yield task


def fill(word: str, given: dict[str, str]) -> str:
    """Return a word of a command as the platform would hand it over in dev."""

    def value(found: re.Match[str]) -> str:
        name = found.group().strip("${} ")
        if name == "workspace.file_path":
            return ROOT.as_posix()
        if name.startswith("job.parameters."):
            default = given.get(name.removeprefix("job.parameters."), "")
            return REFERENCE.sub(value, default) or {"job.parameters.model_version": "1"}.get(name, "")
        known = {"bundle.target": "dev", "var.catalog": "dev", "var.schema_prefix": "", "var.landing": LANDING}
        return known.get(name, "1")

    return REFERENCE.sub(value, word)


COMMANDS = list_commands()


def run_there(module: str, given: object, folder: Path, python: str = sys.executable, code: Path = ROOT / "src") -> Any:
    """Run a module of the tests on a machine that says that it is the platform; return the JSON that it prints last.

    Args:
        module: Name of the module.
        given: What it reads from standard input, as JSON.
        folder: Where its data are; the extracts are put there.
        python: Interpreter.
        code: Folder that has the package.
    """
    landing = folder / LANDING
    landing.mkdir()
    (landing / "01_raw").symlink_to(ROOT / "data" / "01_raw")
    kept = {"PATH", "HOME", "LANG", "TZ", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "MPLBACKEND"}
    environment = {name: value for name, value in os.environ.items() if name in kept} | {
        "PYTHONPATH": os.pathsep.join([str(code), str(ROOT)]),
        "DATABRICKS_RUNTIME_VERSION": "18.0",
        "DATABRICKS_HOST": "http://127.0.0.1:1",
        "DATABRICKS_TOKEN": "of-none",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_REGISTRY_URI": f"sqlite:///{folder}/mlflow.db",
        "BOATHOUSE_DATA": str(landing),
    }
    command, asked = [python, "-m", module], json.dumps(given)
    done = subprocess.run(
        command, input=asked, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = run_there(BLOCKER, COMMANDS, tmp_path_factory.mktemp("platform"))
    return found


def test_jobs_call_commands_and_every_pipeline_of_the_flow() -> None:
    named = {word.partition("=")[2] for words in COMMANDS for word in words if word.startswith("--pipeline")}
    assert {*FLOW} <= {each for names in named for each in names.split(",")}
    assert {words[0] for words in COMMANDS} >= {"run", "models"}


def test_no_command_of_a_job_asks_for_an_extra(ran: dict[str, Any]) -> None:
    assert ran["loaded"] == []
    assert {"deltalake", "polars", "pysail", "uvicorn", "psycopg", "onnx", "kedro_viz", "pytest"} <= {*ran["blocked"]}
    assert ran["asked"] == []


def test_commands_come_as_far_as_a_session(ran: dict[str, Any]) -> None:
    """What ended before would show nothing."""
    ends = dict(zip(map(tuple, COMMANDS), ran["ends"], strict=True))
    assert {words: end for words, end in ends.items() if not any(each in end for each in ENDS)} == {}


ASKING = """
import sys
from tests.fixtures.blocked_imports import Blocker
blocker = Blocker(frozenset({"uvicorn", "json5"}))
sys.meta_path.insert(0, blocker)
try:
    import boathouse.serving.connections
except ModuleNotFoundError as error:
    print(error)
print(blocker.asked)
"""


def test_a_module_that_asks_for_an_extra_is_found() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", ASKING], env=environment, capture_output=True, text=True, check=True)
    said, asked = done.stdout.splitlines()
    assert said.startswith("uvicorn")
    assert said.endswith("belongs to an extra, and a job has none")
    assert asked.startswith("['serving/connections.py asks for uvicorn")


def roots() -> set[str]:
    """Return the modules with which everything begins that a job does: what Kedro loads, commands, catalog classes."""
    classes = set()
    for path in (ROOT / "conf").rglob("*.yml"):
        classes |= set(re.findall(r"type: (boathouse\.[\w.]+)\.\w+", path.read_text(encoding="utf-8")))
    commands = {f"boathouse.cli.{words[0]}" for words in COMMANDS}
    flow = {f"boathouse.pipelines.{name}.pipeline" for name in FLOW}
    return {"boathouse.__main__", "boathouse.settings", "boathouse.pipeline_registry", *classes, *commands, *flow}


def test_every_module_that_a_job_can_reach_imports_what_the_wheel_requires() -> None:
    found = roots()
    assert found <= {*modules()}
    reached = reach(found, NOT_ON_THE_PLATFORM)
    assert len(reached) > 150
    assert find_askers(reached, BLOCKED) == set(BY_REASON)


def test_an_import_of_an_extra_is_found_wherever_it_stands() -> None:
    askers = find_askers(reach(["boathouse.serving.worker"]), BLOCKED)
    assert ("boathouse.serving.connections", "uvicorn") in askers
    assert ("boathouse.tables.engines.sail", "pysail") in find_askers(["boathouse.tables.engines.sail"], BLOCKED)
