"""A small bank with one trained version, and a checkout whose commit is the code that trained it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlflow
import pytest

from tests.model_store import empty_store
from tests.small_bank import ROOT, SmallBank

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["empty_store", "trained", "trained_once"]

MODEL = "test.models.missed_payment"
# One quick candidate instead of four.
QUICK = {
    "training": {
        "search": {
            "candidates": [
                {"algorithm": "xgboost", "rounds": 8, "max_depth": 2, "learning_rate": 0.3, "min_child_weight": 5}
            ]
        }
    }
}
CUSTOMERS = 300


@dataclass(frozen=True)
class TrainedBank:
    """What was trained, and from what.

    Attributes:
        data: Folder that BOATHOUSE_DATA has to name.
        project: A git checkout of the project.
        commit: Its commit.
    """

    data: Path
    project: Path
    commit: str

    @property
    def lakehouse(self) -> dict[str, str]:
        """Engine and root of the tables."""
        return {"engine": "sail", "root": (self.data / "lakehouse").as_posix()}

    @property
    def store(self) -> str:
        """Address of the MLflow store."""
        return f"sqlite:///{self.data / 'mlflow.db'}"


def run_git(folder: Path, *words: str) -> str:
    """Run git in ``folder`` as somebody; return what it says."""
    command = ["git", "-C", str(folder), "-c", "user.name=vera", "-c", "user.email=vera@bank", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_checkout(folder: Path) -> str:
    """Commit a copy of the project's code and configuration in ``folder``; return the commit."""
    folder.mkdir()
    for name in ("src", "conf"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "local")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "requirements.lock", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        run_git(folder, *words)
    return run_git(folder, "rev-parse", "HEAD")


def tag(bank: TrainedBank, version: str = "1", **tags: str) -> None:
    """Write tags of a version of the bank's model."""
    client = mlflow.MlflowClient(bank.store, bank.store)
    for key, value in tags.items():
        client.set_model_version_tag(MODEL, version, key, value)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> TrainedBank:
    """Return the bank; whoever changes it takes ``trained``."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOATHOUSE_DATA", str(folder / "data"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        SmallBank.build(folder / "data", customers=CUSTOMERS).run(
            "data_prep", "feature_engineering", "training", params=QUICK
        )
    bank = TrainedBank(folder / "data", folder / "project", make_checkout(folder / "project"))
    # It ran from this checkout, clean or not; the commit of the copy is the same code.
    tag(bank, git_commit=bank.commit, git_dirty="false", git_difference="none")
    return bank


@pytest.fixture
def trained(trained_once: TrainedBank, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainedBank]:
    """Return the bank, current directory and store set; tags written by the test are taken back."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(trained_once.data))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(trained_once.project)
    mlflow.set_tracking_uri(trained_once.store)
    mlflow.set_registry_uri(trained_once.store)
    before = mlflow.MlflowClient().get_model_version(MODEL, "1").tags
    yield trained_once
    client = mlflow.MlflowClient(trained_once.store, trained_once.store)
    after = client.get_model_version(MODEL, "1").tags
    for key in after.keys() - before.keys():
        client.delete_model_version_tag(MODEL, "1", key)
    tag(trained_once, **before)
