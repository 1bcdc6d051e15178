"""``boathouse models report`` as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
from click.testing import CliRunner
from deltalake import DeltaTable

from boathouse.cli.main import cli
from tests.fixtures.trained_workspace import MODEL, tag

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.fixtures.trained_workspace import TrainedWorkspace


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["models", "report", *words, "--env", "test"])


def test_the_report_tells_versions_and_findings(trained: TrainedWorkspace, tmp_path: Path) -> None:
    # As dist/ in a checkout: not there before the first command that writes into it.
    path = tmp_path / "dist" / "report.html"
    done = run("missed_payment", "--to", str(path))
    assert (done.exit_code, done.output) == (0, f"{path}: 1 version(s), 1 finding(s)\n")
    page = path.read_text(encoding="utf-8")
    assert f"Governance of {MODEL}" in page
    # The fixture has put the commit of its checkout in place of the one that was registered.
    assert "Its tag git_sha is" in page
    assert f"{trained.commit}&#39;, registered was" in page
    tag(trained, stage="champion")
    mlflow.MlflowClient().set_registered_model_alias(MODEL, "champion", "1")
    try:
        text = run("--format", "markdown").output
    finally:
        mlflow.MlflowClient().delete_registered_model_alias(MODEL, "champion")
    assert (
        "| error | all | alias differs | Alias champion is version 1 in the registry and not set in the ledger." in text
    )
    assert "| error | 1 | stage differs |" in text


def test_publishing_twice_is_one_version_of_the_table(trained: TrainedWorkspace) -> None:
    for _ in range(2):
        done = run("missed_payment", "--publish", "--format", "markdown")
        assert done.exit_code == 0, done.output
    table = DeltaTable(trained.data / "lakehouse" / "test" / "audit" / "model_versions")
    (row,) = table.to_pyarrow_table().to_pylist()
    assert table.version() == 0
    assert (row["model_name"], row["model_version"], row["git_commit"]) == (MODEL, "1", trained.commit)
    assert "test.features.spending@0" in row["tables"]


def test_an_unknown_model_is_said(trained: TrainedWorkspace) -> None:
    done = run("nobody")
    assert (done.exit_code, "test.models.nobody" in done.output) == (1, True)
