"""The commands about endpoints and experiments, as typed."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
import yaml
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.endpoints.options import LogOptions
from boathouse.endpoints.routing import locate_units
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.policy import Identity
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.serving.inference_log import InferenceLog
from boathouse.tables.location import TableLocation
from tests.fixtures.decided import decide, open_cycle
from tests.fixtures.log_entries import entry
from tests.fixtures.model_store import empty_store, make_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from boathouse.lifecycle.chain import AuditRecord

__all__ = ["empty_store"]

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT, MODEL = "missed_payment", "test.models.missed_payment"
UPDATE = ("endpoints", "update", ENDPOINT)


@pytest.fixture(scope="module")
def registered(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a data folder with champion 1 and challenger 2, to be copied."""
    folder = tmp_path_factory.mktemp("registered")
    shutil.copy(empty_store, folder / "mlflow.db")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("late", artifact_location=f"file://{folder}/runs")
    mlflow.set_experiment(experiment_id=experiment)
    for risk, stage in ((0.7, "champion"), (0.9, "challenger")):
        dataset = ModelVersionDataset(name=MODEL)
        dataset.save(make_model(risk))
        decide(folder / "lakehouse", MODEL, str(dataset.last_saved_version), stage=stage)
    yield folder
    mlflow.end_run()
    mlflow.set_tracking_uri(before)


@pytest.fixture
def workspace(registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a copy of conf, and data with two versions."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(registered, tmp_path / "data", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def govern(workspace: Path, **changes: Any) -> None:
    """Set rules of the environment."""
    folder = workspace / "conf/test/governance"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "parameters_governance.yml").write_text(yaml.safe_dump({"governance": changes}))


def list_records(workspace: Path, kind: str) -> list[AuditRecord]:
    location = TableLocation.from_lakehouse(
        "test.audit.deployments", {"engine": "sail", "root": (workspace / "data/lakehouse").as_posix()}
    )
    return [each for each in open_ledger(location).read() if each.kind == kind]


