"""``boathouse models``, ``requests`` and ``audit`` as typed, with a ledger and a registry of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import mlflow
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from boathouse.cli.main import cli
from boathouse.environment import Environment
from boathouse.lifecycle.decided_versions import DecidedVersions, LedgerVersions
from boathouse.lifecycle.decision import Decided, PromotionDecision, record_decision
from boathouse.lifecycle.gates import Gate
from boathouse.lifecycle.identity import read_account
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Identity
from boathouse.lifecycle.steps import open_life_cycle
from boathouse.registry.dataset import ModelVersionDataset
from tests.cli.conftest import ROOT
from tests.fixtures.life_cycle import START, options
from tests.fixtures.model_store import empty_store, make_model
from tests.fixtures.released import released

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

__all__ = ["empty_store", "released"]

NAME = "test.models.missed_payment"


def run(*words: str, user: str = "vera", env: str = "test") -> Result:
    os.environ["BOATHOUSE_USER"] = user
    return CliRunner().invoke(cli, [*words, "--env", env, "--conf-source", str(ROOT / "conf")])


def judge(data: Path, version: str, outcome: str, champion: str | None, *, env: str = "test", needed: int = 0) -> None:
    environment = Environment(env, {"engine": "sail", "root": str(data / "lakehouse")})
    name = f"{env}.models.missed_payment"
    gate = Gate("minimum_roc_auc", "enforce", outcome != "rejected", 0.7, 0.65, "minimum_roc_auc is 0.7.")
    decided = PromotionDecision(
        model=name,
        candidate=version,
        champion=champion,
        outcome=outcome,
        reason="Because.",
        gates=[gate],
        decided=Decided(START, "tom"),
    )
    cycle = open_life_cycle(environment, name, options(needed=needed), Identity("tom", "system"))
    record_decision(cycle, decided)
    cycle.sync()


@pytest.fixture
def data(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a data folder whose model has champion 1 and a version 2 that passed and waits."""
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("BOATHOUSE_USER", "vera")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("late", artifact_location=f"file://{tmp_path}/runs"))
    for version, champion in (("1", None), ("2", "1")):
        ModelVersionDataset(name=NAME).save(make_model(0.5 + int(version) / 10))
        judge(tmp_path, version, "promoted", champion, needed=int(version) - 1)
    yield tmp_path
    while mlflow.active_run():
        mlflow.end_run()


def champion(data: Path) -> str:
    """Return the version that scores."""
    versions = DecidedVersions(NAME, {"engine": "sail", "root": str(data / "lakehouse")}, environment="test")
    return versions.load("champion").version


@pytest.mark.parametrize("command", [("check-approval",), ("promote", "--comment", "now")])
def test_an_empty_version_is_the_newest_that_is_not_decided(data: Path, command: tuple[str, ...]) -> None:
    assert run("models", "approve", "2", "--comment", "fair", user="maria").exit_code == 0
    refused = run("models", command[0], NAME, "", *command[1:])
    assert (refused.exit_code, champion(data)) == (1, "2")
    assert f"Expected a version of {NAME} that is not decided, found none" in refused.stderr
    ModelVersionDataset(name=NAME).save(make_model(0.8))
    judge(data, "3", "promoted", "2", needed=1)
    told = run("models", "approve", NAME, "", "--comment", "fair")
    assert (told.exit_code, champion(data)) == (1, "2"), "a person who decides names the version"
    tagged = MlflowClient().set_model_version_tag
    tagged(NAME, "3", "approval", "Approved")
    assert run("models", "check-approval", NAME, "").exit_code == 0
    assert champion(data) == "3"


def test_what_there_is_and_what_waits(data: Path) -> None:
    listed = run("models", "list").output.splitlines()
    assert listed[1].split()[:5] == [NAME, "1", "2", "-", "2"]
    assert listed[1].endswith("2 to production (tom)")
    assert "waiting: 2 to production, asked by tom; approved by none yet" in run("models", "show").output
    assert f"{NAME} 2 to production  tom: It passed both steps: Because." in run("requests", "list").output
    shown = run("models", "show", "2").output
    assert f"{NAME} version 2: challenger since" in shown
    assert "passed   minimum_roc_auc is 0.7." in shown
    assert json.loads(run("models", "show", "2", "--json").output)["state"]["stage"] == "challenger"
    assert json.loads(run("models", "list", "--json").output)[0]["champion"] == "1"
    assert json.loads(run("requests", "list", "--json").output)[0]["version"] == "2"
    assert "test.models" in run("models", "list", "--all").output


