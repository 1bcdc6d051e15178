"""``boathouse audit`` as it is typed, against tables, anchors and a registry that somebody has tampered with."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.environment import open_environment
from boathouse.lifecycle.anchors import FileAnchor
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import DELIVERIES, DEPLOYMENTS, EVIDENCE, LEDGERS, PROMOTIONS, open_ledger
from boathouse.lifecycle.webhooks import identify_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    from boathouse.environment import Environment

CONF = Path(__file__).resolve().parents[2] / "conf"
NAME = "test.models.missed_payment"


def make_event(number: int, kind: str = "requested", subject: str = NAME, **more: object) -> AuditEvent:
    return AuditEvent(
        event_id=f"{kind}{number}",
        kind=kind,
        subject=subject,
        version=str(more.pop("version", "1")),
        digest="d" * 64,
        actor="tom",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        evidence={"to": "staging", **more},
    )


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--env", "test", "--conf-source", str(CONF)])


@pytest.fixture
def environment(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment in which version 1 is champion, in ledger and registry, and every table has records."""
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    client.create_registered_model(NAME)
    for stage in ("champion", "registered"):
        tags = {"model_digest": "d" * 64, "stage": stage}
        client.create_model_version(NAME, source=f"file://{tmp_path}/files", tags=tags)
    client.set_registered_model_alias(NAME, "champion", "1")
    opened = open_environment("test", CONF)
    promotions = open_ledger(opened.table(PROMOTIONS))
    (first, _) = promotions.append(
        [make_event(1, "registered", trained_by="tom"), make_event(2, "promoted", stage="champion", **{"from": None})]
    )
    sent = make_event(1, "delivered", "desk", version=identify_message(first, "desk"), sequence=1)
    for table, event in ((EVIDENCE, make_event(1, "judged", "audit.data_quality")), (DELIVERIES, sent)):
        open_ledger(opened.table(table)).append([event])
    open_ledger(opened.table(DEPLOYMENTS)).append([make_event(1, "updated", "answers")])
    yield opened
    mlflow.set_tracking_uri(None)


def folder(environment: Environment, table: str) -> Path:
    return Path(str(environment.table(table).path))


def remove_newest_commit(environment: Environment, table: str) -> None:
    log = folder(environment, table) / "_delta_log"
    max(log.glob("*.json")).unlink()


def delete_table(environment: Environment, table: str) -> None:
    shutil.rmtree(folder(environment, table))


def delete_table_and_file(environment: Environment, table: str) -> None:
    """The registry still has the head."""
    delete_table(environment, table)
    shutil.rmtree(Path(environment.table(table).root).with_name("lakehouse_anchors"))


def test_what_is_in_order_is_said_to_be_and_an_anchor_that_is_behind_catches_up(environment: Environment) -> None:
    first = run("audit", "verify")
    assert first.exit_code == 0, first.output
    assert first.output.count("intact, last hash") == len(LEDGERS)
    assert "anchor 'registry' is behind by 2 record(s) of the chain: brought up to date" in first.output
    assert "behind" not in run("audit", "verify").output
    tags = mlflow.MlflowClient().get_registered_model(NAME).tags
    assert set(tags) == {f"audit_head_{name.removeprefix('audit.')}" for name in LEDGERS}
    head = open_ledger(environment.table(PROMOTIONS)).read()[-1]
    assert tags["audit_head_promotions"] == f"2 {head.hash}"


@pytest.mark.parametrize("table", LEDGERS)
@pytest.mark.parametrize("tamper", [remove_newest_commit, delete_table, delete_table_and_file])
def test_records_that_were_removed_are_an_alarm_whichever_table_and_way(
    environment: Environment, table: str, tamper: Callable[[Environment, str], None]
) -> None:
    run("audit", "verify")
    tamper(environment, table)
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert f"test.{table}: anchor 'registry'" in done.stderr
    assert ("anchor 'file'" in done.stderr) is (tamper is not delete_table_and_file)
    assert "missing at the end" in done.stderr


@pytest.mark.parametrize("tamper", [remove_newest_commit, delete_table, delete_table_and_file])
def test_a_ledger_that_was_cut_neither_corrects_the_registry_nor_answers_as_if_it_were_whole(
    environment: Environment, tamper: Callable[[Environment, str], None]
) -> None:
    run("audit", "verify")
    tamper(environment, PROMOTIONS)
    listed, shown, synced = run("models", "list"), run("models", "show"), run("models", "sync")
    for done in (listed, shown, synced):
        assert done.exit_code == 1, done.output
        assert "record(s) are missing at the end" in done.stderr
        assert "boathouse audit verify --env test" in done.stderr
        assert "models sync" not in done.output
        assert "No model is on record" not in done.output
    registered = mlflow.MlflowClient().get_registered_model(NAME)
    assert {alias: str(version) for alias, version in registered.aliases.items()} == {"champion": "1"}
    assert mlflow.MlflowClient().get_model_version(NAME, "1").tags["stage"] == "champion"
    if tamper is not delete_table_and_file:
        asked = run("requests", "list")
        assert asked.exit_code == 1
        assert "Nothing waits" not in asked.output
    run("audit", "accept", PROMOTIONS, "--comment", "The disk was lost.")
    assert run("models", "sync").exit_code == 0


def test_an_alias_that_the_ledger_did_not_decide_is_an_alarm(environment: Environment) -> None:
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", "2")
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert f"{NAME}: Alias champion is version 2 in the registry and version 1 in the ledger." in done.stderr
    assert "boathouse models sync --env test" in done.stderr


def test_a_step_that_was_cut_off_before_its_alias_is_no_alarm(environment: Environment) -> None:
    client = mlflow.MlflowClient()
    client.delete_registered_model_alias(NAME, "champion")
    client.set_model_version_tag(NAME, "1", "stage", "registered")
    assert run("audit", "verify").exit_code == 0


def test_a_record_that_receivers_know_otherwise_is_an_alarm(environment: Environment) -> None:
    delete_table_and_file(environment, PROMOTIONS)
    open_ledger(environment.table(PROMOTIONS)).append([make_event(1, "registered", trained_by="eve")])
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert "record 1 is not the one that webhook 'desk' was sent" in done.stderr


def test_a_decision_without_its_evidence_is_an_alarm(environment: Environment) -> None:
    checked = make_event(3, "checked", outcome="promoted", gates=[], evaluation="e" * 64)
    open_ledger(environment.table(PROMOTIONS)).append([checked])
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert "record 3 was decided from an evaluation that audit.evidence does not hold" in done.stderr


def test_a_table_is_accepted_by_name_and_with_a_reason(environment: Environment) -> None:
    run("audit", "verify")
    delete_table(environment, DEPLOYMENTS)
    assert run("audit", "verify").exit_code == 1
    done = run("audit", "accept", DEPLOYMENTS, "--comment", "The disk was lost.")
    assert done.output == f"Accepted: test.{DEPLOYMENTS} with 0 record(s).\n"
    assert run("audit", "verify").exit_code == 0
    (line,) = FileAnchor.of(environment.table(DEPLOYMENTS)).accepted()
    assert line["comment"] == "The disk was lost."
    wrong = run("audit", "accept", "audit.evaluations", "--comment", "x")
    assert wrong.exit_code == 1
    assert "audit.promotions" in wrong.stderr
