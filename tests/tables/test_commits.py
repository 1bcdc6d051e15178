"""Rows appended once by the number of their transaction, whichever writer is killed or started twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from boathouse.errors import CommitConflictError
from boathouse.tables.commits import append_once, last_transaction

if TYPE_CHECKING:
    from pathlib import Path

ROWS = pa.table({"x": pa.array([1, 2], pa.int64())})


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return the folder of an empty table."""
    DeltaTable.create(str(tmp_path / "t"), ROWS.schema)
    return str(tmp_path / "t")


def append(table: DeltaTable, number: int, *, application: str = "a", alone: bool = False) -> bool:
    """Append the two rows."""
    return append_once(table, ROWS, name="test.audit.t", application=application, number=number, alone=alone)


def count(path: str) -> int:
    """Return the rows of the newest version."""
    return DeltaTable(path).to_pyarrow_table().num_rows


def test_a_number_is_appended_once_and_older_ones_never(path: str) -> None:
    assert last_transaction(DeltaTable(path), "a") is None
    done = [append(DeltaTable(path), number) for number in (0, 0, 4, 4, 3)]
    assert done == [True, False, True, False, False]
    assert last_transaction(DeltaTable(path), "a") == 4
    assert count(path) == 4


def test_writers_of_other_names_do_not_count(path: str) -> None:
    assert append(DeltaTable(path), 7)
    assert append(DeltaTable(path), 1, application="b")
    assert count(path) == 4


def test_of_writers_that_opened_the_same_version_one_commits(path: str) -> None:
    tables = [DeltaTable(path) for _ in range(4)]

    def attempt(table: DeltaTable) -> str:
        try:
            return str(append(table, 1))
        except CommitConflictError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(attempt, tables))
    refused = "Table 'test.audit.t': another writer committed first; nothing was written. Look again and retry."
    assert outcomes == [refused] * 3 + ["True"]
    assert count(path) == 2


def test_an_append_that_must_be_alone_fails_after_any_other(path: str) -> None:
    opened = [DeltaTable(path) for _ in range(2)]
    assert append(DeltaTable(path), 1, application="other")
    assert append(opened[0], 1)
    with pytest.raises(CommitConflictError, match="another writer committed first"):
        append(opened[1], 1, application="b", alone=True)
    assert count(path) == 4
