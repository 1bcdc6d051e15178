"""``boathouse bundle check`` as it is typed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from boathouse.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PRINCIPAL = "5f0c1a2b-3d4e-4f60-8a7b-9c0d1e2f3a4b"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of what the check reads, as the current folder; no program of the platform is on the path."""
    for name in ("databricks.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("resources", "bundles", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in list(os.environ):
        if name.startswith(("BUNDLE_VAR_", "DATABRICKS_")):
            monkeypatch.delenv(name)
    return tmp_path


def check(*words: str) -> Result:
    return CliRunner().invoke(cli, ["bundle", "check", *words])


def test_the_shipped_bundles_pass_and_what_was_not_run_is_said(project: Path) -> None:
    result = check()
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "4 bundles, 31 resources, no problem."
    assert (
        "Not run for boathouse: databricks bundle validate --strict (there is no program databricks)." in result.output
    )


def test_a_mistake_ends_with_exit_code_1_and_its_place(project: Path) -> None:
    path = project / "bundles" / "monitors" / "resources" / "alarms.alert.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("0 0 10 * * ?", "0 0 10 * *"), encoding="utf-8")
    result = check("--target", "staging")
    assert result.exit_code == 1
    assert (
        "bundles/monitors/resources/alarms.alert.yml: resources.alerts.alarms.schedule.quartz_cron_schedule: cron "
        "'0 0 10 * *': 5 fields"
    ) in result.output
    assert result.output.splitlines()[-1].endswith("1 problem(s).")


def test_json_has_each_part_of_a_problem(project: Path) -> None:
    path = project / "resources" / "cycle.job.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("timezone_id: UTC", "timezone_id: Mars"), encoding="utf-8")
    result = check("--json")
    assert result.exit_code == 1
    [problem] = json.loads(result.output)
    assert problem == {
        "bundle": ".",
        "file": "resources/cycle.job.yml",
        "path": "resources.jobs.cycle.schedule.timezone_id",
        "found": "unknown time zone 'Mars'",
        "expected": "a name such as UTC",
        "action": "Correct it.",
        "targets": [],
    }
    path.write_text(path.read_text(encoding="utf-8").replace("timezone_id: Mars", "timezone_id: UTC"), encoding="utf-8")
    assert json.loads(check("--json").output) == []


def test_values_are_checked_where_they_are_given(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check("--target", "prod", "--var", f"service_principal={PRINCIPAL}").exit_code == 0
    result = check("--target", "prod", "--var", "service_principal=deployer")
    assert result.exit_code == 1
    assert "service principal 'deployer'; expected its application id" in result.output
    monkeypatch.setenv("BUNDLE_VAR_service_principal", "deployer")
    assert check("--target", "prod").exit_code == 1
    assert check("--target", "prod", "--var", f"service_principal={PRINCIPAL}").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--target", "qa"], "No target qa; there are: dev, prod, staging."),
        (["--var", "catalgo=x"], "No variable catalgo; there are: approvers, capacity, catalog,"),
        (["--var", "catalog"], "expected NAME=VALUE"),
    ],
)
def test_what_no_bundle_has_is_refused(project: Path, words: list[str], message: str) -> None:
    result = check(*words)
    assert result.exit_code == 2
    assert message in result.output


def test_a_folder_without_a_bundle_says_where_to_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = check()
    assert result.exit_code == 1
    assert "Type the command in the folder of the project" in result.output


@pytest.mark.parametrize(("code", "exit_code", "said"), [(0, 0, "passed"), (1, 1, "FAILED with exit code 1")])
def test_the_platforms_own_validation_is_run_where_it_is_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, code: int, exit_code: int, said: str
) -> None:
    program = project / "bin" / "databricks"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> "{project}/typed"\nexit {code}\n', encoding="utf-8")
    program.chmod(0o755)
    assert "(DATABRICKS_HOST is not set)" in check("--target", "dev").output
    monkeypatch.setenv("DATABRICKS_HOST", "https://workspace.example.com")
    result = check("--target", "dev", "--var", "catalog=sea")
    assert result.exit_code == exit_code
    assert f"databricks bundle validate --strict --target dev of boathouse: {said}." in result.output
    typed = (project / "typed").read_text(encoding="utf-8").splitlines()
    assert typed[0] == "bundle validate --strict --target dev --var=catalog=sea"
    assert len(typed) == 3
