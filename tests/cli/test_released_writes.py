"""Commands that write ask first whether code and configuration are released; names are declared off the platform."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.errors import ReleaseError
from boathouse.lifecycle.identity import read_identity
from boathouse.lifecycle.policy import Identity
from tests.cli.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.environment import Environment

WHY = ("--comment", "why")
WRITES = {
    "refresh": ["features", "refresh"],
    "backfill": ["features", "backfill", "--from", "2005-09", "--to", "2005-09"],
    "publish": ["features", "publish"],
    "publish predictions": ["features", "publish-predictions"],
    "infer": ["infer", "rows.csv", "--to", "csv:scores"],
    "serve": ["serve"],
    "deliver": ["audit", "deliver"],
    "update": ["endpoints", "update", "missed_payment", "--route", "champion=100"],
    "promote on an endpoint": ["endpoints", "promote", "missed_payment"],
    "roll an endpoint back": ["endpoints", "rollback", "missed_payment"],
    "canary": ["endpoints", "canary-step", "missed_payment"],
    "pause": ["endpoints", "pause", "missed_payment"],
    "resume": ["endpoints", "resume", "missed_payment"],
    "compact": ["endpoints", "compact-log"],
    "request": ["models", "request", "1", "--to", "production", *WHY],
    "approve": ["models", "approve", "1", *WHY],
    "reject": ["models", "reject", "1", *WHY],
    "check approval": ["models", "check-approval", "1"],
    "promote": ["models", "promote", "1", *WHY],
    "rollback": ["models", "rollback", *WHY],
    "archive": ["models", "archive", "1", *WHY],
    "stop": ["models", "stop", *WHY],
    "sync": ["models", "sync"],
    "accept": ["audit", "accept", "audit.promotions", *WHY],
}


@pytest.mark.parametrize("words", WRITES.values(), ids=WRITES.keys())
def test_a_command_that_writes_is_refused_before_it_writes(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(environment: Environment) -> None:
        asked.append(environment.name)
        message = "not released"
        raise ReleaseError(message)

    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("boathouse.hooks.releases.check_writing", refuse)
    result = CliRunner().invoke(cli, [*words, "--env", "prod", "--conf-source", str(ROOT / "conf")])
    assert (result.exit_code, asked) == (1, ["prod"]), result.output
    assert "not released" in result.stderr
    assert not (tmp_path / "data").exists()


def test_the_environment_that_a_copy_is_made_in_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(environment: Environment) -> None:
        asked.append(environment.name)
        message = "not released"
        raise ReleaseError(message)

    monkeypatch.setattr("boathouse.hooks.releases.check_writing", refuse)
    words = ["models", "copy", "1", "--env", "staging", "--to", "prod", *WHY]
    result = CliRunner().invoke(cli, [*words, "--conf-source", str(ROOT / "conf")])
    assert (result.exit_code, asked) == (1, ["prod"]), result.output


@pytest.mark.parametrize("words", [WRITES["approve"], WRITES["rollback"], WRITES["pause"]])
def test_a_declared_name_acts_for_one_command_alone(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[Identity] = []

    def note(environment: Environment) -> None:
        acted.append(read_identity())
        message = "not released"
        raise ReleaseError(message)

    monkeypatch.delenv("BOATHOUSE_USER", raising=False)
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setattr("boathouse.hooks.releases.check_writing", note)
    CliRunner().invoke(cli, [*words, "--as", "maria", "--env", "prod", "--conf-source", str(ROOT / "conf")])
    assert [(each.name, each.assurance) for each in acted] == [("maria", "declared")]
    assert acted[0].account == read_identity().name
    assert "BOATHOUSE_USER" not in os.environ


def test_on_the_platform_no_name_can_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    result = CliRunner().invoke(cli, [*WRITES["approve"], "--as", "maria"])
    assert result.exit_code == 2
    assert "on Databricks the platform says who you are" in result.stderr