def test_a_comment_is_shown_with_the_records_of_the_version(data: Path) -> None:
    done = run("models", "comment", "2", "--comment", "Weak on small limits", user="ann")
    assert done.output == f"On record: a comment on {NAME} version 2.\n"
    assert "ann (declared)  Weak on small limits" in run("models", "show", "2").output
    assert "has no version 9" in run("models", "comment", "9", "--comment", "x").stderr


def test_approve_takes_charge_and_rollback_takes_it_back(data: Path) -> None:
    approved = run("models", "approve", "2", "--reason", "seen")
    assert approved.exit_code == 0, approved.output
    assert f"Approved: {NAME} version 2, which is champion now." in approved.output
    assert champion(data) == "2"
    rolled = run("models", "rollback", "--reason", "worse since noon", user="ann")
    assert "Rolled back from 2 to 1, by ann (declared) at" in rolled.output
    assert champion(data) == "1"
    assert run("models", "rollback", user="bob").output.endswith(rolled.output)
    assert "Nothing waits" in run("requests", "list").output
    assert "[carried out by vera (declared)]" in run("requests", "list", "--all").output
    assert "no open request" in run("models", "approve", "2", "--reason", "x").stderr


def test_a_champion_is_stopped_and_resumed(data: Path) -> None:
    stopped = run("models", "stop", "--reason", "rejects everybody", user="ann")
    assert stopped.exit_code == 0, stopped.output
    assert f"version 1 was stopped by ann (declared) at {datetime.now(UTC):%Y-%m-%d}" in stopped.output
    assert "boathouse models rollback --to 1 --comment WHY --env test" in stopped.output
    assert "champion" not in MlflowClient().get_registered_model(NAME).aliases
    assert run("models", "stop", "--reason", "again", user="bob").output == stopped.output
    told, is_stopped = LedgerVersions({"engine": "sail", "root": str(data / "lakehouse")}).explain(NAME, "champion")
    assert (is_stopped, "was stopped by ann (declared)" in told) == (True, True)
    assert "1  archived" in run("models", "show").output
    assert "stopped: version 1 by ann (declared)" in run("models", "show").output
    assert "stopped" in run("models", "show", "1").output
    told = run("infer", "rows.csv", "--to", "parquet:scores")
    assert told.exit_code == 1
    assert "version 1 was stopped by ann (declared)" in told.stderr
    assert "nothing takes its place. rejects everybody" in run("models", "report", "--format", "markdown").output
    resumed = run("models", "rollback", "--to", "1", "--reason", "it was the data", user="ann")
    assert "Rolled back from 1 to 1" not in resumed.output
    assert "Version 1 is champion again, by ann (declared) at" in resumed.output
    assert champion(data) == "1"