def run(workspace: Path, *words: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(cli, [*words, "--conf-source", str(workspace / "conf"), "--env", "test"])
    assert result.exit_code == code, result.output
    return result.output


def test_every_strategy_is_one_command_and_its_undo(workspace: Path) -> None:
    before = json.loads(run(workspace, "endpoints", "show", ENDPOINT, "--json"))
    for words, shown in (
        (("--split", "shadow", "--mirror", "challenger"), "shadow: champion 100 %, challenger 0 %, shadow challenger"),
        (("--split", "canary", "--candidate", "challenger"), "canary: champion 99 %, challenger 1 %"),
        (("--split", "rolling", "--candidate", "challenger", "--batches", "2"), "rolling: champion 50 %"),
        (("--split", "weight", "--route", "challenger=100"), "weight: champion 0 %, challenger 100 %"),
        (
            ("--split", "ab", "--salt", "s", "--route", "champion=50", "--route", "challenger=50"),
            "ab: champion 50 %, challenger 50 %, by customer_id",
        ),
    ):
        assert shown in run(workspace, "endpoints", "update", ENDPOINT, *words)
        run(workspace, "endpoints", "rollback", ENDPOINT, "--comment", "back")
        assert json.loads(run(workspace, "endpoints", "show", ENDPOINT, "--json")) == before
    assert run(workspace, "endpoints", "show", ENDPOINT).count("rolled_back") == 5


def test_a_document_goes_out_and_in_again(workspace: Path) -> None:
    document = json.loads(run(workspace, "endpoints", "show", ENDPOINT, "--json"))
    document["boathouse"]["split"]["salt"] = "another"
    (workspace / "new.json").write_text(json.dumps(document))
    assert "record 1 (updated)" in run(
        workspace, "endpoints", "update", ENDPOINT, "--file", str(workspace / "new.json")
    )
    said = run(
        workspace,
        "endpoints",
        "update",
        ENDPOINT,
        "--route",
        "champion=60",
        "--route",
        "challenger=40",
        "--expect",
        "0",
        code=1,
    )
    assert "record 1 (updated)" in said
    assert "Nothing of yours was applied" in said
    assert "record 77 was expected" in run(
        workspace,
        "endpoints",
        "update",
        ENDPOINT,
        "--route",
        "champion=90",
        "--route",
        "challenger=10",
        "--expect",
        "77",
        code=1,
    )
    for text, fault in (("[1]", "holds list; expected the document"), ("{a: [", "line 2 is neither YAML nor JSON")):
        (workspace / "new.json").write_text(text + chr(10))
        assert fault in run(workspace, "endpoints", "update", ENDPOINT, "--file", str(workspace / "new.json"), code=1)


def test_what_is_by_command_is_told_from_what_is_in_conf(workspace: Path) -> None:
    run(workspace, "endpoints", "update", ENDPOINT, "--split", "canary", "--candidate", "challenger")
    path = workspace / "conf/base/serving/endpoints.yml"
    path.write_text(path.read_text().replace("queue_length: 256", "queue_length: 99"))
    shown = run(workspace, "endpoints", "show", ENDPOINT)
    for line in (
        "by command (record 1); all else as in conf:",
        "traffic is champion 99 %, challenger 1 %; in conf champion 100 %, challenger 0 %",
        "split.kind is canary; in conf weight",
        f"challenger   {MODEL}, version 2, pinned (alias challenger is version 2 now)",
    ):
        assert line in shown
    assert "queue_length" not in shown
    document = json.loads(run(workspace, "endpoints", "show", ENDPOINT, "--json"))
    assert document["boathouse"]["limits"]["queue_length"] == 99
    assert "champion 100 %" in run(workspace, "endpoints", "reset", ENDPOINT, "--comment", "as released")
    assert "all of it as in conf" in run(workspace, "endpoints", "show", ENDPOINT)
    assert "serves what conf says: nothing was recorded" in run(workspace, "endpoints", "reset", ENDPOINT)
    [record] = list_records(workspace, "reset")
    assert (record.comment, bool(record.actor)) == ("as released", True)


@pytest.mark.parametrize(
    "words",
    [
        ("update", "--route", "champion=50", "--route", "challenger=50"),
        ("promote",),
        ("rollback",),
        ("reset",),
        ("pause",),
        ("resume",),
        ("canary-step",),
    ],
)
def test_who_may_not_change_models_may_not_change_what_answers(workspace: Path, words: tuple[str, ...]) -> None:
    roles = {"promote": ["@system"], "rollback": ["@system"]}
    govern(workspace, roles=roles)
    # A name that is only declared is no account of the machine.
    said = run(workspace, "endpoints", words[0], ENDPOINT, *words[1:], "--as", "mallory", code=1)
    assert "mallory may not" in said
    assert "@system (every account of this machine, off the platform)" in said
    [record] = list_records(workspace, "refused")
    assert (record.actor, record.assurance) == ("mallory", "declared")
    assert "nothing recorded" in run(workspace, "endpoints", "show", ENDPOINT)


def test_all_traffic_needs_the_approval_that_production_needs(workspace: Path) -> None:
    govern(workspace, approvals={"needed": 1, "carry_out": False, "accepted_assurance": {"elsewhere": ["system"]}})
    half = ("--split", "ab", "--salt", "s", "--route", "champion=50", "--route", "challenger=50")
    run(workspace, "endpoints", "update", ENDPOINT, *half)
    missing = "Version 2 has 0 valid approval(s), needs 1"
    for words in (
        ("promote",),
        ("update", "--split", "weight", "--route", "challenger=100"),
        ("update", "--route", "challenger=51", "--route", "champion=49"),
    ):
        said = run(workspace, "endpoints", words[0], ENDPOINT, *words[1:], code=1)
        assert missing in said
        assert "allowed are 50 %" in said
    [record] = list_records(workspace, "refused")
    assert missing in record.comment
    # An approval under a name that is only declared does not count; one by an account does.
    append_approval(workspace, "maria", "declared")
    assert "rests on assurance 'declared' and does not count here" in run(
        workspace, "endpoints", "promote", ENDPOINT, code=1
    )
    append_approval(workspace, "ann", "system")
    assert "challenger 100 %" in run(workspace, "endpoints", "promote", ENDPOINT)
    # What a person rejects afterwards does not come back by way of an older record.
    run(workspace, "endpoints", "rollback", ENDPOINT)
    open_cycle(workspace / "data/lakehouse", MODEL).reject("2", comment="Unfair to one group")
    said = run(
        workspace,
        "endpoints",
        "rollback",
        ENDPOINT,
        "--to",
        str(list_records(workspace, "promoted")[0].sequence),
        code=1,
    )
    assert "was rejected by tom" in said


def append_approval(workspace: Path, by: str, assurance: str) -> None:
    """Record a request for production and its approval."""
    cycle = open_cycle(workspace / "data/lakehouse", MODEL)
    request = cycle.read().find_request("2", "production")
    digest = cycle.read().versions["2"].digest
    if request is None:
        cycle.ledger.append([cycle._event("requested", "2", "Better", {"to": "production"})])
        request = cycle.read().find_request("2", "production")
    evidence = {"request": request.request_id, "to": "production"}
    event = cycle._event("approved", "2", "Card reviewed", evidence, digest=digest, by=Identity(by, assurance))
    cycle.ledger.append([event])


def test_two_endpoints_do_not_disturb_each_other(workspace: Path) -> None:
    path = workspace / "conf/base/serving/endpoints.yml"
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**document, "other": document[ENDPOINT]}, sort_keys=False))
    run(workspace, "endpoints", "update", ENDPOINT, "--split", "canary", "--candidate", "challenger")
    run(workspace, "endpoints", "update", "other", "--split", "weight", "--route", "challenger=100")
    run(workspace, "endpoints", "rollback", ENDPOINT)
    listed = run(workspace, "endpoints", "list")
    assert "weight: champion 100 %, challenger 0 %" in listed
    assert "weight: champion 0 %, challenger 100 %" in listed
    assert "there is nothing to roll back to" not in run(workspace, "endpoints", "rollback", "other")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("endpoints", "rollback", ENDPOINT), "nothing to roll back to"),
        (("endpoints", "show", "nobody"), "There is no endpoint 'nobody'"),
        ((*UPDATE, "--route", "champion"), "is no route"),
        ((*UPDATE, "--route", "champion=nan"), "'traffic_percentage' is nan"),
        ((*UPDATE, "--route", "champion=101", "--route", "challenger=-1"), "is 101.0; allowed"),
        ((*UPDATE, "--route", "champion=50", "--route", "champion=100"), "names 'champion' twice"),
        ((*UPDATE, "--route", "absent=100"), "does not serve 'absent'"),
        ((*UPDATE, "--split", "rolling", "--candidate", "challenger", "--batches", "0"), "1<=x<=100"),
        ((*UPDATE, "--split", "canary", "--candidate", "challenger", "--steps", "nan"), "is nan"),
        ((*UPDATE, "--split", "canary", "--candidate", "champion"), "answers 100 % already"),
        ((*UPDATE, "--salt", "autumn"), "--salt and --unit belong to --split ab"),
        ((*UPDATE, "--split", "ab", "--route", "champion=100"), "needs --salt"),
        (("endpoints", "canary-step", ENDPOINT), "no canary under way"),
        (("endpoints", "pause", ENDPOINT), "no canary under way"),
        (("endpoints", "load-test", "--request", "pyproject.toml"), "Give a URL, or --start"),
        (("endpoints", "compact-log"), "no endpoint has logged yet"),
        (("experiments", "plan", "--effect", "0.1"), "--baseline for a rate, or --deviation for a mean"),
        (("experiments", "report", ENDPOINT, "--outcomes", "pyproject.toml"), "never had an A/B test"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(workspace: Path, words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(cli, [*words, "--conf-source", str(workspace / "conf"), "--env", "test"])
    assert result.exit_code in {1, 2}
    assert said in result.output


def test_sizes_and_advice(workspace: Path) -> None:
    assert "1.00 units; for peaks 1.43" in run(workspace, "endpoints", "size", "--qps", "50", "--ms", "20")
    words = (
        "--latency-ms",
        "100",
        "--per-second",
        "5",
        "--rows",
        "30000",
        "--importance",
        "high",
        "--record",
        ENDPOINT,
    )
    assert "precomputed" in run(workspace, "endpoints", "advise", *words)
    shown = run(workspace, "endpoints", "show", ENDPOINT)
    assert "advised" in shown
    assert "as in conf" in shown
    assert "15,976 units for the control" in run(
        workspace, "experiments", "plan", "--baseline", "0.12", "--effect", "-0.01"
    )


def answer_units(workspace: Path, count: int) -> None:
    """Log what an A/B test with the salt s would have answered."""
    log = InferenceLog(
        workspace / "data/lakehouse/test/inference/endpoint_log",
        workspace / "data/endpoint_log/test",
        LogOptions(personal_columns=("customer_id",), personal_policy="hash"),
    )
    log.start()
    moment = datetime.now(UTC) + timedelta(seconds=1)
    for unit, place in enumerate(locate_units("s", map(str, range(1, count + 1))), start=1):
        log.record(
            entry(
                unit,
                request_time=moment,
                endpoint=ENDPOINT,
                request=json.dumps({"dataframe_records": [{"customer_id": unit}]}),
                served_entity_id="champion" if place < 16**15 / 2 else "challenger",
            )
        )
    assert log.close()


def test_an_experiment_from_start_to_report(workspace: Path) -> None:
    start = ("--split", "ab", "--salt", "s", "--route", "champion=50", "--route", "challenger=50")
    run(workspace, "endpoints", "update", ENDPOINT, *start)
    answer_units(workspace, 400)
    # The units of the variant pay, half of the others do not.
    lines = [
        f"{unit},{int(place >= 16**15 / 2 or unit % 2)},0"
        for unit, place in enumerate(locate_units("s", map(str, range(1, 401))), start=1)
    ]
    (workspace / "outcomes.csv").write_text("\n".join(["customer_id,paid,late", *lines]))
    words = (
        "--outcomes",
        str(workspace / "outcomes.csv"),
        "--label",
        "late",
        "--metric",
        "paid",
        "--expected",
        "paid=0.1",
    )
    said = run(workspace, "experiments", "report", ENDPOINT, *words)
    assert "division: as planned" in said
    assert "challenger 1, of" in said
    assert "at any look" in said
    assert "brier_score (model metric, mean)" in said


def test_experiments_can_be_switched_off(workspace: Path) -> None:
    path = workspace / "conf/base/serving/rollouts.yml"
    document = yaml.safe_load(path.read_text())
    document["experiments"]["enabled"] = False
    path.write_text(yaml.safe_dump(document))
    start = ("--split", "ab", "--salt", "s", "--route", "champion=50", "--route", "challenger=50")
    assert "switched off" in run(workspace, "endpoints", "update", ENDPOINT, *start, code=1)
    assert "switched off" in run(workspace, "experiments", "plan", "--baseline", "0.1", "--effect", "0.1", code=1)
