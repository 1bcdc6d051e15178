"""A small bank that has run data preparation and features, to be copied by tests that change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.small_workspace import SmallWorkspace, isolate

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


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
