"""Processes that use a store for the first time at once all get it whole."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import mlflow

from boathouse.registry.first_use import prepare_store

if TYPE_CHECKING:
    from pathlib import Path


def test_first_uses_at_once_do_not_collide(tmp_path: Path) -> None:
    environment = os.environ | {"BOATHOUSE_DATA": str(tmp_path / "my data")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "boathouse.environment"]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(*process.communicate(), process.returncode) for process in started]
    assert [code for *_, code in ended] == [0, 0, 0], ended[0][1]
    assert {shown for shown, *_ in ended} == {f"sqlite:///{tmp_path}/my data/mlflow.db\n"}
    with sqlite3.connect(tmp_path / "my data" / "mlflow.db") as store:
        assert store.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_the_experiment_is_made_once_as_conf_has_it(shared_store: str, tmp_path: Path) -> None:
    given = {"artifact_location": tmp_path.as_uri(), "tags": {"a": "b"}}
    experiment = {"name": "first-use", "create_experiment_kwargs": given}
    prepare_store(shared_store, experiment)
    prepare_store(shared_store, experiment)
    found = mlflow.MlflowClient(shared_store).get_experiment_by_name("first-use")
    assert (found.artifact_location, found.tags["a"]) == (tmp_path.as_uri(), "b")
    prepare_store("http://127.0.0.1:9", experiment)
