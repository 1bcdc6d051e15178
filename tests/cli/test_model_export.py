"""``boathouse models export``: a registered version as a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import mlflow
import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import guard_command
from boathouse.cli.model_files import export
from tests.conventions.project import CONF
from tests.fixtures.decided import decide, open_cycle
from tests.fixtures.model_store import NAME, make_dataset, make_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def registered(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dataset().save(make_model())
    make_dataset().save(make_model(0.8))
    decide(store.parent / "lakehouse", NAME, "1")
    monkeypatch.setenv("BOATHOUSE_DATA", str(store.parent))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")


def run(*arguments: str) -> Result:
    command = [*arguments, "--env", "test", "--conf-source", str(CONF), "--name", NAME]
    return CliRunner().invoke(guard_command(export), command)


@pytest.mark.parametrize(("asked", "version"), [("champion", "1"), ("2", "2")])
def test_a_version_or_an_alias_is_exported(asked: str, version: str, tmp_path: Path) -> None:
    done = run(asked, "--to", str(tmp_path / "edge"))
    assert done.exit_code == 0, done.output
    assert f"{NAME} version {version} as onnx" in done.output
    assert "model.onnx" in done.output
    described = json.loads((tmp_path / "edge" / "spec.json").read_text())
    assert described["version"] == version
    stage = "champion" if version == "1" else "registered"
    assert (described["decision"]["stage"], described["decision"]["digest"]) == (stage, described["digest"])
    assert f"It is {stage} by record" in done.output


def test_what_was_moved_past_the_ledger_or_archived_does_not_leave(store: Path, tmp_path: Path) -> None:
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", "2")
    moved = run("champion", "--to", str(tmp_path / "edge"))
    assert (moved.exit_code, "test.audit.promotions decided: version 1" in moved.output) == (1, True)
    open_cycle(store.parent / "lakehouse", NAME).archive("2", comment="old")
    archived = run("2", "--to", str(tmp_path / "edge"))
    assert (archived.exit_code, f"Version 2 of {NAME} is archived (old)" in archived.output) == (1, True)
    assert not (tmp_path / "edge").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [("9", "has no version 9"), ("best", "allowed: challenger, champion"), ("previous", "has no previous")],
)
def test_what_is_not_there_is_named(asked: str, message: str, tmp_path: Path) -> None:
    done = run(asked, "--to", str(tmp_path / "edge"))
    assert done.exit_code == 1
    assert message in done.output
    assert not (tmp_path / "edge").exists()
