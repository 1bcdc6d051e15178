"""An incremental refresh computes the affected keys alone, and leaves what a full one would."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.errors import DataQualityError, TableError
from boathouse.features.incremental import order_views
from boathouse.features.refreshing import FeatureRefresher
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tests.features.store.conftest import Book, Shop

PROFILE, BEHAVIOUR, SPENDING, ACTIVITY = USE_CASE.views
BOOK: Book = {(customer, month): (0, 100.0 * month, 50.0) for customer in (1, 2, 3) for month in (4, 5, 6)}
LIMITS = {1: 1000.0, 2: 2000.0, 3: 3000.0}


def expected(shop: Shop, table: str, view_number: int) -> bool:
    """Return whether the table holds what the view gives when it is computed from nothing."""
    computed = shop.refresher.preview(USE_CASE.views[view_number])
    return shop.rows(table) == sorted(map(tuple, computed.collect()), key=repr)


def test_the_first_refresh_is_full_and_the_next_has_nothing_to_do(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    first = shop.refresher.refresh(SPENDING)
    assert (first.mode, first.rows, first.version, first.reason) == ("full", 9, 0, "there is no table yet")
    again = shop.refresher.refresh(SPENDING)
    assert (again.mode, again.rows, again.version) == ("incremental", 0, 0)
    assert "not changed" in again.reason


def test_a_correction_changes_its_customer_from_its_month_on(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(BEHAVIOUR)
    shop.write({**BOOK, (2, 5): (2, 500.0, 0.0)}, LIMITS)
    done = shop.refresher.refresh(BEHAVIOUR)
    # The customer's months from May on: two rows.
    assert (done.mode, done.keys, done.rows) == ("incremental", 1, 2)
    assert expected(shop, "features.payment_behaviour", 1)


def test_rows_that_are_gone_leave_and_a_source_without_time_changes_the_whole_key(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    for view in (PROFILE, SPENDING):
        shop.refresher.refresh(view)
    shop.write({key: value for key, value in BOOK.items() if key not in {(1, 4), (3, 6)}}, {**LIMITS, 2: 2500.0})
    done = [shop.refresher.refresh(view) for view in (PROFILE, SPENDING)]
    assert [(each.mode, each.keys) for each in done] == [("incremental", 3)] * 2
    assert expected(shop, "features.customer_profile", 0)
    assert expected(shop, "features.spending", 2)


def test_columns_that_the_view_does_not_use_change_nothing(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(BEHAVIOUR)
    shop.write({key: (late, bill + 1, paid) for key, (late, bill, paid) in BOOK.items()}, LIMITS)
    done = shop.refresher.refresh(BEHAVIOUR)
    assert (done.mode, done.keys, done.rows, done.version) == ("incremental", 0, 0, 0)


@pytest.mark.parametrize("cause", ["asked for", "definition has changed", "written otherwise"])
def test_where_the_start_is_unknown_the_refresh_is_full(shop: Shop, cause: str) -> None:
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(SPENDING)
    view = replace(SPENDING, max_age_days=90) if cause.startswith("definition") else SPENDING
    if cause == "written otherwise":
        place = shop.refresher.location("features.spending")
        shop.session.sql(f"DELETE FROM {place.sql_name} WHERE customer_id = 1")  # noqa: S608 - the test's own table
    done = shop.refresher.refresh(view, full=cause == "asked for")
    assert done.mode == "full"
    assert cause in done.reason
    assert expected(shop, "features.spending", 2)


customers, months = st.integers(1, 4), st.integers(4, 9)
lines = st.tuples(st.integers(0, 3), st.sampled_from([0.0, 10.5, 900.0]), st.sampled_from([0.0, 7.25]))
books = st.dictionaries(st.tuples(customers, months), lines, min_size=1, max_size=16)
limits = st.fixed_dictionaries({number: st.sampled_from([100.0, 250.0]) for number in range(1, 5)})


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(books, limits), min_size=2, max_size=2))
def test_any_sequence_of_changes_leaves_what_a_full_computation_would(
    shop: Shop, steps: list[tuple[Book, dict[int, float]]]
) -> None:
    for book, credit in steps:
        shop.write(book, credit)
        for number, view in enumerate(USE_CASE.views):
            shop.refresher.refresh(view)
            assert expected(shop, view.table, number)


def test_a_crash_between_table_and_record_is_mended_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(SPENDING)
    shop.write({**BOOK, (2, 5): (2, 500.0, 0.0)}, LIMITS)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FeatureRefresher, "_note", die)
        with pytest.raises(KeyboardInterrupt):
            shop.refresher.refresh(SPENDING)
    done = shop.refresher.refresh(SPENDING)
    assert (done.mode, done.reason) == ("full", "the table has been written otherwise")
    assert expected(shop, "features.spending", 2)
    assert shop.refresher.refresh(SPENDING).rows == 0


def broken(statements: DataFrame, customers: DataFrame) -> DataFrame:
    """Return each row twice."""
    rows = SPENDING.compute(statements, customers)
    return rows.unionByName(rows)  # type: ignore[attr-defined, no-any-return]


def test_rows_that_break_the_contract_are_not_written(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    shop.refresher.refresh(SPENDING)
    before = shop.rows("features.spending")
    with pytest.raises(DataQualityError, match=r"(?s)features\.spending.*keys_unique"):
        shop.refresher.refresh(replace(SPENDING, compute=broken))
    with pytest.raises(DataQualityError, match=r"(?s)features\.spending.*keys_unique"):
        shop.refresher.refresh_month(replace(SPENDING, compute=broken), date(2005, 5, 1))
    assert shop.rows("features.spending") == before


def test_months_are_filled_one_by_one_and_not_twice(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    months = [date(2005, number, 1) for number in (4, 5, 6)]
    assert [shop.refresher.refresh_month(SPENDING, month).rows for month in months[:2]] == [3, 3]
    # Another process goes on: what is done is not done again.
    done = [shop.refresher.refresh_month(SPENDING, month) for month in months]
    assert [each.rows for each in done] == [0, 0, 3]
    assert "before" in done[0].reason
    assert expected(shop, "features.spending", 2)
    # A correction of April changes April's sources, so that the months are due again.
    shop.write({**BOOK, (1, 4): (1, 1.0, 1.0)}, LIMITS)
    assert shop.refresher.refresh_month(SPENDING, months[0]).rows == 3


def test_a_view_of_a_source_that_is_not_delivered_waits_and_is_not_late(shop: Shop) -> None:
    shop.write(BOOK, LIMITS)
    assert shop.refresher.refresh(ACTIVITY).rows == 0
    waiting = shop.refresher.state(ACTIVITY)
    assert waiting is not None
    assert (waiting.newest, waiting.newest_source, waiting.lag_days) == (None, None, 0)
    # Once there are transactions, it is as late as any other view.
    shop.write(BOOK, LIMITS, {(1, date(2005, 6, 3)): (5.0, 1)})
    late = shop.refresher.state(ACTIVITY)
    assert late is not None
    assert late.lag_days > 0
    done = shop.refresher.refresh(ACTIVITY)
    # The day of use and the statement after it.
    assert (done.mode, done.keys, done.rows) == ("incremental", 1, 2)
    assert expected(shop, "features.card_activity", 3)


def test_a_use_that_is_reported_late_changes_its_customer_from_its_day_on(shop: Shop) -> None:
    uses = {(customer, date(2005, 5, day)): (10.0, 1) for customer in (1, 2) for day in (2, 9, 30)}
    shop.write(BOOK, LIMITS, uses)
    shop.refresher.refresh(ACTIVITY)
    shop.write(BOOK, LIMITS, {**uses, (2, date(2005, 5, 4)): (1.0, 2)})
    done = shop.refresher.refresh(ACTIVITY)
    # The 4th, 9th and 30th of May and the statements of May and June; the 2nd of May stays.
    assert (done.mode, done.keys, done.rows) == ("incremental", 1, 5)
    assert expected(shop, "features.card_activity", 3)


def test_a_missing_source_is_named_with_what_makes_it(shop: Shop) -> None:
    with pytest.raises(TableError, match=r"clean\.statements.*data_prep"):
        shop.refresher.refresh(BEHAVIOUR)


def test_a_view_comes_after_those_it_is_made_from() -> None:
    source = replace(SPENDING.sources[0], table="features.spending", columns=("customer_id", "bill_amt"))
    derived = replace(SPENDING, name="derived", sources=(source,))
    assert order_views([derived, SPENDING]) == (SPENDING, derived)
