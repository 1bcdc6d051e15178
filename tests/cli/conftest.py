"""The sample project, and the packaged project, built once from a copy in which secrets were planted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from boathouse.cli.main import cli
from tests.fixtures.model_store import empty_store, store
from tests.fixtures.sample_project import fail_training, sample, shared_store, tracked
from tests.fixtures.trained_workspace import run_git

if TYPE_CHECKING:
    from click.testing import Result

__all__ = ["empty_store", "fail_training", "sample", "shared_store", "store", "tracked"]

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2-not-for-others"  # noqa: S105 - planted, to be found if it gets out
PLANTED = ("base/credentials.yml", "prod/credentials_db.yml", "prod/training/credentials.yaml", "local/globals.yml")


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Return the folder with the two artefacts, and what the command said."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE", ".env"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "local"))
    for name in PLANTED:
        path = copy / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"password: {SECRET}\n", encoding="utf-8")
    (copy / "src" / "boathouse.egg-info").mkdir()
    (copy / "build" / "lib" / "boathouse").mkdir(parents=True)
    (copy / "build" / "lib" / "boathouse" / "deleted_long_ago.py").write_text("", encoding="utf-8")
    # What was planted is in the commit: a wheel of changed files would be no release.
    for words in (["init", "-q"], ["add", "--force", "."], ["commit", "-q", "-m", "Release"]):
        run_git(copy, *words)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        result = CliRunner().invoke(cli, ["package"])
    assert result.exit_code == 0, result.output
    return copy / "dist", result


@pytest.fixture(autouse=True)
def kept_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the session that the tests of this process share when a command is interrupted in it."""
    monkeypatch.setattr("boathouse.tables.engines.registry.abandon_engines", lambda: None)
