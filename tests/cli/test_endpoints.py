"""The commands about endpoints and experiments, as typed."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.endpoints.options import LogOptions
from boathouse.endpoints.routing import locate_units
from boathouse.serving.inference_log import InferenceLog
from tests.fixtures.log_entries import entry

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT = "missed_payment"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a copy of conf and room for data."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    return tmp_path


def run(workspace: Path, *words: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(cli, [*words, "--conf-source", str(workspace / "conf"), "--env", "test"])
    assert result.exit_code == code, result.output
    return result.output


def test_every_strategy_is_one_command_and_its_undo(workspace: Path) -> None:
    before = json.loads(run(workspace, "endpoints", "show", ENDPOINT, "--json"))
    for words, shown in (
        (("--split", "shadow", "--mirror", "challenger"), "shadow: champion 100 %, challenger 0 %, shadow challenger"),
        (("--split", "canary", "--candidate", "challenger"), "canary: champion 99 %, challenger 1 %"),
        (("--split", "rolling", "--candidate", "challenger", "--batches", "2"), "canary: champion 50 %"),
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("endpoints", "rollback", ENDPOINT), "nothing to roll back to"),
        (("endpoints", "show", "nobody"), "There is no endpoint 'nobody'"),
        (("endpoints", "update", ENDPOINT, "--route", "champion"), "is no route"),
        (("endpoints", "update", ENDPOINT, "--salt", "autumn"), "--salt and --unit belong to --split ab"),
        (("endpoints", "update", ENDPOINT, "--split", "ab", "--route", "champion=100"), "needs --salt"),
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
    for unit, place in enumerate(locate_units("s", map(str, range(count)))):
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
        for unit, place in enumerate(locate_units("s", map(str, range(400))))
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
