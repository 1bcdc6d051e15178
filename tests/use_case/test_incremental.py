"""Whatever changes in the sources: only what is affected is computed, and the table is as if computed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.features.incremental import GONE, compute_month, compute_view, find_changed_keys, recompute
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from boathouse.features.feature_view import FeatureView

Row = tuple[Any, ...]
# By table the rows by key; a key is what identifies a row of the table.
Book = dict[str, dict[Row, Row]]
ALWAYS = date(1, 1, 1)

customers = st.integers(1, 4)
# Around the leap day and the turn of a year; few enough that random edits meet.
months = st.sampled_from([date(2003, 12, 1), date(2004, 1, 1), date(2004, 2, 1), date(2004, 3, 1), date(2004, 5, 1)])
days = st.integers(0, 45).map(lambda number: date(2004, 1, 25) + timedelta(days=number))
late, amounts = st.integers(0, 3), st.sampled_from([0.0, 0.1, 10.5, 900.0])


def month_end(month: date) -> date:
    """Return the last day of the month."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def statement(customer: int, month: date, late: int, bill: float, paid: float) -> Row:
    usage = "late" if late else "paid_in_full" if paid else "no_use"
    return customer, month, month_end(month), late, late, usage, bill, paid


def person(customer: int, limit: float, education: str) -> Row:
    return customer, limit, "woman", education, "single", 30


TABLES: dict[str, tuple[st.SearchStrategy[Row], int]] = {
    "clean.statements": (st.builds(statement, customers, months, late, amounts, amounts), 2),
    "clean.transactions": (st.tuples(customers, days, amounts, st.integers(1, 3)), 2),
    "clean.customers": (
        st.builds(person, customers, st.sampled_from([100.0, 250.0]), st.sampled_from(["university", "other"])),
        1,
    ),
}


def by_key(table: str, rows: list[Row]) -> dict[Row, Row]:
    """Return the rows by key; of equal keys the last counts."""
    return {row[: TABLES[table][1]]: row for row in rows}


books = st.fixed_dictionaries(
    {
        name: st.lists(rows, min_size=6, max_size=24).map(lambda found, name=name: by_key(name, found))
        for name, (rows, _) in TABLES.items()
    }
)


@st.composite
def edited(draw: Callable[..., Any]) -> tuple[Book, Book]:
    """Return a book, and the same after some rows came, changed, went, or were dated otherwise."""
    before: Book = draw(books)
    after = {name: dict(rows) for name, rows in before.items()}
    for name in draw(st.lists(st.sampled_from(sorted(TABLES)), min_size=1, max_size=5)):
        rows = after[name]
        new = draw(TABLES[name][0])
        if rows and draw(st.booleans()):
            gone = rows.pop(draw(st.sampled_from(sorted(rows))))
            # Either deleted, or the same customer's row comes back with another date or other values.
            if draw(st.booleans()):
                new = (gone[0], *new[1:])
                rows[new[: TABLES[name][1]]] = new
        else:
            rows[new[: TABLES[name][1]]] = new
    return before, after


@dataclass(frozen=True)
class Tables:
    """Books as frames."""

    session: SparkSession

    def sources(self, view: FeatureView, book: Book) -> list[DataFrame]:
        """Return the view's sources with the rows of ``book``."""
        return [
            self.session.createDataFrame(list(book[name].values()), self.schema(name)) for name in view.source_names
        ]

    def schema(self, table: str) -> str:
        """Return the columns of a table."""
        return USE_CASE.contracts[table].ddl

    def stored(self, view: FeatureView, rows: list[Row]) -> DataFrame:
        """Return the view's table with ``rows``."""
        return self.session.createDataFrame(rows, self.schema(view.table))


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> Tables:
    return Tables(spark)


def affected(view: FeatureView, before: Book, after: Book) -> dict[int, date]:
    """Return, told from the rows alone, each customer with a row that is not in both, and its earliest date."""
    found: dict[int, date] = {}
    for source in view.sources:
        names = USE_CASE.contracts[source.table].column_names
        old, new = (
            {tuple(row[names.index(each)] for each in source.columns) for row in book[source.table].values()}
            for book in (before, after)
        )
        for row in old ^ new:
            when = ALWAYS if source.time_column is None else row[source.columns.index(source.time_column)]
            found[row[0]] = min(when, found.get(row[0], date.max))
    return found


def collect(frame: DataFrame) -> list[Row]:
    return sorted(map(tuple, frame.collect()), key=repr)


@pytest.mark.parametrize("view", USE_CASE.views, ids=lambda view: view.label)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(books=edited())
def test_only_what_is_affected_is_computed_and_the_table_is_as_if_computed_anew(
    view: FeatureView, tables: Tables, books: tuple[Book, Book]
) -> None:
    before, after = books
    old, now = tables.sources(view, before), tables.sources(view, after)
    rows = collect(compute_view(view, old))
    changed = find_changed_keys(view, old, now)
    since = {row["customer_id"]: row["__since"] for row in changed.collect()}
    assert since == affected(view, before, after)
    change = recompute(view, now, tables.stored(view, rows), changed).collect()
    assert all(since[row["customer_id"]] <= row["observed_on"] for row in change)
    left = {row[:2]: row for row in rows}
    for row in change:
        values = tuple(row[name] for name in view.columns)
        left.pop(values[:2], None)
        if not row[GONE]:
            left[values[:2]] = values
    assert sorted(left.values(), key=repr) == collect(compute_view(view, now))


@pytest.mark.parametrize("view", USE_CASE.views, ids=lambda view: view.label)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(book=books)
def test_month_by_month_gives_the_whole(view: FeatureView, tables: Tables, book: Book) -> None:
    """Each month from what was known at its end: nothing of a month depends on a later one."""
    sources, empty = tables.sources(view, book), tables.stored(view, [])
    found = [
        row
        for month in [date(2003, 12, 1), *(date(2004, number, 1) for number in range(1, 6))]
        for row in collect(compute_month(view, sources, empty, month).drop(GONE))
    ]
    assert sorted(found, key=repr) == collect(compute_view(view, sources))
