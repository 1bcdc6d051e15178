"""``boathouse alerts`` and ``boathouse retrain`` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from boathouse.cli import retrain as retrain_command
from boathouse.cli.main import cli
from boathouse.environment import open_environment
from boathouse.monitoring.alert_log import open_alert_ledger
from boathouse.monitoring.judging import identify_alert
from boathouse.monitoring.retraining import FAILED_ALERT, Proposal, propose
from tests.fixtures.alert_findings import MARCH, NOW, make_measure, make_ranking, monitor

if TYPE_CHECKING:
    from click.testing import Result

    from boathouse.lifecycle.ledger import AuditLedger

CONF = Path(__file__).resolve().parents[2] / "conf"
X, RANKING = identify_alert("drifted", "x", "all"), identify_alert("ranking", "m", "all")


def run(*words: str, env: str = "test") -> Result:
    return CliRunner().invoke(cli, [*words, "--env", env, "--conf-source", str(CONF)])


def open_ledger_of(env: str) -> AuditLedger:
    return open_alert_ledger(open_environment(env, CONF).table("monitoring.alert_events"))


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLedger:
    """Return the events of the environment ``test``: a warning and an alarm are open."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    made = open_ledger_of("test")
    monitor(made, [make_measure(0.3), make_ranking(0.6, low=0.55, high=0.65)])
    return made


def test_list_shows_the_most_urgent_first_with_its_next_step(ledger: AuditLedger) -> None:
    lines = run("alerts", "list").output.splitlines()
    assert lines[0].startswith(f"{RANKING}  alarm    open")
    assert lines[2] == "  next: Retrain on a newer window: boathouse retrain --env test"
    assert X in lines[3]
    listed = json.loads(run("alerts", "list", "--json").output)
    assert [(each["alert_id"], each["windows"], each["state"]) for each in listed] == [
        (RANKING, 1, "open"),
        (X, 1, "open"),
    ]


def test_without_an_alert_list_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    assert run("alerts", "list").output.startswith("No alert is open.")


def test_explain_shows_evidence_columns_kind_and_next_step(ledger: AuditLedger) -> None:
    text = run("alerts", "explain", RANKING).output
    for part in (
        "auc of m, scope all: 0.6 [0.55, 0.65], 500 rows, 2026-03-01 to 2026-04-01",
        "limit        value below 0.7, by rule ranking",
        "likely kind  covariate",
        "columns      x (psi 0.3)",
        "next step    Retrain on a newer window: boathouse retrain --env test",
        "opened by boathouse",
    ):
        assert part in text
    shown = json.loads(run("alerts", "explain", RANKING, "--json").output)
    assert (shown["likely"], shown["evidence"]["low"]) == ("covariate", 0.55)


def test_a_person_acknowledges_mutes_and_resolves_under_a_declared_name(ledger: AuditLedger) -> None:
    done = run("alerts", "ack", X, "--comment", "I look", "--as", "ann")
    assert done.output.startswith(f"{X} is acknowledged: ")
    assert (
        f"{X} is muted until 2999-01-01" in run("alerts", "mute", X, "--until", "2999-01-01", "--comment", "w").output
    )
    assert f"{X} is acknowledged" in run("alerts", "mute", X, "--off", "--comment", "w").output
    assert f"{X} is resolved" in run("alerts", "resolve", X, "--comment", "fixed").output
    assert X not in run("alerts", "list").output
    assert X in run("alerts", "list", "--all").output
    history = json.loads(run("alerts", "explain", X, "--json").output)["history"]
    assert [each["kind"] for each in history] == ["opened", "acknowledged", "muted", "unmuted", "resolved"]
    assert history[1]["actor"] == "ann (declared)"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ack", "nope", "--comment", "c"), "found no alert for 'nope'"),
        (("explain", "nope"), "found no alert for 'nope'"),
        (("mute", X, "--until", "2001-01-01", "--comment", "c"), "found 2001-01-01: nothing would be muted"),
        (("mute", X, "--comment", "c"), "one of --until and --off"),
        (("ack", X), "Missing option '--comment'"),
    ],
)
def test_what_cannot_be_done_is_said_and_records_nothing(
    ledger: AuditLedger, words: tuple[str, ...], said: str
) -> None:
    before = ledger.read()
    result = run("alerts", *words)
    assert result.exit_code != 0
    assert said in result.output
    assert ledger.read() == before


