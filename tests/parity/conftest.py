"""The whole book with its features, computed once for every test that compares ways on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipelines.conftest import isolate
from tests.small_bank import SmallBank

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = 30_000


@pytest.fixture(scope="session")
def whole_book(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> SmallBank:
    """Return the bank of all customers after data preparation and feature engineering; tests may add tables."""
    bank = SmallBank.build(tmp_path_factory.mktemp("book") / "data", customers=CUSTOMERS)
    with pytest.MonkeyPatch.context() as patch:
        isolate(bank.data, patch)
        bank.run("data_prep", "feature_engineering")
    return bank


@pytest.fixture
def book(whole_book: SmallBank, monkeypatch: pytest.MonkeyPatch) -> SmallBank:
    """Return the bank, found by whatever runs now."""
    isolate(whole_book.data, monkeypatch)
    return whole_book
