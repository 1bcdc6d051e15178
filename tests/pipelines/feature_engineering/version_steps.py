"""What a person does while a view's logic changes, in a copy of the project; a program for one state of its code.

Usage: ``python -m tests.pipelines.feature_engineering.version_steps PROJECT STEP…`` with the copy's ``src`` first on
PYTHONPATH. A step is ``run:<pipelines>``, ``features:<command>`` or ``alias:<alias>=<version>``; each prints a line
of JSON with exit code and text.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import mlflow
from click.testing import CliRunner
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io.core import DatasetError

from boathouse.cli.main import cli
from boathouse.errors import BoathouseError
from tests.fixtures.decided import decide

MODEL = "test.models.missed_payment"


def run_pipelines(project: Path, names: list[str]) -> tuple[int, str]:
    """Run pipelines as ``kedro run --pipelines`` does."""
    configure_project("boathouse")
    with KedroSession.create(project_path=project, env="test", conf_source=str(project / "conf")) as session:
        try:
            session.run(pipeline_names=names)
        except (BoathouseError, DatasetError) as error:
            return 1, str(error)
    return 0, ""


def run_command(project: Path, words: list[str]) -> tuple[int, str]:
    """Run ``boathouse features``."""
    places = ["--env", "test", "--conf-source", str(project / "conf")]
    done = CliRunner().invoke(cli, ["features", *words, *places])
    return done.exit_code, done.output


def move_alias(alias: str, version: str) -> tuple[int, str]:
    """Let an alias point to a version, or with an empty one to none; the champion's by a decision of the ledger."""
    client = mlflow.MlflowClient()
    if version and alias == "champion":
        decide(Path(os.environ["BOATHOUSE_DATA"]) / "lakehouse", MODEL, version)
    elif version:
        client.set_registered_model_alias(MODEL, alias, version)
    else:
        client.delete_registered_model_alias(MODEL, alias)
    return 0, ""


def main(project: Path, steps: list[str]) -> None:
    """Do the steps in order."""
    for step in steps:
        kind, _, rest = step.partition(":")
        if kind == "run":
            done = run_pipelines(project, rest.split(","))
        elif kind == "features":
            done = run_command(project, rest.split())
        else:
            done = move_alias(*rest.split("="))
        sys.stdout.write(json.dumps({"step": step, "code": done[0], "text": done[1]}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
