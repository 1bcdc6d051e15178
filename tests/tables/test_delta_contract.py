"""What a contract refuses before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
from kedro.io import DatasetError

from boathouse.errors import ConfigError, DataQualityError, TableError
from boathouse.tables.dataset import DeltaTableDataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession


SCHEMA = "boat_id bigint, kind string, age int"


def test_a_frame_that_meets_its_contract_is_stored_in_its_order(
    table: Callable[..., DeltaTableDataset], spark: SparkSession
) -> None:
    """The frame's own order of columns is free."""
    dataset = table(contract="clean.boats")
    dataset.save(spark.createDataFrame([(5, "single", 1)], "age int, kind string, boat_id bigint"))
    frame = dataset.load()
    assert frame.columns == ["boat_id", "kind", "age"]
    assert [tuple(row) for row in frame.collect()] == [(1, "single", 5)]


def test_pandas_values_are_cast_to_the_contract_where_nothing_is_lost(table: Callable[..., DeltaTableDataset]) -> None:
    """Integers that pandas holds as floats because of a null become integers again."""
    dataset = table(contract="clean.boats")
    dataset.save(pd.DataFrame({"boat_id": [1, 2], "kind": ["single", "eight"], "age": [3.0, None]}))
    assert dict(dataset.load().dtypes) == {"boat_id": "bigint", "kind": "string", "age": "int"}
    with pytest.raises(DatasetError, match="without loss") as error:
        dataset.save(pd.DataFrame({"boat_id": [1], "kind": ["single"], "age": [3.5]}))
    assert isinstance(error.value.__cause__, TableError)


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([(None, "single", 1)], "boat_id_not_null: 1 of 1 rows"),
        ([(1, None, 1)], "kind_not_null: 1 of 1 rows"),
        ([(1, "raft", 1), (2, "single", 1)], "kind_allowed: 1 of 2 rows"),
        ([(1, "single", -1), (2, "single", 81)], "age_in_range: 2 of 2 rows"),
        ([(7, "single", 1), (7, "eight", 1), (7, "eight", 1)], "keys_unique: 2 of 3 rows"),
    ],
)
def test_rows_that_break_a_rule_stop_the_save(
    table: Callable[..., DeltaTableDataset], spark: SparkSession, rows: list[tuple[object, ...]], rule: str
) -> None:
    """Table, rule and count are named, values are not, and nothing is written."""
    dataset = table(contract="clean.boats")
    with pytest.raises(DatasetError, match=rule) as error:
        dataset.save(spark.createDataFrame(rows, SCHEMA))
    assert isinstance(error.value.__cause__, DataQualityError)
    assert "'test.clean.boats'" in str(error.value)
    assert "raft" not in str(error.value)
    assert not dataset.exists()


def test_null_and_the_bounds_themselves_are_legal(table: Callable[..., DeltaTableDataset], spark: SparkSession) -> None:
    """Bounds are inclusive; null breaks no range."""
    dataset = table(contract="clean.boats")
    dataset.save(spark.createDataFrame([(1, "single", 0), (2, "single", 80), (3, "eight", None)], SCHEMA))
    assert dataset.last_written.rows == 3


def test_columns_that_differ_are_shown_as_a_diff(table: Callable[..., DeltaTableDataset], spark: SparkSession) -> None:
    """One line for each missing, unexpected and retyped column."""
    dataset = table(contract="clean.boats")
    with pytest.raises(DatasetError) as error:
        dataset.save(
            spark.createDataFrame([(1, 1.5, "x")], "boat_id int, age int, mast string".replace("age int", "age double"))
        )
    assert isinstance(error.value.__cause__, TableError)
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert "- kind: string (missing)" in lines
    assert "+ mast: string (unexpected)" in lines
    assert "~ boat_id: expected bigint, found int" in lines
    assert "~ age: expected int, found double" in lines
    assert not dataset.exists()


def test_a_contract_that_changed_needs_evolution_allowed(
    table: Callable[..., DeltaTableDataset], spark: SparkSession
) -> None:
    """The stored table is as it was before the contract changed."""
    table().save(pa.table({"boat_id": [1]}))
    frame = spark.createDataFrame([(1, "single", 5)], SCHEMA)
    with pytest.raises(DatasetError, match="allow_schema_evolution: true"):
        table(contract="clean.boats").save(frame)
    dataset = table(contract="clean.boats", allow_schema_evolution=True)
    dataset.save(frame)
    assert dataset.load().columns == ["boat_id", "kind", "age"]


def test_repeated_columns_are_named(table: Callable[..., DeltaTableDataset], spark: SparkSession) -> None:
    """Two columns of one name cannot be distinguished."""
    frame = spark.createDataFrame([(1, 2)], "a int, b int").toDF("a", "a")
    with pytest.raises(DatasetError, match="occur more than once: a"):
        table().save(frame)


def test_additions_alone_pass_where_conf_lets_them(
    table: Callable[..., DeltaTableDataset], spark: SparkSession, lakehouse: Callable[..., dict[str, str]]
) -> None:
    """What is added comes to the stored columns; what is removed or retyped is refused as before."""
    table().save(pa.table({"boat_id": [1], "age": [5]}))
    frame = spark.createDataFrame([(1, 5, "single")], "boat_id bigint, age bigint, kind string")
    with pytest.raises(DatasetError, match=r"(?s)\+ kind: string.*lakehouse\.schema_evolution: additive"):
        table().save(frame)
    evolving = DeltaTableDataset(table="test.clean.boats", lakehouse={**lakehouse(), "schema_evolution": "additive"})
    evolving.save(frame)
    assert evolving.load().columns == ["boat_id", "age", "kind"]
    for other in (frame.drop("age"), frame.withColumn("age", frame.age.cast("string"))):
        with pytest.raises(DatasetError, match="not those of the stored table"):
            evolving.save(other)
    with pytest.raises(ConfigError, match="schema_evolution is 'all'; expected refuse or additive"):
        DeltaTableDataset(table="test.clean.boats", lakehouse={**lakehouse(), "schema_evolution": "all"})
