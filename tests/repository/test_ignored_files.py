"""What a run, an endpoint or a test leaves in a checkout is not committed by ``git add -A``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs("git")


ROOT = Path(__file__).resolve().parents[2]
LEFT_BEHIND = (
    "data/endpoint_log/dev/salt",
    "data/endpoint_log/prod/journal-1.jsonl",
    "data/tokens_dev.json",
    "data/tokens_prod.json.lock",
    "data/lakehouse/dev/clean/customers/part-0.parquet",
    "data/lakehouse_anchors/dev.audit.promotions.jsonl",
    "data/mlflow.db",
    "data/online_dev.db-wal",
    "data/reports/dev/evaluation.json",
    "dist/report.html",
    "conf/local/credentials.yml",
    "conf/prod/credentials_db.yml",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with this project's rules and files left behind, ``.venv`` a link to a shared one."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in (*LEFT_BEHIND, "data/01_raw/customers.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
    (tmp_path / "shared").mkdir()
    (tmp_path / ".venv").symlink_to(tmp_path / "shared")
    return tmp_path


def git(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", "-C", folder, *words], check=False, capture_output=True, text=True)
    return sorted(done.stdout.splitlines())


def test_only_sources_and_extracts_would_be_added(checkout: Path) -> None:
    assert git(checkout, "add", "-A", "-n") == ["add '.gitignore'", "add 'data/01_raw/customers.csv'"]


def test_each_file_is_ignored_by_a_rule(checkout: Path) -> None:
    assert git(checkout, "check-ignore", *LEFT_BEHIND, ".venv") == sorted([*LEFT_BEHIND, ".venv"])


def test_an_environment_that_is_a_folder_is_ignored_too(checkout: Path) -> None:
    (checkout / ".venv").unlink()
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").touch()
    assert git(checkout, "check-ignore", ".venv/bin/python") == [".venv/bin/python"]
