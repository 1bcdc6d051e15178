"""When the rows of the shipped extracts became known, and that no later one is needed for what is known earlier."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from boathouse.errors import DataQualityError, ReplayError
from boathouse.replay.deliveries import Book
from boathouse.use_case import USE_CASE
from boathouse.use_case.deliveries import date_rows
from tests.fixtures.small_workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_are_known_at_the_end_of_their_month() -> None:
    extracts = {
        "customers": pa.table({"customer_id": ["1", "2"]}),
        "statements": pa.table({"statement_month": ["2005-02-01", " 2005-03-01", "soon", None]}),
        "defaults": pa.table({"customer_id": ["1"]}),
        "transactions": pa.table({"transaction_date": ["2005-02-11"]}),
    }
    known = {name: days.to_pylist() for name, days in date_rows(extracts).items()}
    assert known["statements"] == [date(2005, 2, 28), date(2005, 3, 31), None, None]
    assert known["transactions"] == [date(2005, 2, 11)]
    # The flag is about the month after the last statement.
    assert known["defaults"] == [date(2005, 4, 30)]
    assert known["customers"] == [date(2005, 2, 28)] * 2


def test_statements_without_any_date_are_an_error() -> None:
    extracts = {name: pa.table({"statement_month": ["soon"]}) for name in ("customers", "statements", "defaults")}
    with pytest.raises(DataQualityError, match="YYYY-MM-DD"):
        date_rows(extracts)


def test_the_shipped_book_has_a_delivery_a_month() -> None:
    assert USE_CASE.deliveries is not None
    book = Book.read(ROOT / "data" / "01_raw", USE_CASE.sources, USE_CASE.deliveries)
    ends = [date(2005, month, day) for month, day in ((4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30))]
    assert sorted(set(book.known["statements"].to_pylist())) == ends
    assert book.span() == (date(2005, 4, 30), date(2005, 10, 31))
    assert sorted(book.list_delivered(date(2005, 9, 30))) == ["customers", "statements"]


def test_a_missing_extract_is_an_error(tmp_path: Path) -> None:
    assert USE_CASE.deliveries is not None
    with pytest.raises(ReplayError, match=r"There is no .*\.csv: the extracts that are played are missing"):
        Book.read(tmp_path, USE_CASE.sources, USE_CASE.deliveries)
