"""Any table, judged before it is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from boathouse.errors import InferenceError
from boathouse.inference.inputs import check_columns, judge_input

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

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
