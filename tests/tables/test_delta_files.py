"""A version of a table in another folder: the same rows, the same number, and neither table touches the other."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from boathouse.errors import TableError
from boathouse.tables.time_travel import find_problem, link_version, list_version_files


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
