"""The whole flow on fixed samples gives what it gave, on Sail and on classic Spark."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.tables.queries import QueryTables
from tests.fixtures.small_workspace import CONF, ROOT, SmallWorkspace, isolate
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


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What may rightly be empty: rows kept out, findings, groups in which no model is better.
MAY_BE_EMPTY = ("_quarantine", "findings", "verdict IN")


def blocks(language: str, *names: str) -> list[Any]:
    """Return the blocks of a language in the documents, those of ``names`` alone if any."""
    block = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(text, id=f"{path.stem}-{number}")
        for path in DOCUMENTS
        if path.stem in names or not names
        for number, text in enumerate(block.findall(path.read_text(encoding="utf-8")))
    ]


@pytest.fixture(scope="module")
def as_dev(found: dict[str, Any], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project folder whose environment dev has the tables of the flow, those of reports too."""
    del found
    words = [
        sys.executable,
        "-m",
        "boathouse",
        "models",
        "report",
        "--publish",
        "--env",
        "test",
        "--conf-source",
        str(CONF),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACK")}
    subprocess.run(words, check=True, capture_output=True, env=environment | {"BOATHOUSE_DATA": str(data)})
    folder = tmp_path_factory.mktemp("project")
    (folder / "data" / "lakehouse").mkdir(parents=True)
    (folder / "data" / "lakehouse" / "dev").symlink_to(data / "lakehouse" / "test")
    (folder / "conf").symlink_to(CONF)
    return folder


@pytest.mark.parametrize("query", blocks("sql"))
def test_sql_of_the_documents_runs_as_written(as_dev: Path, query: str) -> None:
    rows = QueryTables("dev", "sail", (as_dev / "data" / "lakehouse").as_posix()).run(query).collect()
    assert rows or any(part in query for part in MAY_BE_EMPTY)


@pytest.mark.parametrize("code", blocks("python", "querying"))
def test_frames_of_the_documents_are_read_as_written(as_dev: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(as_dev / "data", monkeypatch)
    monkeypatch.chdir(as_dev)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the text of our own documents
    frames = [value for value in names.values() if hasattr(value, "columns") and hasattr(value, "iloc")]
    assert frames
    assert all(len(frame) for frame in frames)


def test_there_are_blocks_to_run() -> None:
    assert len(blocks("sql")) >= 9
    assert len(blocks("python", "querying")) == 2


@pytest.mark.spark
def test_classic_spark_gives_the_same(tmp_path: Path, spark_worker: EngineWorker) -> None:
    data = (tmp_path / "data").as_posix()
    compare(spark_worker.call("tests.golden.flow:run_flow", data, SPARK_CUSTOMERS), RESULTS[str(SPARK_CUSTOMERS)])
