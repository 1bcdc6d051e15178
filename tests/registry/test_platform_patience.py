"""MLflow's client of the platform gives up in bounded time, whatever command of ours uses it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from boathouse.rehearsal.workspace.answers import ServiceError
from boathouse.rehearsal.workspace.server import Workspace
from tests.fixtures.model_store import ON_PLATFORM

pytestmark = pytest.mark.platform
VARIABLE = "MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT"
PROGRAM = """
import boathouse
from mlflow.environment_variables import MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT as timeout
print(timeout.get())
"""


@pytest.mark.parametrize(("given", "expected"), [(None, "60"), ("7", "7")])
def test_the_package_bounds_it_unless_the_environment_does(given: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {"PYTHONPATH": "src", **({VARIABLE: given} if given else {})}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.usefixtures("store")
@ON_PLATFORM
def test_a_service_that_stays_away_is_given_up(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    workspace.refusals["SearchModelVersions"] = ServiceError("TEMPORARILY_UNAVAILABLE", "later")
    with pytest.raises((MlflowException, TimeoutError)):
        MlflowClient().search_model_versions("name = 'test.models.late'")
    # Without the bound there would be eight, with twice the wait before each.
    assert 1 < workspace.calls["SearchModelVersions"] < 5
