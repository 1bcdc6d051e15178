"""A task's process meets a runtime: identity without credentials in its environment, job context, task values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from boathouse.rehearsal.task_context import TaskContext, read_values
from tests.fixtures.rehearsed_workspace import JOBS, TOKENS, Rehearsed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.platform
PROGRAM = """
import json, sys
from databricks.sdk import WorkspaceClient
from databricks.sdk.runtime import dbutils
from mlflow.utils.databricks_utils import get_databricks_host_creds, get_job_id, get_job_run_id, is_in_databricks_job
from boathouse.databricks.task_values import publish_values

published = publish_values(model_updated=True, model_version=None, auc=0.5)
print(json.dumps({
    "published": published,
    "me": WorkspaceClient().current_user.me().user_name,
    "before": dbutils.jobs.taskValues.get("training", "candidate"),
    "default": dbutils.jobs.taskValues.get(taskKey="training", key="other", default="none"),
    "job": [is_in_databricks_job(), get_job_id(), get_job_run_id()],
    "host": get_databricks_host_creds("databricks").host,
}))
"""


def run(program: str, context: TaskContext, folder: Path) -> subprocess.CompletedProcess[str]:
    given = context.write(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABRICKS_")}
    paths = os.pathsep.join([given.pop("PYTHONPATH"), "src"])
    environment = {
        **kept,
        **given,
        "PYTHONPATH": paths,
        "DATABRICKS_RUNTIME_VERSION": "client.4.9",
        "DATABRICKS_CONFIG_FILE": "/nonexistent",
    }
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


def make_context(rehearsed: Rehearsed) -> TaskContext:
    return TaskContext(
        host=rehearsed.workspace.url,
        token=TOKENS[JOBS],
        job_id=7001,
        run_id=90001,
        task_key="promotion",
        values={"training": {"candidate": "3"}},
    )


def test_a_task_acts_as_its_principal_and_passes_values_on(rehearsed: Rehearsed, tmp_path: Path) -> None:
    done = run(PROGRAM, make_context(rehearsed), tmp_path / "task")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "published": True,
        "me": JOBS,
        "before": "3",
        "default": "none",
        "job": [True, "7001", "90001"],
        "host": rehearsed.workspace.url,
    }
    assert read_values(tmp_path / "task") == {"model_updated": True, "model_version": "", "auc": 0.5}
    assert (tmp_path / "task" / "task.json").stat().st_mode & 0o077 == 0


def test_a_value_that_json_cannot_hold_is_refused(rehearsed: Rehearsed, tmp_path: Path) -> None:
    program = "from databricks.sdk.runtime import dbutils\ndbutils.jobs.taskValues.set(key='at', value={1, 2})"
    done = run(program, make_context(rehearsed), tmp_path / "task")
    assert "ValueError: The value of task value at has to be what JSON can hold." in done.stderr
    program = "from databricks.sdk.runtime import dbutils\ndbutils.jobs.taskValues.set(key='at', value='x' * 50_000)"
    assert "more than 49152 bytes" in run(program, make_context(rehearsed), tmp_path / "task").stderr
    assert read_values(tmp_path / "task") == {}


def test_values_of_an_attempt_before_do_not_count(rehearsed: Rehearsed, tmp_path: Path) -> None:
    program = "from databricks.sdk.runtime import dbutils\ndbutils.jobs.taskValues.set(key='n', value=1)"
    assert run(program, make_context(rehearsed), tmp_path / "task").returncode == 0
    assert read_values(tmp_path / "task") == {"n": 1}
    make_context(rehearsed).write(tmp_path / "task")
    assert read_values(tmp_path / "task") == {}
