"""The book as it was delivered: each row once, in the month in which it became known."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from boathouse.errors import OptionError, ReplayError
from boathouse.replay.deliveries import Book, list_months, next_month, parse_month

if TYPE_CHECKING:
    from pathlib import Path

JAN, FEB, MAR = date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)


@pytest.fixture
def book() -> Book:
    days = [date(2024, 1, 15), date(2024, 2, 29), None, date(2024, 3, 1)]
    sales = pa.table({"shop": ["1", "2", "3", "4"], "note": ["a", None, "c", 'd "e"']})
    returns = pa.table({"shop": ["9"], "note": ["z"]})
    known = {"sales": pa.array(days, pa.date32()), "returns": pa.array([MAR], pa.date32())}
    return Book({"sales": sales, "returns": returns}, known, "digest")


def test_months_are_their_last_days() -> None:
    assert list_months(JAN, MAR) == [JAN, FEB, MAR]
    assert next_month(date(2023, 12, 31)) == JAN
    assert parse_month("--from", "2024-02") == FEB
    with pytest.raises(OptionError, match="'--from' is '2024-03'; allowed: a month up to --to, which is 2024-01"):
        list_months(MAR, JAN)
    for text in ("2024-13", "2024", "march"):
        with pytest.raises(OptionError, match="a month as YYYY-MM"):
            parse_month("--from", text)


def test_each_row_is_delivered_once_when_it_became_known(book: Book, tmp_path: Path) -> None:
    path = tmp_path / "01_raw" / "sales.csv"
    assert book.deliver(JAN, tmp_path) == {"sales": 2, "returns": 0}
    # The row without a date comes first; nothing of a later month is there.
    assert path.read_text(encoding="utf-8") == "shop,note\n1,a\n3,c\n"
    assert not (tmp_path / "01_raw" / "returns.csv").exists()
    assert book.deliver(FEB, tmp_path, after=JAN) == {"sales": 1, "returns": 0}
    assert path.read_text(encoding="utf-8") == "shop,note\n2,\n"
    assert book.deliver(MAR, tmp_path, after=FEB) == {"sales": 1, "returns": 1}
    assert '"d ""e"""' in path.read_text(encoding="utf-8")
    assert book.list_delivered(FEB) == ["sales"]


def test_months_without_data_are_named(book: Book) -> None:
    assert book.span() == (date(2024, 1, 15), MAR)
    book.require_months([JAN, FEB, MAR])
    with pytest.raises(ReplayError, match="2024-04, 2024-05. The book has rows from 2024-01 to 2024-03"):
        book.require_months([MAR, date(2024, 4, 30), date(2024, 5, 31)])
