"""Each output takes a batch whole or not at all, and once."""

from __future__ import annotations

import csv
import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import sqlalchemy as sa

from boathouse.environment import Environment
from boathouse.errors import InferenceError
from boathouse.inference import outputs, sql_output
from boathouse.inference.outputs import BATCH, DeltaOutput, FileOutput, ScoredBatch
from boathouse.inference.scoring_run import open_output
from boathouse.inference.sql_output import SqlOutput
from boathouse.tables.contract import arrow_type
from tests.fixtures.postgres_server import PostgresServer, postgres
from tests.fixtures.toy.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

__all__ = ["postgres"]
PREDICTIONS = USE_CASE.contracts["inference.predictions"]
ENVIRONMENT = Environment("test", {"engine": "sail", "root": "x"})


def make_rows(table: str, count: int, batch: str) -> pa.Table:
    """Return rows of the table's contract that differ in their shop only."""
    samples: dict[str, Any] = {"double": 0.5, "int": 1, "string": "x", "array<string>": ["late", "a 'quote'"]}
    contract = USE_CASE.contracts[table]
    fields, columns = [], []
    for column in contract.columns:
        dtype = arrow_type(column.dtype)
        values = [0 if column.dtype in {"date", "timestamp"} else samples.get(column.dtype) for _ in range(count)]
        fields.append(pa.field(column.name, dtype))
        columns.append(pa.array(range(1, count + 1) if column.dtype == "bigint" else values, dtype))
    made = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    return made.append_column(BATCH, pa.array([batch] * count, pa.string()))


def make_batch(batch: str = "b1", *, rows: int = 3, quarantined: int = 1) -> ScoredBatch:
    return ScoredBatch(
        batch_id=batch,
        predictions=make_rows("inference.predictions", rows, batch),
        quarantined=make_rows("inference.predictions_quarantine", quarantined, batch),
    )


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/scores.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    engine = sa.create_engine(server.url)
    with engine.begin() as connection:
        for table in ("scores", "scores_quarantine", "scores_batches"):
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()
    return server.url


def count(url: str, table: str) -> int:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


def test_a_database_gets_each_batch_once(url: str) -> None:
    output = SqlOutput(url, "scores")
    assert not output.has("b1")
    output.write(make_batch())
    assert output.has("b1")
    output.write(make_batch())
    output.write(make_batch("b2", rows=2, quarantined=0))
    assert [count(url, name) for name in ("scores", "scores_quarantine", "scores_batches")] == [5, 1, 2]


def test_a_run_killed_within_its_transaction_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = sql_output._insert

    def insert_half(connection: Any, table: Any, rows: pa.Table) -> None:
        insert(connection, table, rows.slice(0, 1))
        if table.name == "scores":
            raise KeyboardInterrupt

    monkeypatch.setattr(sql_output, "_insert", insert_half)
    with pytest.raises(KeyboardInterrupt):
        SqlOutput(url, "scores").write(make_batch())
    assert [count(url, name) for name in ("scores", "scores_quarantine", "scores_batches")] == [0, 0, 0]
    monkeypatch.undo()
    SqlOutput(url, "scores").write(make_batch())
    assert count(url, "scores") == 3


def test_a_table_with_other_columns_is_refused_with_the_difference(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "scores.db") as connection:
        connection.execute("CREATE TABLE scores (shop_id INTEGER, shoe_size REAL)")
    with pytest.raises(InferenceError, match=r"(?s)'scores' exists.*- probability.*\+ shoe_size"):
        SqlOutput(f"sqlite:///{tmp_path}/scores.db", "scores").write(make_batch())


def test_the_error_of_a_database_tells_neither_url_nor_password() -> None:
    with pytest.raises(InferenceError) as caught:
        SqlOutput("postgresql+psycopg://ann:hunter2@127.0.0.1:1/bank", "scores").write(make_batch())
    assert "OperationalError" in str(caught.value)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_appear_whole_and_once(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = FileOutput(str(tmp_path / "out"), kind)
    write, calls = outputs._write_file, []

    def write_half(rows: pa.Table, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(rows, path)

    monkeypatch.setattr(outputs, "_write_file", write_half)
    with pytest.raises(KeyboardInterrupt):
        output.write(make_batch())
    assert not output.has("b1")
    output.write(make_batch())
    output.write(make_batch())
    assert output.has("b1")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b1"]
    file = tmp_path / "out" / "b1" / f"predictions.{kind}"
    if kind == "csv":
        with file.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        assert rows[0]["reasons"] == '["late", "a \'quote\'"]'
    else:
        rows = pyarrow.parquet.read_table(file).to_pylist()
    assert len(rows) == 3


def test_a_delta_table_killed_between_its_two_parts_is_completed(
    tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = DeltaOutput.in_folder(str(tmp_path / "a" / "b" / "c"), "sail", PREDICTIONS)
    append: Callable[..., None] = DeltaOutput._append

    def append_one(self: DeltaOutput, location: Any, rows: pa.Table) -> None:
        append(self, location, rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs.DeltaOutput, "_append", append_one)
    with pytest.raises(KeyboardInterrupt):
        output.write(make_batch())
    assert not output.has("b1")
    monkeypatch.undo()
    for _ in range(2):
        output.write(make_batch())
    output.write(make_batch("b2"))
    assert output.has("b1")
    assert spark.read.format("delta").load(str(tmp_path / "a/b/c")).count() == 6
    assert spark.read.format("delta").load(str(tmp_path / "a/b/c_quarantine")).count() == 2


def test_a_delta_table_with_other_columns_is_refused(tmp_path: Path, spark: SparkSession) -> None:
    spark.createDataFrame([(1, "x")], "id bigint, _batch_id string").write.format("delta").save(str(tmp_path / "a/b/c"))
    with pytest.raises(InferenceError, match=r"(?s)exists with other columns.*- probability: double.*\+ id: bigint"):
        DeltaOutput.in_folder(str(tmp_path / "a" / "b" / "c"), "sail", PREDICTIONS).has("b1")


@pytest.mark.parametrize("text", ["scores", "xml:out", "sqlite:///x.db", "csv:", "delta:/", "env:#scores", "a.b.c"])
def test_an_unknown_output_lists_the_forms(text: str) -> None:
    with pytest.raises(InferenceError, match="csv:FOLDER|variable"):
        open_output(text, ENVIRONMENT, predictions=PREDICTIONS)


def test_a_url_in_an_error_hides_its_password() -> None:
    with pytest.raises(InferenceError) as caught:
        open_output("postgresql://ann:hunter2@host/bank", ENVIRONMENT, predictions=PREDICTIONS)
    assert "hunter2" not in str(caught.value)


def test_a_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCORES_URL", f"sqlite:///{tmp_path}/x.db")
    output = open_output("env:SCORES_URL#scores", ENVIRONMENT, predictions=PREDICTIONS)
    output.write(make_batch())
    assert count(f"sqlite:///{tmp_path}/x.db", "scores") == 3
    with pytest.raises(InferenceError, match="variable NO_SUCH_URL is not set"):
        open_output("env:NO_SUCH_URL#scores", ENVIRONMENT, predictions=PREDICTIONS)
