"""Conditions in SQL, letter by letter."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from boathouse.errors import TableError
from boathouse.tables.write_options import find_slices, literal, slice_condition

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize(
    ("columns", "slices", "expected"),
    [
        (["m"], [], "false"),
        (["m"], [(date(2005, 9, 1),)], "`m` IN (DATE'2005-09-01')"),
        (["b"], [("x",), ("it's",)], "`b` IN ('x', 'it\\'s')"),
        (["b"], [("x",), (None,)], "(`b` = 'x') OR (`b` IS NULL)"),
        (["b", "n"], [("x", 1), ("y", None)], "(`b` = 'x' AND `n` = 1) OR (`b` = 'y' AND `n` IS NULL)"),
    ],
)
def test_a_condition_names_exactly_its_slices(
    columns: list[str], slices: list[tuple[object, ...]], expected: str
) -> None:
    """Null needs a condition of its own."""
    assert slice_condition(columns, slices) == expected


@pytest.mark.parametrize(("value", "expected"), [(True, "true"), (3, "3"), ("a\\b", "'a\\\\b'")])
def test_literals(value: object, expected: str) -> None:
    """True is no 1; a backslash is doubled."""
    assert literal(value) == expected


@pytest.mark.parametrize("dtype", ["double", "timestamp", "array<string>"])
def test_inexact_types_tell_no_slices(spark: SparkSession, dtype: str) -> None:
    """Floats are not exact and timestamps depend on the driver's zone."""
    frame = spark.createDataFrame([], f"x {dtype}")
    with pytest.raises(TableError, match="slices by 'x'"):
        find_slices(frame, ["x"], table="t")
