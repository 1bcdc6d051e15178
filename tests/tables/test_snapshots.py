"""Copies of input files that engines read: where they are, and that nothing of them stays."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from boathouse.tables import snapshots
from boathouse.tables.snapshots import read_parquet, read_rows

MAKE = """
import os, signal, sys
from boathouse.tables.snapshots import _new_folder
print(_new_folder(), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def make_folder(place: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that a process made in ``place`` before it ended or was killed."""
    monkeypatch.setenv("TMPDIR", place.as_posix())
    done = subprocess.run([sys.executable, "-c", MAKE, how], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip())


def test_a_process_leaves_nothing_and_one_that_was_killed_only_until_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = make_folder(tmp_path, "ended", monkeypatch)
    assert ended.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []
    killed = make_folder(tmp_path, "killed", monkeypatch)
    assert killed.is_dir()
    make_folder(tmp_path, "ended", monkeypatch)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "a#b", "a%20b", "a[1]", "a?", "é"])
def test_rows_and_files_are_read_whatever_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    odd = tmp_path / name
    odd.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", odd.as_posix)
    monkeypatch.setattr(snapshots, "_folders", {})
    rows = pa.record_batch({"a": ["1", "2"]})
    assert [row["a"] for row in read_rows([rows], ["a"], "sail").collect()] == ["1", "2"]
    files = [odd / f"{number}[{name}].parquet" for number in (1, 2)]
    for file in files:
        parquet.write_table(pa.table(rows.to_pydict()), file)
    assert read_parquet(files, "sail").count() == 4