def test_reject_archive_request_and_promote(data: Path) -> None:
    assert "stays challenger" in run("models", "reject", "missed_payment", "2", "--reason", "unfair").output
    asked = run("models", "request", "2", "--to", "production", "--comment", "please")
    assert f"boathouse models approve {NAME} 2" in asked.output
    assert "champion 2, previous 1" in run("models", "promote", "2", "--comment", "now").output
    assert run("models", "archive", NAME, "1", "--comment", "old").exit_code == 0
    assert "previous" not in run("models", "show").output.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["models", "approve", "9", "--reason", "x"], "has no version 9. There are: 1, 2"),
        (["models", "archive", "1", "--reason", "x"], "cannot be archived"),
        (["models", "promote", "1", "2", "--reason", "x"], "Expected [NAME] VERSION"),
        (["models", "show", "9"], "has no version 9"),
        (["models", "show", "other"], f"There is no model 'test.models.other'. Known: {NAME}"),
        (["models", "rollback", "prod.models.missed_payment"], "belongs to environment 'prod'"),
        (["models", "check-approval", "2"], "needed 'Approved'"),
        (["models", "compare", "2"], "Make it: kedro run --pipeline evaluation --env test"),
        (["models", "list"], "Unknown environment 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_told_with_exit_code_1(data: Path, words: list[str], told: str) -> None:
    result = run(*words, env="nowhere" if told.startswith("Unknown") else "test")
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_server_that_does_not_answer_stops_a_step_before_its_record(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run("models", "show", "--json").output
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    result = run("models", "promote", "2", "--comment", "x")
    assert (result.exit_code, "does not answer" in result.stderr) == (1, True)
    assert run("models", "show", "--json").output == before


def test_a_reason_has_to_be_given(data: Path) -> None:
    assert "Missing option" in run("models", "approve", "2").stderr


def test_the_tag_of_a_deployment_job_approves(data: Path) -> None:
    mlflow.MlflowClient().set_model_version_tag(NAME, "2", "approval", "Approved")
    assert "which is champion now" in run("models", "check-approval", "2", "--tag", "approval").output
    assert "champion 2" in run("models", "promote", "2", "--comment", "deployment job").output


def test_a_copy_that_leaves_out_an_environment_is_refused_and_on_record(data: Path, released: None) -> None:
    done = run("models", "copy", "1", "--to", "prod", "--comment", "ready", user="")
    assert (done.exit_code, "takes versions from 'staging'" in done.stderr) == (1, True)
    ledger = open_ledger(Environment("prod", {"engine": "sail", "root": str(data / "lakehouse")}).table(PROMOTIONS))
    assert [(each.kind, each.version) for each in ledger.read()] == [("refused", None)]
    # A refusal is no model.
    assert "No model is on record" in run("models", "list", env="prod").output


def test_copy_to_prod_where_another_has_to_approve(data: Path, released: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # The environment of this test takes the place of staging.
    monkeypatch.setattr("boathouse.hooks.governance.read_role", lambda _: None)
    refused = run("models", "copy", "1", "--to", "prod", "--comment", "ready")
    assert "vera may not copy models here; allowed: @system (every account of this machine" in refused.stderr
    done = run("models", "copy", "1", "--to", "prod", "--comment", "ready", user="")
    assert done.exit_code == 0, done.output
    assert f"{NAME} version 1 is prod.models.missed_payment version 1" in done.output
    judge(data, "1", "promoted", None, env="prod", needed=1)
    refused = run("models", "approve", "1", "--reason", "x", env="prod")
    assert "vera may not approve models here; allowed: maria." in refused.stderr
    approved = run("models", "approve", "1", "--reason", "x", "--as", "maria", env="prod")
    assert "champion now" in approved.output, approved.stderr
    assert os.environ["BOATHOUSE_USER"] == "vera"
    shown = run("models", "show", "1", env="prod").output
    assert "copied from: test.models.missed_payment/1" in shown
    assert "approved by: maria (declared)" in shown
    records = json.loads(run("models", "show", "1", "--json", env="prod").output)["records"]
    kept = {each["kind"]: (each["assurance"], json.loads(each["evidence"])) for each in records}
    assert (kept["approved"][0], kept["approved"][1]["account"]) == ("declared", read_account())
    for kind in ("copied", "approved", "promoted", "refused"):
        rules = kept[kind][1]["rules"]
        assert (len(rules["governance"]), len(rules["gates"]), rules["conf_released"]) == (64, 64, True)
    assert kept["copied"][0] == "system"
    assert "maria (declared)  x" in shown


def test_a_copy_goes_into_the_catalog_and_schemas_that_conf_gives_the_target(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boathouse.hooks.governance.read_role", lambda _: None)
    conf = data / "conf"
    shutil.copytree(ROOT / "conf", conf, ignore=shutil.ignore_patterns("local"))
    with (conf / "dev" / "globals.yml").open("a", encoding="utf-8") as file:
        file.write("\ncatalog: ml_dev\nschema_prefix: risk_\n")

    def type_(*words: str) -> str:
        told = CliRunner().invoke(cli, [*words, "--env", "test", "--conf-source", str(conf)])
        assert told.exit_code == 0, told.output
        return told.stdout

    # The option is about --env alone.
    copied = type_("models", "copy", "1", "--to", "dev", "--comment", "back", "--catalog", "test")
    twin = "ml_dev.risk_models.missed_payment"
    assert f"{NAME} version 1 is {twin} version 1" in copied
    assert "kedro run --pipelines evaluation,promotion --env dev" in copied
    assert {each["name"] for each in json.loads(type_("models", "list", "--all", "--json"))} == {NAME, twin}
    shown = CliRunner().invoke(cli, ["models", "show", "1", "--env", "dev", "--conf-source", str(conf)])
    assert f"copied from: {NAME}/1" in shown.stdout
    assert (data / "lakehouse" / "ml_dev" / "risk_audit" / "promotions").is_dir()
    assert not (data / "lakehouse" / "dev").exists()
    foreign = CliRunner().invoke(
        cli, ["models", "archive", twin, "1", "--comment", "x", "--env", "test", "--conf-source", str(conf)]
    )
    assert (foreign.exit_code, "changes its own models only" in foreign.stderr) == (1, True)


def test_an_empty_ledger_says_how_to_begin(data: Path) -> None:
    listed = run("models", "list", env="staging")
    assert listed.exit_code == 0
    assert "kedro run --pipelines training,evaluation,promotion --env staging" in listed.output


# The trail


def test_a_whole_trail_verifies_and_a_kept_hash_is_found(data: Path) -> None:
    result = run("audit", "verify")
    assert result.exit_code == 0, result.stderr
    head = result.output.splitlines()[0].split()[-1]
    assert "record(s), intact, last hash" in result.output
    assert run("audit", "verify", "--head", head).exit_code == 0
    assert run("audit", "verify", "--head", "0" * 64).exit_code == 1


def test_a_changed_record_is_found_named_and_fails(data: Path) -> None:
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    path = str(data / "lakehouse" / "test" / "audit" / "promotions")
    table = DeltaTable(path)
    rows = table.to_pyarrow_table().sort_by("sequence").to_pylist()
    rows[1]["actor"] = "nobody"
    table.alter.set_table_properties({"delta.appendOnly": "false"})
    write_deltalake(path, pa.Table.from_pylist(rows, schema=table.to_pyarrow_table().schema), mode="overwrite")
    result = run("audit", "verify")
    assert result.exit_code == 1
    assert "test.audit.promotions, record 2: the record was changed after it was written" in result.stderr


def test_delivering_without_webhooks_has_nothing_to_do(data: Path) -> None:
    assert "0 sent, 0 attempt(s) failed, 0 waiting, 0 given up." in run("audit", "deliver").output


# The start


def test_list_and_show_import_nothing_heavy(data: Path) -> None:
    conf = str(ROOT / "conf")
    code = (
        "import sys; from boathouse.cli.main import main\n"
        "def call(*words):\n"
        f"    try: main([*words, '--env', 'test', '--conf-source', {conf!r}])\n"
        "    except SystemExit as end: assert not end.code\n"
        "call('models', 'list'); call('models', 'show'); call('models', 'show', '2'); call('requests', 'list')\n"
        "call('audit', 'verify')\n"
        "print('heavy:', [name for name in ('mlflow', 'pyspark', 'pandas', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("heavy: []")


def test_an_approval_before_there_is_a_version_does_not_keep_it_from_being_decided(data: Path) -> None:
    early = run("models", "approve", "3", "--reason", "in advance")
    assert (early.exit_code, "has no version 3" in early.stderr) == (1, True)
    ModelVersionDataset(name=NAME).save(make_model(0.8))
    judge(data, "3", "promoted", "1", needed=1)
    assert "which is champion now" in run("models", "approve", "3", "--reason", "seen").output


def test_what_waits_is_listed_with_the_commands_that_decide(data: Path) -> None:
    listed = run("requests", "list").output
    assert f"boathouse models show {NAME} 2 --env test" in listed
    assert f"boathouse models approve {NAME} 2 --comment WHY --env test" in listed
    asked = run("models", "request", "2", "--to", "production", "--comment", "x")
    assert f"boathouse models approve {NAME} 2 --comment WHY --env test" in asked.stderr


def test_an_alias_moved_past_the_ledger_is_an_alarm_until_sync_sets_it_back(data: Path) -> None:
    assert "ALARM" not in run("models", "list").output
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(NAME, "champion", "2")
    client.set_model_version_tag(NAME, "1", "approved_by", "nobody")
    alarms = [
        "Alias champion is version 2 in the registry and version 1 in the ledger.",
        "Tag 'approved_by' of version 1 is nobody in the registry and not set in the ledger.",
    ]
    for shown in (run("models", "list"), run("models", "show")):
        assert [line for line in shown.output.splitlines() if line.startswith("ALARM")] == [
            f"ALARM {NAME}: {each}" for each in alarms
        ]
    assert json.loads(run("models", "list", "--json").output)[0]["alarms"] == alarms
    synced = run("models", "sync")
    assert synced.exit_code == 0, synced.output
    for told in (*alarms, "alias 'champion' set to version 1", "tag 'approved_by' of version 1 deleted"):
        assert told in synced.output
    assert champion(data) == "1"
    assert "ALARM" not in run("models", "list").output
    kinds = [each["kind"] for each in json.loads(run("models", "show", "--json").output)["records"]]
    assert kinds[-2:] == ["differed", "synced"]


def test_a_step_made_twice_is_told_and_ends_well(data: Path) -> None:
    run("models", "approve", "2", "--reason", "seen", user="ann")
    again = run("models", "promote", "2", "--comment", "x", user="bob")
    assert (again.exit_code, "Version 2 is champion already, by ann (declared) at" in again.output) == (0, True)
    run("models", "rollback", user="ann")
    again = run("models", "rollback", user="bob")
    assert (again.exit_code, "Rolled back from 2 to 1, by ann (declared) at" in again.output) == (0, True)
