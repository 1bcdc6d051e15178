"""The whole flow on a fixed sample gives what it gave, on Sail and on classic Spark.

After a change that is meant to change results: ``BOATHOUSE_WRITE_GOLDEN=1 pytest tests/golden`` writes them
anew; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.small_workspace import SmallWorkspace
from tests.golden.flow import run_flow, summarise

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

GOLDEN = Path(__file__).with_name("flow.json")
PROGRAM = Path(__file__).with_name("flow.py")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden") / "data"


@pytest.fixture(scope="module")
def found(data: Path, spark: SparkSession) -> dict[str, Any]:
    """Return the summary of a run on the engine of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOATHOUSE_DATA", str(data))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        summary = run_flow(data)
    if os.environ.get("BOATHOUSE_WRITE_GOLDEN") == "1":
        GOLDEN.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


@pytest.fixture
def golden() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return read


def compare(found: dict[str, Any], golden: dict[str, Any]) -> None:
    """Compare tables exactly, and fitted numbers as closely as processors agree on sums of floats."""
    assert found["tables"] == golden["tables"]
    assert found["rows"] == golden["rows"]
    assert (found["algorithm"], found["outcome"]) == (golden["algorithm"], golden["outcome"])
    assert found["numbers"] == pytest.approx(golden["numbers"], rel=5e-3)


def test_results_are_those_of_before(found: dict[str, Any], golden: dict[str, Any]) -> None:
    compare(found, golden)


def test_a_second_run_leaves_the_same_tables(
    found: dict[str, Any], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing doubled: only decisions on the new candidate are added."""
    monkeypatch.setenv("BOATHOUSE_DATA", str(data))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    bank = SmallWorkspace(data)
    bank.run("data_prep", "feature_engineering", "batch_inference", "monitoring")
    again = summarise(bank)
    assert again["tables"] == found["tables"]
    assert again["rows"] == found["rows"]


@pytest.mark.spark
def test_classic_spark_gives_the_same(tmp_path: Path, golden: dict[str, Any]) -> None:
    environment = {**os.environ, "BOATHOUSE_ENGINE": "spark"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, str(PROGRAM), str(tmp_path / "data"), str(tmp_path / "result.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    compare(json.loads((tmp_path / "result.json").read_text(encoding="utf-8")), golden)