def test_deliver_has_nothing_to_send_without_receivers(ledger: AuditLedger) -> None:
    assert run("alerts", "deliver", "--patience", "0").output == (
        "0 sent, 0 attempt(s) failed, 0 waiting, 0 given up.\n"
    )


@pytest.fixture
def proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLedger:
    """Return the events of dev, where conf lets monitoring act, with a proposal; nothing is really trained."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    ledger = open_ledger_of("dev")
    monitor(ledger, [make_ranking(0.6)])
    proposal = Proposal(as_of=MARCH, reasons=("It ranks worse.",), alerts=(RANKING,), version="3")
    ledger.append([propose(proposal, actor="boathouse", now=NOW)])
    return ledger


def end_with(code: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the pipelines end with ``code``; return the list of the reasons that they are given."""
    reasons: list[str] = []

    def pipelines(_environment: Any, reason: str) -> int:
        reasons.append(reason)
        return code

    monkeypatch.setattr(retrain_command, "run_pipelines", pipelines)
    return reasons


def kinds(ledger: AuditLedger) -> list[str]:
    return [record.kind for record in ledger.read()][2:]


def test_what_is_proposed_is_trained_once_and_its_reason_is_recorded(
    proposed: AuditLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = end_with(0, monkeypatch)
    assert run("retrain", "--if-proposed", env="dev").exit_code == 0
    assert run("retrain", "--if-proposed", env="dev").output == "No retraining is proposed: nothing was done.\n"
    assert reasons == ["It ranks worse."]
    assert kinds(proposed) == ["retraining_started", "retraining_succeeded"]


def test_one_that_fails_opens_an_alarm_that_the_next_success_resolves(
    proposed: AuditLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_with(3, monkeypatch)
    result = run("retrain", "--if-proposed", env="dev")
    assert result.exit_code == 1
    assert "ended with exit code 3" in result.output
    assert kinds(proposed) == ["retraining_started", "retraining_failed", "opened"]
    assert f"{FAILED_ALERT}  alarm" in run("alerts", "list", env="dev").output
    end_with(0, monkeypatch)
    assert run("retrain", "--reason", "repaired", env="dev").exit_code == 0
    assert kinds(proposed)[3:] == ["retraining_started", "retraining_succeeded", "resolved"]


def test_one_that_a_person_interrupts_is_on_record_as_ended_and_the_next_may_start(
    proposed: AuditLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(retrain_command, "run_pipelines", interrupt)
    assert run("retrain", "--if-proposed", env="dev").exit_code != 0
    assert kinds(proposed) == ["retraining_started", "retraining_failed"]
    end_with(0, monkeypatch)
    assert run("retrain", "--reason", "again", env="dev").exit_code == 0
    assert kinds(proposed)[2:] == ["retraining_started", "retraining_succeeded"]


def test_nothing_starts_by_itself_where_conf_only_proposes_or_data_are_wrong(
    proposed: AuditLedger, ledger: AuditLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = end_with(0, monkeypatch)
    proposal = Proposal(as_of=MARCH, reasons=("It ranks worse.",), alerts=(RANKING,), version="3")
    ledger.append([propose(proposal, actor="boathouse", now=NOW)])
    assert "monitoring.retraining.mode is 'propose'" in run("retrain", "--if-proposed").output
    monitor(proposed, [make_measure(0.2, kind="data", metric="null_share_change")])
    assert "nothing was started. Alerts on the quality of the data" in run("retrain", "--if-proposed", env="dev").output
    assert reasons == []


def test_without_a_proposal_a_person_gives_the_reason(ledger: AuditLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = end_with(0, monkeypatch)
    result = run("retrain")
    assert result.exit_code == 1
    assert "Expected a proposal of monitoring in environment 'test', found none" in result.output
    assert run("retrain", "--reason", "a new product").exit_code == 0
    assert reasons == ["a new product"]
