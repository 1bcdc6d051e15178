"""The whole book with its features, computed once for every test that compares ways on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.small_workspace import SmallWorkspace, isolate, prepare

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = 30_000


@pytest.fixture(scope="session")
def whole_book(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> SmallWorkspace:
    """Return the bank of all customers after data preparation and feature engineering; tests may add tables."""
    return prepare(tmp_path_factory.mktemp("book") / "data", CUSTOMERS)


@pytest.fixture
def book(whole_book: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    """Return the bank, found by whatever runs now."""
    isolate(whole_book.data, monkeypatch)
    return whole_book
