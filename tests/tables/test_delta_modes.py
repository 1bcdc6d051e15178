"""What each mode leaves behind, and that doing it twice changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from kedro.io import DatasetError

from boathouse.errors import DataQualityError, TableError
from boathouse.tables.write import merge_statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from boathouse.tables.dataset import DeltaTableDataset

Rows = list[tuple[object, ...]]
MODES: dict[str, dict[str, object]] = {
    "overwrite": {"mode": "overwrite"},
    "append": {"mode": "append", "batch_column": "batch"},
    "merge": {"mode": "merge", "keys": ["id"]},
    "replace_where": {"mode": "replace_where", "replace_columns": ["batch"]},
}
BEFORE: Rows = [(1, "a"), (2, "a")]
SAVED: Rows = [(2, "b"), (3, "b"), (9, "a")]
# By hand: append skips batch a, which is there; merge updates 2; replace_where replaces both slices.
AFTER: dict[str, Rows] = {
    "overwrite": [(2, "b"), (3, "b"), (9, "a")],
    "append": [(1, "a"), (2, "a"), (2, "b"), (3, "b")],
    "merge": [(1, "a"), (2, "b"), (3, "b"), (9, "a")],
    "replace_where": [(2, "b"), (3, "b"), (9, "a")],
}


def make_frame(rows: Rows) -> pd.DataFrame:
    """Return rows of id and batch."""
    return pd.DataFrame(rows, columns=["id", "batch"]).astype({"id": "int64", "batch": "object"})


def read_rows(dataset: DeltaTableDataset, *columns: str) -> Rows:
    """Return the stored rows, sorted."""
    frame = dataset.load()
    return sorted((tuple(row) for row in frame.select(*(columns or frame.columns)).collect()), key=repr)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_leaves_what_it_says(table: Callable[..., DeltaTableDataset], mode: str) -> None:
    """Expected rows are written by hand."""
    dataset = table(**MODES[mode])
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame(SAVED))
    assert read_rows(dataset) == AFTER[mode]
    assert dataset.last_written.version == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_same_save_twice_makes_no_version(table: Callable[..., DeltaTableDataset], mode: str) -> None:
    """The order of rows and columns does not matter."""
    dataset = table(**MODES[mode])
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame(SAVED))
    dataset.save(make_frame(SAVED[::-1])[["batch", "id"]])
    assert dataset.last_written.version == 1
    assert read_rows(dataset) == AFTER[mode]


@pytest.mark.parametrize(("mode", "rows"), [("overwrite", 3), ("append", 2), ("merge", 3), ("replace_where", 3)])
def test_a_save_says_how_many_rows_it_wrote_and_not_how_large_the_table_is(
    table: Callable[..., DeltaTableDataset], mode: str, rows: int
) -> None:
    """The second save adds two rows of batch b, or updates one row and adds two."""
    dataset, written = table(**MODES[mode]), []
    for saved in (BEFORE, SAVED, SAVED):
        dataset.save(make_frame(saved))
        written.append(dataset.rows_written)
    assert written == [2, rows, 0]


def test_replace_where_leaves_other_slices_alone(table: Callable[..., DeltaTableDataset]) -> None:
    """A null and a quote in the slice's value are values like others."""
    dataset = table(**MODES["replace_where"])
    dataset.save(make_frame([(1, "keep"), (2, None), (3, "it's \\ odd")]))
    dataset.save(make_frame([(20, None), (30, "it's \\ odd")]))
    assert read_rows(dataset) == [(1, "keep"), (20, None), (30, "it's \\ odd")]


def test_an_empty_frame_replaces_no_slice(table: Callable[..., DeltaTableDataset]) -> None:
    """No slice occurs, so nothing is written."""
    dataset = table(**MODES["replace_where"])
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame(BEFORE).head(0))
    assert read_rows(dataset) == BEFORE
    assert dataset.last_written.version == 0


def test_an_empty_frame_empties_an_overwritten_table(table: Callable[..., DeltaTableDataset]) -> None:
    """Zero rows are a state like others."""
    dataset = table()
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame(BEFORE).head(0))
    assert (dataset.last_written.version, dataset.last_written.rows) == (1, 0)
    assert read_rows(dataset) == []


def test_ignored_columns_do_not_make_a_difference(table: Callable[..., DeltaTableDataset]) -> None:
    """The time of writing alone is no reason for a new version."""
    dataset = table(mode="merge", keys=["id"], ignore_when_comparing=["batch"])
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame([(1, "later"), (2, "later")]))
    assert dataset.last_written.version == 0
    assert read_rows(dataset) == BEFORE


def test_merge_keeps_rows_that_only_differ_in_ignored_columns(table: Callable[..., DeltaTableDataset]) -> None:
    """A new row beside them does not touch them."""
    dataset = table(mode="merge", keys=["id"], ignore_when_comparing=["batch"])
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame([(1, "later"), (3, "later")]))
    assert read_rows(dataset) == [(1, "a"), (2, "a"), (3, "later")]


@pytest.mark.parametrize("rows", [[(1, "a"), (1, "b")]])
def test_merge_refuses_repeated_keys(table: Callable[..., DeltaTableDataset], rows: Rows) -> None:
    """Which of two rows wins would be chance."""
    dataset = table(**MODES["merge"])
    with pytest.raises(DatasetError, match="merge_keys_unique: 1 of 2 rows") as error:
        dataset.save(make_frame(rows))
    assert isinstance(error.value.__cause__, DataQualityError)
    assert not dataset.exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_new_column_is_refused_unless_allowed(table: Callable[..., DeltaTableDataset], mode: str) -> None:
    """Refused: a diff and no version. Allowed: the column is there, null in rows that were before."""
    dataset = table(**MODES[mode])
    dataset.save(make_frame(BEFORE))
    wider = make_frame([(5, "z")]).assign(extra=1.5)
    with pytest.raises(DatasetError, match=r"\+ extra: double \(unexpected\)") as error:
        dataset.save(wider)
    assert isinstance(error.value.__cause__, TableError)
    assert table().load().columns == ["id", "batch"]
    table(**MODES[mode], allow_schema_evolution=True).save(wider)
    kept = [] if mode == "overwrite" else [(1, "a", None), (2, "a", None)]
    assert read_rows(dataset, "id", "batch", "extra") == [*kept, (5, "z", 1.5)]


