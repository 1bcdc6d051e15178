"""Any table, judged before it is scored."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from boathouse.errors import DataQualityError, InferenceError
from boathouse.inference.inputs import check_columns, judge_input, open_input

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from boathouse.tables.engines.base import Engine

WANTED = {"id": "bigint", "day": "date", "x": "double"}


def test_columns_that_can_be_read_without_loss_pass() -> None:
    check_columns({"id": "int", "day": "date", "x": "float", "more": "binary"}, WANTED, where="t", as_text=False)
    check_columns(dict.fromkeys(WANTED, "string"), WANTED, where="t", as_text=True)
    with pytest.raises(InferenceError, match="expected bigint, found string"):
        check_columns(dict.fromkeys(WANTED, "string"), WANTED, where="t", as_text=False)


def test_missing_and_retyped_columns_are_shown() -> None:
    with pytest.raises(InferenceError) as caught:
        check_columns({"id": "string", "x": "decimal(9,2)"}, WANTED, where="a.csv", as_text=False)
    for line in ("- day: date (missing)", "~ id: expected bigint, found string", "~ x: expected double, found decimal"):
        assert line in str(caught.value)


def test_rows_that_cannot_be_identified_or_read_are_quarantined(spark: SparkSession) -> None:
    rows = [
        *(("1", "2005-09-30", "0.5"), ("2", "yesterday", "1"), ("3", "2005-09-30", "much"), (None, "2005-09-30", "1")),
        *(("4", "2005-09-30", "1"), ("4", "2005-09-30", "2"), ("5", "2005-09-30", None), ("4", "2005-08-31", "1")),
    ]
    split = judge_input(spark.createDataFrame(rows, "id string, day string, x string"), WANTED, keys=["id", "day"])
    assert split.scorable.dtypes == list(WANTED.items())
    scorable = sorted((row["id"], str(row["day"]), row["x"]) for row in split.scorable.collect())
    assert scorable == [(1, "2005-09-30", 0.5), (4, "2005-08-31", 1.0), (5, "2005-09-30", None)]
    quarantined = sorted((str(row["id"]), row["broken_rules"]) for row in split.quarantined.collect())
    assert quarantined == [
        ("2", ["day_type"]),
        ("3", ["x_type"]),
        ("4", ["keys_unique"]),
        ("4", ["keys_unique"]),
        ("None", ["id_not_null"]),
    ]


@pytest.fixture
def environment(engine: Engine) -> Any:
    """Return an environment of which only the engine is asked."""
    return SimpleNamespace(engine=engine.name)


def test_a_folder_of_files_is_all_of_them(tmp_path: Path, environment: Any) -> None:
    """Columns come in any order, names have any characters, and the identity follows the bytes."""
    folder = tmp_path / "rows.csv"
    (folder / "more").mkdir(parents=True)
    (folder / "a[1].csv").write_bytes(b"id,day\n1,2005-09-30\n")
    (folder / "more" / "b #2.csv").write_bytes(b"\xef\xbb\xbfday,id\r\n2005-08-31,2\r\n")
    (folder / "_SUCCESS").touch()
    found = open_input(str(folder), environment)
    assert sorted((row["id"], row["day"]) for row in found.rows.collect()) == [("1", "2005-09-30"), ("2", "2005-08-31")]
    (folder / "a[1].csv").write_bytes(b"id,day\n3,2005-09-30\n")
    assert open_input(str(folder), environment).identity != found.identity
    # What was opened is what was checked, though the file is another now.
    assert sorted(row["id"] for row in found.rows.collect()) == ["1", "2"]


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"a.csv": b"id,day\n1,x\n", "b.csv": b"id,on\n1,x\n"}, "The columns of b.csv are not those of a.csv"),
        ({"a.csv": b"id,day\n1,x\n", "_b.csv": b"id,day\n1,x\n"}, "has _b.csv, and names that begin with . or _"),
        ({"a.csv": b"id,day\n1,x\n", ".b.csv": b"\0"}, "has .b.csv"),
        ({"a.txt": b""}, "has no file that ends in .csv"),
        ({"a.csv": b"id,day\n1,x\n", "b.csv": b'id,day\n1,"x\n'}, "b.csv, line 2, opens a quote"),
        ({"a.csv": b"id,day\n1,x\n", "b.csv": b""}, "b.csv has no rows"),
        ({"a.csv": b"id,ID\n1,x\n"}, "names columns more than once"),
    ],
)
def test_a_folder_of_which_a_file_would_be_skipped_or_misread_is_refused(
    tmp_path: Path, environment: Any, files: dict[str, bytes], text: str
) -> None:
    folder = tmp_path / "rows.csv"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises((InferenceError, DataQualityError)) as raised:
        open_input(str(folder), environment)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    "name", ["book[1].parquet", "a b*?.parquet", "50%25 #.parquet", "_x.parquet", "{a,b}é'.parquet"]
)
def test_a_parquet_file_is_read_whatever_its_name_is(tmp_path: Path, environment: Any, name: str) -> None:
    for other in (name, "book1.parquet", "a bcd.parquet"):
        parquet.write_table(pa.table({"id": [other]}), tmp_path / other)
    assert [row["id"] for row in open_input(str(tmp_path / name), environment).rows.collect()] == [name]


def test_nan_is_no_value_and_an_infinite_number_is_put_aside(spark: SparkSession) -> None:
    """As in streams and at the endpoint."""
    day = date(2005, 9, 30)
    rows = [(1, day, 0.5), (2, day, float("nan")), (3, day, float("inf")), (4, day, float("-inf"))]
    split = judge_input(spark.createDataFrame(rows, "id bigint, day date, x double"), WANTED, keys=["id", "day"])
    assert sorted((row["id"], row["x"]) for row in split.scorable.collect()) == [(1, 0.5), (2, None)]
    assert [row["broken_rules"] for row in split.quarantined.collect()] == [["x_not_finite"]] * 2
