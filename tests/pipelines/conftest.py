"""A small bank that has run data preparation and features, to be copied by tests that change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.small_workspace import SmallWorkspace

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

CUSTOMERS = 300


def isolate(data: Path, patch: pytest.MonkeyPatch) -> None:
    """Let a run find ``data`` and a store in it, and nothing else."""
    patch.setenv("BOATHOUSE_DATA", str(data))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    patch.chdir(data)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> SmallWorkspace:
    """Return a bank after data preparation and feature engineering; not to be changed."""
    bank = SmallWorkspace.build(tmp_path_factory.mktemp("bank") / "data", customers=CUSTOMERS)
    with pytest.MonkeyPatch.context() as patch:
        isolate(bank.data, patch)
        bank.run("data_prep", "feature_engineering")
    return bank


@pytest.fixture
def bank(prepared: SmallWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    """Return a copy of the prepared bank."""
    copied = prepared.copy(tmp_path / "data")
    isolate(copied.data, monkeypatch)
    return copied


@pytest.fixture
def new_bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spark: SparkSession) -> SmallWorkspace:
    """Return a bank that has run nothing yet."""
    built = SmallWorkspace.build(tmp_path / "data", customers=40)
    isolate(built.data, monkeypatch)
    return built