def test_a_lacking_column_becomes_null_where_evolution_is_allowed(table: Callable[..., DeltaTableDataset]) -> None:
    """Rows without the column are appended to a table that has it."""
    table(**MODES["append"]).save(make_frame(BEFORE).assign(extra=1.5))
    dataset = table(**MODES["append"], allow_schema_evolution=True)
    dataset.save(make_frame([(5, "z")]))
    assert read_rows(dataset, "id", "extra") == [(1, 1.5), (2, 1.5), (5, None)]


def test_a_retyped_column_is_refused_even_where_evolution_is_allowed(table: Callable[..., DeltaTableDataset]) -> None:
    """Only an overwrite can change a type."""
    table(**MODES["append"]).save(make_frame(BEFORE))
    retyped = pd.DataFrame({"id": ["x"], "batch": ["z"]})
    with pytest.raises(DatasetError, match="~ id: expected bigint, found string"):
        table(**MODES["append"], allow_schema_evolution=True).save(retyped)
    dataset = table(allow_schema_evolution=True)
    dataset.save(retyped)
    assert read_rows(dataset) == [("x", "z")]


def test_not_a_number_is_refused_and_infinity_is_not(
    table: Callable[..., DeltaTableDataset], spark: SparkSession
) -> None:
    """Unknown is null: Sail reads a NaN beside one other value as that value."""
    with pytest.raises(DatasetError, match="x_not_nan: 1 of 2 rows"):
        table().save(spark.createDataFrame([(0.5,), (float("nan"),)], "x double"))
    rows = [(0.5,), (None,), (float("inf"),)]
    table().save(spark.createDataFrame(rows, "x double"))
    assert sorted((tuple(row) for row in table().load().collect()), key=repr) == sorted(rows, key=repr)


def test_partitions_are_folders(table: Callable[..., DeltaTableDataset], tmp_path: object) -> None:
    """A partitioned table keeps its partitions when it is overwritten."""
    dataset = table(partition_by=["batch"])
    dataset.save(make_frame(BEFORE))
    dataset.save(make_frame(SAVED))
    folders = {path.name for path in tmp_path.glob("lakehouse/test/clean/boats/batch=*")}  # type: ignore[attr-defined]
    assert folders == {"batch=a", "batch=b"}
    assert read_rows(dataset, "id", "batch") == SAVED


@pytest.mark.parametrize("empty", ["", "__HIVE_DEFAULT_PARTITION__"])
@pytest.mark.parametrize("partitions", [["batch"], []], ids=["of the entry", "of the table"])
def test_an_empty_text_in_a_partition_column_is_refused(
    table: Callable[..., DeltaTableDataset], partitions: list[str], empty: str
) -> None:
    """Delta would keep it as null; a column that makes no partition keeps it."""
    table(partition_by=["batch"]).save(make_frame(BEFORE))
    with pytest.raises(DatasetError, match="1 of 2 rows have an empty text in 'batch', by which the table is parti"):
        table(partition_by=partitions).save(make_frame([(1, empty), (2, "a")]))
    assert read_rows(table(), "id", "batch") == BEFORE
    other = table("test.clean.plain", **MODES["replace_where"])
    for _ in range(2):
        other.save(make_frame([(1, "")]))
    assert read_rows(other, "id", "batch") == [(1, "")]


ODD_VALUES = [
    "it's",
    "a/b",
    "a=b",
    "50%",
    "%2F",
    "a b",
    "\\",
    "\\'",
    '"',
    "#?*[x]{y}",
    ".",
    "..",
    " ",
    "a\nb",
    "月é",
    None,
]


@pytest.mark.parametrize("partitions", [["batch"], []], ids=["partitioned", "plain"])
def test_a_slice_is_replaced_whatever_its_value_is(
    table: Callable[..., DeltaTableDataset], partitions: list[str]
) -> None:
    """Each slice alone: the others stay as they are, and no row is added."""
    options = MODES["replace_where"] | {"partition_by": partitions}
    table(**options).save(make_frame([(number, value) for number, value in enumerate(ODD_VALUES)]))
    for number, value in enumerate(ODD_VALUES):
        table(**options).save(make_frame([(number + 100, value)]))
    assert read_rows(table(), "id", "batch") == sorted(
        ((number + 100, value) for number, value in enumerate(ODD_VALUES)), key=repr
    )


def test_too_many_slices_are_refused(table: Callable[..., DeltaTableDataset]) -> None:
    """A condition of thousands of values is a wrong column, not a plan."""
    dataset = table(**MODES["replace_where"])
    dataset.save(make_frame(BEFORE))
    with pytest.raises(DatasetError, match="at most 1000") as error:
        dataset.save(make_frame([(number, f"b{number}") for number in range(1001)]))
    assert isinstance(error.value.__cause__, TableError)


def test_a_merge_names_its_source_and_compares_all_but_keys() -> None:
    """The statement, letter by letter."""
    assert merge_statement("t1", "view", ["id"], ["id", "a", "b"], frozenset({"b"})) == (
        "MERGE INTO t1 AS t USING view AS s ON t.`id` = s.`id`"
        " WHEN MATCHED AND NOT (t.`a` <=> s.`a`) THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
