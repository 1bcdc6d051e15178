"""Older versions: read where the engine cannot, listed, checked, and linked into a folder of their own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from boathouse.errors import TableError
from boathouse.tables.location import TableLocation
from boathouse.tables.time_travel import find_problem, link_version, list_version_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession


VERSIONS = 13


def write_versions(location: TableLocation, *, partitioned: bool) -> None:
    """Write versions in which row counts and, from the seventh on, columns differ; each tenth makes a checkpoint."""
    for number in range(VERSIONS):
        rows = [(number, date(2005, 4, 1 + key), f"region {key} %") for key in range(number % 4)]
        frame = location.session().createDataFrame(rows, "n int, day date, region string")
        if number > 6:
            frame = frame.withColumn("more", frame["n"] * 1.5)
        writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        location.save(writer.partitionBy("day", "region") if partitioned else writer)


@pytest.mark.parametrize("partitioned", [False, True])
def test_every_version_can_be_read(
    spark: SparkSession, lakehouse: Callable[[str], dict[str, str]], *, partitioned: bool
) -> None:
    del spark
    location = TableLocation.from_lakehouse("test.raw.versions", lakehouse("old"))
    write_versions(location, partitioned=partitioned)
    for version in range(VERSIONS):
        found = location.read(version)
        columns = ["n", "day", "region", "more"][: 4 if version > 6 else 3]
        assert set(found.columns) == set(columns)
        more = [(version * 1.5,) if version > 6 else ()]
        expected = [(version, date(2005, 4, 1 + key), f"region {key} %", *more[0]) for key in range(version % 4)]
        assert sorted(map(tuple, found.select(*columns).collect())) == expected


def test_a_version_whose_files_are_gone_is_named(
    spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]
) -> None:
    del spark
    location = TableLocation.from_lakehouse("test.raw.versions", lakehouse("old"))
    if location.engine != "sail":
        pytest.skip("the engine reads older versions by itself")
    write_versions(location, partitioned=False)
    for file in Path(str(location.path)).glob("*.parquet"):
        file.unlink()
    with pytest.raises(TableError, match="Version 3 of the table .* 1 of its files are gone"):
        location.read(3)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a table of three versions: one row, two rows, three others by partition."""
    path = tmp_path / "source"
    write_deltalake(path, pa.table({"a": [1], "b": ["x"]}), partition_by=["b"])
    write_deltalake(path, pa.table({"a": [2], "b": ["y z"]}), mode="append")
    write_deltalake(path, pa.table({"a": [7, 8, 9], "b": ["x", "x", "x"]}), mode="overwrite")
    return path


def rows(path: Path, version: int | None = None) -> list[int]:
    return sorted(DeltaTable(path, version=version).to_pyarrow_table()["a"].to_pylist())


@pytest.mark.parametrize(("version", "expected"), [(0, [1]), (1, [1, 2]), (2, [7, 8, 9])])
def test_the_copy_is_at_the_version_it_was_made_from(
    source: Path, tmp_path: Path, version: int, expected: list[int]
) -> None:
    target = tmp_path / "deep" / "target"
    link_version(source, version, target)
    assert (DeltaTable(target).version(), rows(target)) == (version, expected)


def test_writing_to_the_copy_leaves_the_source(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    link_version(source, 1, target)
    write_deltalake(target, pa.table({"a": [5], "b": ["x"]}), mode="append")
    DeltaTable(target).optimize.compact()
    DeltaTable(target).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert (rows(source, 1), rows(source)) == ([1, 2], [7, 8, 9])
    assert rows(target) == [1, 2, 5]


def test_a_version_before_a_checkpoint_can_be_copied(source: Path, tmp_path: Path) -> None:
    DeltaTable(source).create_checkpoint()
    link_version(source, 1, tmp_path / "target")
    assert rows(tmp_path / "target") == [1, 2]


def test_files_that_are_gone_are_counted(source: Path) -> None:
    DeltaTable(source).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert find_problem(source, 2) == ""
    assert "2 of its files are gone, probably vacuumed" in find_problem(source, 1)
    with pytest.raises(TableError, match="vacuumed"):
        list_version_files(source, 1)


def test_a_log_that_was_cleaned_up_is_told(source: Path) -> None:
    DeltaTable(source).create_checkpoint()
    for version in (0, 1):
        (source / "_delta_log" / f"{version:020}.json").unlink()
    assert find_problem(source, 2) == ""
    assert "no longer goes back that far" in find_problem(source, 1)


def test_what_is_not_there_is_told(source: Path, tmp_path: Path) -> None:
    assert "has no version 3; its newest version is 2" in find_problem(source, 3)
    assert "There is no table in" in find_problem(tmp_path / "nowhere", 0)
