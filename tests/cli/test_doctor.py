"""boathouse doctor: findings, exit code, and no secret in either form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from boathouse.cli.doctor import Check, render_json, render_table
from boathouse.cli.main import cli
from boathouse.tables.engines.registry import EngineState

if TYPE_CHECKING:
    from tests.fixtures.sample_project import SampleProject


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take it that the chosen engine starts: starting it is tested with the engines."""
    state = EngineState(name="sail", version="0", note="started")
    monkeypatch.setattr("boathouse.cli.doctor.start_engine", lambda _: state)


def examine(sample: SampleProject, *words: str) -> tuple[Result, dict[str, dict[str, str]]]:
    words = ("doctor", "--env", "test", "--conf-source", str(sample.conf), "--json", *words)
    result = CliRunner().invoke(cli, words)
    checks = {check["name"]: check for check in json.loads(result.stdout)} if result.stdout else {}
    return result, checks


def test_a_sound_set_up_exits_with_zero(sample: SampleProject) -> None:
    result, checks = examine(sample)
    assert result.exit_code == 0, result.output
    assert {name for name, check in checks.items() if check["status"] == "fail"} == set()
    assert checks["engine sail (chosen)"]["detail"] == "0 · started"
    assert not sample.data.exists()


@pytest.mark.parametrize(
    ("file", "text", "finding", "expected"),
    [
        ("test/training/parameters_training.yml", "training: {split: {share: 9}}", "conf test", "allowed: 0 to 1"),
        ("test/catalog.yml", "raw.x: {type: no.such.Dataset}", "conf test", "raw.x"),
        ("test/catalog.yml", "a: {type: kedro.io.MemoryDataset, dat: 1}", "conf test", "catalog 'a'"),
        ("test/globals.yml", "environment: ${oc.env:NOT_SET}", "conf test", "globals"),
        ("test/mlflow.yml", "server: {mlflow_tracking_uri: 'http://127.0.0.1:9'}", "mlflow store", "does not answer"),
        (
            "test/globals.yml",
            "environment: test\nlakehouse: {root: /dev/null/lake}",
            "lakehouse",
            "cannot be written",
        ),
        (
            "test/globals.yml",
            "environment: test\nreports_folder: /dev/null/reports",
            "reports",
            "cannot be written",
        ),
    ],
)
def test_what_is_broken_fails_by_name(sample: SampleProject, file: str, text: str, finding: str, expected: str) -> None:
    sample.write(file, text)
    result, checks = examine(sample)
    assert result.exit_code == 1
    assert checks[finding]["status"] == "fail"
    assert expected in checks[finding]["detail"]


def test_a_broken_environment_that_is_not_chosen_only_warns(sample: SampleProject) -> None:
    sample.write("other/globals.yml", "environment: other")
    sample.write("other/catalog.yml", "raw.x: {type: no.such.Dataset}")
    result, checks = examine(sample)
    assert (result.exit_code, checks["conf other"]["status"]) == (0, "warn")


def test_missing_extracts_fail_with_their_path(sample: SampleProject) -> None:
    sample.write("test/catalog.yml", "raw.file: {type: text.TextDataset, filepath: '${globals:raw_folder}/a.csv'}")
    result, checks = examine(sample)
    assert result.exit_code == 1
    assert f"{sample.data}/01_raw/a.csv" in checks["extracts"]["detail"]
    sample.write("test/catalog.yml", OPTIONAL)
    result, checks = examine(sample)
    assert (result.exit_code, "extracts" in checks) == (0, False)


OPTIONAL = """
raw.file:
  type: boathouse.tables.extracts.CsvExtractDataset
  filepath: ${globals:raw_folder}/a.csv
  lakehouse: ${globals:lakehouse}
  contract: raw.customers
  optional: true
"""


def test_a_data_folder_that_no_library_can_name_is_found_before_anything_else(
    sample: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOATHOUSE_DATA", f"{sample.data}%20x")
    result, checks = examine(sample)
    assert (result.exit_code, list(checks)) == (1, ["python", "data folder"])
    assert "has %20, which the Delta library reads as another character" in checks["data folder"]["detail"]
    assert not list(sample.data.parent.glob("data*"))


def test_an_engine_that_cannot_start_fails_with_the_remedy(
    sample: SampleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOATHOUSE_ENGINE", "databricks")
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    result, checks = examine(sample)
    assert result.exit_code == 1
    assert "DATABRICKS_HOST" in checks["engine databricks (chosen)"]["detail"]


def test_credentials_are_told_by_name_only(sample: SampleProject, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"DATABRICKS_TOKEN": "dapi-0815-0815", "MLFLOW_TRACKING_PASSWORD": "correct-horse"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:correct-horse@127.0.0.1:9")
    for words in (["--json"], []):
        result = CliRunner().invoke(cli, ["doctor", "--env", "test", "--conf-source", str(sample.conf), *words])
        shown = result.stdout + result.stderr
        assert all(name in shown for name in secrets)
        assert not any(value in shown for value in secrets.values())
        assert "127.0.0.1:9" in shown


def test_an_unknown_environment_is_an_error(sample: SampleProject) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--env", "x", "--conf-source", str(sample.conf)])
    assert result.exit_code == 1
    assert "has: test." in result.stderr


CHECKS = (
    Check(name="store", status="ok", detail="https://anna:pass-phrase@host"),
    Check(name="engine sail", status="fail", detail="dapi-0815-0815 is no token\npip install it"),
)


@pytest.mark.parametrize("render", [render_table, render_json])
def test_no_form_shows_a_secret(render: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-0815-0815")
    shown = render(CHECKS)  # type: ignore[operator]
    assert "pass-phrase" not in shown
    assert "dapi-0815-0815" not in shown
    assert "https://***@host" in shown


def test_the_table_aligns_and_sums_up() -> None:
    lines = render_table(CHECKS).splitlines()
    assert lines[:3] == [
        "ok    store        https://***@host",
        "fail  engine sail  dapi-0815-0815 is no token",
        "                   pip install it",
    ]
    assert lines[-1] == "This set-up does not work: engine sail."
    assert render_table(CHECKS[:1]).endswith("This set-up works.")


def test_json_is_a_list_of_findings() -> None:
    assert [check["status"] for check in json.loads(render_json(CHECKS))] == ["ok", "fail"]
