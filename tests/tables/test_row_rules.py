"""Counts of rows that break a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from boathouse.tables.contract import Column, TableContract
from boathouse.tables.row_rules import broken_conditions, violation_counts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONTRACT = TableContract(
    name="clean.t",
    description="A table.",
    grain="one row per k and j",
    columns=(
        Column(name="k", dtype="string", description="Key.", nullable=True),
        Column(name="j", dtype="int", description="Key.", allowed=(1, 2)),
        Column(name="x", dtype="double", description="Share.", nullable=True, minimum=0.0, maximum=1.0),
    ),
    keys=("k", "j"),
)
NONE = {"k_not_null": 0, "j_not_null": 0, "j_allowed": 0, "x_in_range": 0, "keys_unique": 0}


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        ([("a", 1, 0.0), ("a", 2, 1.0), ("b", 1, None)], {}),
        ([], {}),
        ([("a", 1, 0.5), ("a", 1, 0.5), ("a", 1, 0.5)], {"keys_unique": 2}),
        ([(None, 1, 0.5), (None, 1, 0.5)], {"k_not_null": 2}),
        ([("a", None, 0.5)], {"j_not_null": 1}),
        ([("a", 3, 0.5)], {"j_allowed": 1}),
        ([("a", 1, -0.1), ("b", 1, 1.1), ("c", 1, float("nan"))], {"x_in_range": 3}),
    ],
)
def test_each_broken_rule_is_counted(
    spark: SparkSession, rows: list[tuple[object, ...]], broken: dict[str, int]
) -> None:
    """A key column is never nullable; NaN is in no range; rows with a null key are not repeated."""
    frame = spark.createDataFrame(rows, "k string, j int, x double")
    found = frame.agg(*[count.alias(rule) for rule, count in violation_counts(CONTRACT).items()]).collect()[0]
    assert found.asDict() == NONE | broken


def test_conditions_are_never_null(spark: SparkSession) -> None:
    """So that a row with nulls is neither lost nor quarantined by a filter and its negation."""
    frame = spark.createDataFrame([(None, None, None)], "k string, j int, x double")
    row = frame.select(*[condition.alias(rule) for rule, condition in broken_conditions(CONTRACT).items()]).collect()[0]
    assert row.asDict() == {"k_not_null": True, "j_not_null": True, "j_allowed": False, "x_in_range": False}
