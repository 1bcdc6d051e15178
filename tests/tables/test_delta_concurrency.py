"""Several writers at once: nothing is lost and nothing doubled."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from boathouse.errors import CommitConflictError
from boathouse.tables.commits import describe_failure, is_conflict, retry_on_conflict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from boathouse.tables.dataset import DeltaTableDataset

WRITERS = 4


def save_at_once(make: Callable[[], DeltaTableDataset], frames: list[pd.DataFrame]) -> None:
    """Save each frame from a thread of its own."""
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda frame: make().save(frame), frames))


def batch(name: str, rows: int = 500) -> pd.DataFrame:
    """Return a batch of ``rows`` rows."""
    return pd.DataFrame({"id": range(rows), "batch": [name] * rows})


@pytest.mark.parametrize("first", [True, False], ids=["new table", "existing table"])
def test_the_same_batch_from_four_writers_is_there_once(table: Callable[..., DeltaTableDataset], first: bool) -> None:
    """Whether or not the table was there before."""
    dataset = table(mode="append", batch_column="batch")
    if not first:
        dataset.save(batch("before"))
    save_at_once(lambda: table(mode="append", batch_column="batch"), [batch("same")] * WRITERS)
    counts = {row["batch"]: row["count"] for row in dataset.load().groupBy("batch").count().collect()}
    assert counts == {"same": 500} | ({} if first else {"before": 500})


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "append", "batch_column": "batch"},
        {"mode": "replace_where", "replace_columns": ["batch"]},
        {"mode": "merge", "keys": ["id", "batch"]},
    ],
    ids=lambda options: str(options["mode"]),
)
def test_four_batches_from_four_writers_are_all_there(
    table: Callable[..., DeltaTableDataset], options: dict[str, object]
) -> None:
    """They even race to create the table."""
    save_at_once(lambda: table(**options), [batch(f"b{number}") for number in range(WRITERS)])
    counts = {row["batch"]: row["count"] for row in table().load().groupBy("batch").count().collect()}
    assert counts == {f"b{number}": 500 for number in range(WRITERS)}


def test_overwrites_at_once_leave_one_whole_frame(table: Callable[..., DeltaTableDataset]) -> None:
    """Never a mixture of two."""
    save_at_once(table, [batch(f"b{number}") for number in range(WRITERS)])
    rows = table().load().groupBy("batch").count().collect()
    assert [row["count"] for row in rows] == [500]


_KILLED = """
import os, sys, pandas as pd
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.tables.location import TableLocation
root, moment = sys.argv[1:]
save = TableLocation.save
def die(location, writer):
    if moment == "before":
        os._exit(9)
    save(location, writer)
    os._exit(9)
TableLocation.save = die
table = DeltaTableDataset(table="test.clean.boats", lakehouse={"engine": "sail", "root": root},
                          mode="append", batch_column="batch")
table.save(pd.DataFrame({"id": range(500), "batch": ["same"] * 500}))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_writer_leaves_before_or_after_and_a_rerun_finishes(
    table: Callable[..., DeltaTableDataset], tmp_path: Path, moment: str
) -> None:
    """The lock on the folder dies with its process; the batch is there once."""
    root = (tmp_path / "lakehouse").as_posix()
    killed = subprocess.run([sys.executable, "-c", _KILLED, root, moment], check=False)
    assert killed.returncode == 9
    dataset = table(mode="append", batch_column="batch")
    assert dataset.exists() is (moment == "after")
    dataset.save(batch("same"))
    assert dataset.load().count() == 500
    assert dataset.last_written.version == 0


def test_a_conflict_is_tried_again_and_given_up_after_the_last_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two failures and a success; then failures only."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    left = [RuntimeError("Failed to commit transaction: 0"), RuntimeError("[DELTA_CONCURRENT_APPEND] …")]

    def attempt() -> None:
        if left:
            raise left.pop()

    retry_on_conflict(attempt, table="t", retries=2)
    left += [RuntimeError("Failed to commit transaction: 0")] * 2
    with pytest.raises(CommitConflictError, match="in all 2 attempts"):
        retry_on_conflict(attempt, table="t", retries=1)


def test_other_errors_are_not_tried_again() -> None:
    """A wrong query stays wrong."""
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise ValueError("column already exists")

    with pytest.raises(ValueError, match="column"):
        retry_on_conflict(attempt, table="t", retries=5)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Failed to commit transaction: 0", True),
        ("[DELTA_PROTOCOL_CHANGED] ProtocolChangedException: …", True),
        ("[DELTA_METADATA_CHANGED] …", True),
        ("io.delta.exceptions.ConcurrentDeleteReadException: …", True),
        ("[COLUMN_ALREADY_EXISTS] The column a already exists", False),
    ],
)
def test_conflicts_are_told_by_their_text(text: str, expected: bool) -> None:
    """Texts as the engines print them."""
    assert is_conflict(RuntimeError(text)) is expected


def test_a_failure_is_described_without_its_text() -> None:
    """Engines quote values of rows in their messages."""
    assert describe_failure(ValueError("The value 'secret' cannot be cast")) == "ValueError"


IN_A_FUNCTION = """An exception was thrown from the Python worker: Traceback (most recent call last):
  File "worker.py", line 171, in main
    return Secret.loads(obj)
           ^^^^^^^^^^^^
{raised}
 SQLSTATE: 38000
"""


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (
            "ModuleNotFoundError: No module named 'boathouse.tables'",
            "ModuleNotFoundError: no module 'boathouse.tables'",
        ),
        ("ValueError: The value 'secret' is none", "ValueError"),
        ("boathouse.errors.tables.TableError: 'secret'", "TableError"),
    ],
)
def test_a_failure_in_a_function_is_the_kind_of_its_last_error(raised: str, expected: str) -> None:
    assert describe_failure(RuntimeError(IN_A_FUNCTION.format(raised=raised))) == f"RuntimeError ({expected})"
