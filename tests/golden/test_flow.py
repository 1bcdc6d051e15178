"""The whole flow on fixed samples gives what it gave, on Sail and on classic Spark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.small_workspace import SmallWorkspace, isolate
from tests.golden.flow import CUSTOMERS, GOLDEN, SPARK_CUSTOMERS, run_flow, summarise

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from tests.fixtures.engine_worker import EngineWorker

RESULTS: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden") / "data"


@pytest.fixture(scope="module")
def found(data: Path, spark: SparkSession) -> dict[str, Any]:
    """Return the summary of a run on the engine of these tests."""
    return run_flow(data.as_posix(), CUSTOMERS)


def compare(found: dict[str, Any], golden: dict[str, Any]) -> None:
    """Compare tables exactly, and fitted numbers as closely as processors agree on sums of floats."""
    assert found["tables"] == golden["tables"]
    assert found["rows"] == golden["rows"]
    assert (found["algorithm"], found["outcome"]) == (golden["algorithm"], golden["outcome"])
    assert found["numbers"] == pytest.approx(golden["numbers"], rel=5e-3)


def test_results_are_those_of_before(found: dict[str, Any]) -> None:
    compare(found, RESULTS[str(CUSTOMERS)])


def test_the_recorded_results_are_plausible() -> None:
    """By the extracts and the definitions, whatever wrote the file."""
    for customers in (CUSTOMERS, SPARK_CUSTOMERS):
        recorded = RESULTS[str(customers)]
        rows = {name: count for name, (count, _) in recorded["tables"].items()}
        # Six statements of each customer; labels of five months are known when the model is trained.
        assert rows["clean.customers"] == rows["features.customer_profile"] == customers
        assert rows["clean.statements"] == rows["features.spending"] == recorded["rows"]["raw.statements"]
        assert rows["clean.statements"] == 6 * customers
        assert rows["model_input.training_set@spark"] == 5 * customers
        assert rows["inference.features"] == recorded["rows"]["inference.predictions"] == 2 * customers
        # No table repeats another's content.
        assert len({digest for _, digest in recorded["tables"].values()}) == len(rows)


def test_a_second_run_leaves_the_same_tables(
    found: dict[str, Any], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing doubled: only decisions on the new candidate are added."""
    isolate(data, monkeypatch)
    bank = SmallWorkspace(data)
    bank.run("data_prep", "feature_engineering", "batch_inference", "monitoring")
    again = summarise(bank)
    assert again["tables"] == found["tables"]
    assert again["rows"] == found["rows"]


@pytest.mark.spark
def test_classic_spark_gives_the_same(tmp_path: Path, spark_worker: EngineWorker) -> None:
    data = (tmp_path / "data").as_posix()
    compare(spark_worker.call("tests.golden.flow:run_flow", data, SPARK_CUSTOMERS), RESULTS[str(SPARK_CUSTOMERS)])
