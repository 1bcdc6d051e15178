"""``boathouse trace`` as it is typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import mlflow
import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.cli.serve import record_served
from boathouse.environment import Environment
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.resolution import DecidedVersion
from boathouse.tables.location import TableLocation
from tests.fixtures.trained_workspace import MODEL

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.fixtures.trained_workspace import TrainedWorkspace


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["trace", *words, "--env", "test"])


def test_one_look_up_answers_everything(trained: TrainedWorkspace) -> None:
    place = TableLocation.from_lakehouse("test.audit.promotions", trained.lakehouse)
    event = AuditEvent(
        event_id="trace", kind="approved", subject=MODEL, version="1", actor="vera", occurred_at=datetime.now(UTC)
    )
    open_ledger(place).append([event])
    environment = Environment("test", trained.lakehouse)
    ref = DecidedVersion(name=MODEL, version="1", digest="d", stage="champion")
    for _ in range(2):
        record_served(environment, "missed_payment", ref)
    done = run("1", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["not_recorded"] == []
    assert found["code"]["commit"] == trained.commit
    assert found["runtime_environment"]["libraries"]["mlflow"] == mlflow.__version__
    tables = {each["table"]: each for each in found["tables"]}
    assert (tables["test.features.spending"]["version"], tables["test.features.spending"]["readable"]) == (0, True)
    assert tables["test.model_input.training_set"]["rows"] == 1500
    views = {each["name"]: each for each in found["features"]}
    assert "bill_amt" in views["spending"]["sources"]["clean.statements"]
    assert found["parameters"]["training.search.candidates"][0]["rounds"] == 8
    assert found["metrics"]["validation.roc_auc"] > 0
    files = {each["path"]: each["digest"] for each in found["artefacts"]}
    assert files["model/data/model/manifest.json"] == found["model_digest"]
    assert "run/parameters.json" in files
    assert [each["kind"] for each in found["events"]] == ["registered", "approved"]
    assert found["run"]["run_by"]
    # Serving, asked twice, is on record once, beside training and in the same words.
    (serving,) = found["served_in"]
    assert serving["endpoint"] == "missed_payment"
    trained_in = {**found["runtime_environment"], "engine": None, "engine_version": None}
    assert serving["runtime_environment"] == trained_in
    assert all(each["updated_at"] for each in found["tables"] if each["version"] is not None)


def test_an_endpoint_goes_on_where_its_environment_cannot_be_recorded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lake").write_text("no folder", encoding="utf-8")
    environment = Environment("test", {"engine": "sail", "root": (tmp_path / "lake").as_posix()})
    record_served(environment, "missed_payment", DecidedVersion(name=MODEL, version="1", digest="d", stage="champion"))
    assert "serving_environment_not_recorded" in "".join(capfd.readouterr())


def test_an_alias_and_a_short_name_find_the_version(trained: TrainedWorkspace) -> None:
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(MODEL, "candidate", "1")
    try:
        done = run("candidate", "--name", "missed_payment")
    finally:
        client.delete_registered_model_alias(MODEL, "candidate")
    assert done.output.startswith(f"{MODEL}, version 1\n  stage registered, aliases: candidate")


def test_an_alias_set_past_the_ledger_is_an_alarm_and_leads_nowhere(trained: TrainedWorkspace) -> None:
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(MODEL, "champion", "1")
    stage = client.get_model_version(MODEL, "1").tags["stage"]
    client.set_model_version_tag(MODEL, "1", "stage", "champion")
    try:
        by_alias, by_number = run("champion"), run("1")
    finally:
        client.delete_registered_model_alias(MODEL, "champion")
        client.set_model_version_tag(MODEL, "1", "stage", stage)
    assert (by_alias.exit_code, f"No version of {MODEL} is champion." in by_alias.output) == (1, True)
    alarm = "Alias champion is version 1 in the registry and not set in the ledger."
    assert by_number.output.startswith(f"ALARM {alarm}\n")
    # The version's own lines are what the ledger decided.
    assert f"\n{MODEL}, version 1\n  stage registered, aliases: none" in by_number.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["9"], f"'{MODEL}' has no version 9. There are: 1."),
        (["champion"], f"No version of {MODEL} is champion."),
        (["1", "--name", "nobody"], "'test.models.nobody' has no version 1. No version of that name is registered."),
        (["1", "--name", "test.models.nobody"], "No version of that name is registered."),
        (["A/b"], "'A/b' cannot be traced"),
    ],
)
def test_what_cannot_be_found_is_said(trained: TrainedWorkspace, words: list[str], message: str) -> None:
    done = run(*words)
    assert done.exit_code == 1
    assert message in done.output


def test_a_version_without_its_run_tells_what_is_missing(trained: TrainedWorkspace) -> None:
    client = mlflow.MlflowClient()
    client.create_registered_model("test.models.bare")
    client.create_model_version("test.models.bare", source=f"{trained.data}/nowhere")
    done = run("1", "--name", "test.models.bare", "--json")
    assert done.exit_code == 0, done.output
    missing = json.loads(done.stdout)["not_recorded"]
    assert {"model_digest", "code.commit", "runtime_environment.python", "run.run_by", "tables", "features"} <= set(
        missing
    )
