"""What is delivered in a rehearsal is what the target's jobs keep of the book."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyarrow import csv

from boathouse.environment import open_environment
from boathouse.rehearsal.deployment import take_part
from boathouse.use_case import USE_CASE

ROOT = Path(__file__).resolve().parents[2]
(KEY,) = USE_CASE.keys
FIRST, SECOND = (f"{source.name}.csv" for source in USE_CASE.sources[:2])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    folder = tmp_path / "book"
    folder.mkdir()
    for name in (FIRST, SECOND):
        lines = (ROOT / "data" / "01_raw" / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:501]), encoding="utf-8")
    return folder


def test_each_extract_has_the_rows_of_the_same_entities_as_they_were(book: Path, tmp_path: Path) -> None:
    part = take_part(book, tmp_path / "part", open_environment("staging", ROOT / "conf"), USE_CASE)
    kept = {name: csv.read_csv(part / name) for name in (FIRST, SECOND)}
    keys = {name: set(table[KEY].to_pylist()) for name, table in kept.items()}
    assert keys[FIRST] == keys[SECOND]
    # A tenth, give or take three standard deviations.
    assert 30 <= len(keys[FIRST]) <= 70
    whole = csv.read_csv(book / FIRST).to_pylist()
    assert kept[FIRST].to_pylist() == [row for row in whole if row[KEY] in keys[FIRST]]


def test_a_part_of_a_part_is_all_of_it(book: Path, tmp_path: Path) -> None:
    environment = open_environment("staging", ROOT / "conf")
    part = take_part(book, tmp_path / "part", environment, USE_CASE)
    again = take_part(part, tmp_path / "again", environment, USE_CASE)
    assert (again / FIRST).read_bytes() == (part / FIRST).read_bytes()


def test_the_book_itself_is_delivered_where_all_is_kept(book: Path, tmp_path: Path) -> None:
    assert take_part(book, tmp_path / "part", open_environment("prod", ROOT / "conf"), USE_CASE) == book
    assert not (tmp_path / "part").exists()


def test_an_extract_that_is_not_delivered_is_not_made_up(book: Path, tmp_path: Path) -> None:
    (book / SECOND).unlink()
    shutil.copy(ROOT / "data" / "01_raw" / "README.md", book)
    part = take_part(book, tmp_path / "part", open_environment("staging", ROOT / "conf"), USE_CASE)
    assert sorted(file.name for file in part.iterdir()) == ["README.md", FIRST]
