"""A synthetic book has what the real one has: its shares, its transitions, its drift; and days that add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pytest

from boathouse.errors import DataQualityError, SimulationError
from boathouse.simulation.stitching import SimulationOptions
from boathouse.use_case.schemas import DELIVERED
from boathouse.use_case.simulation import EXTRACT_TYPES, Book, Simulation, build_book
from tests.fixtures.small_workspace import ROOT

CUSTOMERS, MONTHS = 1_500, 14
REAL = {name: pc.read_csv(ROOT / "data" / "01_raw" / f"{name}.csv") for name in EXTRACT_TYPES}


@pytest.fixture(scope="module")
def book() -> Book:
    return build_book(**REAL)


def simulate(book: Book, first: int = 0, stop: int | None = None, **asked: Any) -> dict[str, pd.DataFrame]:
    options = SimulationOptions(**{"entities": CUSTOMERS, "months": MONTHS, "daily": True, **asked})
    made = Simulation.prepare(book, options).make_chunk(first, stop or options.entities)
    return {name: table.to_pandas(date_as_object=False) for name, table in made.items()}


@pytest.fixture(scope="module")
def made(book: Book) -> dict[str, pd.DataFrame]:
    return simulate(book)


def test_as_many_customers_and_months_as_the_book_has_are_the_book_in_another_order(book: Book) -> None:
    """Profile, all statements and the flag of one customer stay together."""
    made = simulate(book, entities=book.customers, months=6, daily=False)
    real = {name: table.to_pandas(date_as_object=False) for name, table in REAL.items()}
    assert whole_customers(made) == whole_customers(real)


def whole_customers(frames: dict[str, pd.DataFrame]) -> list[tuple[Any, ...]]:
    """Return everything that is known of each customer but the id, sorted."""
    statements = frames["statements"].sort_values(["customer_id", "statement_month"])
    columns = [name for name in statements.columns if name != "customer_id"]
    histories = statements.groupby("customer_id")[columns].agg(tuple)
    rows = frames["customers"].merge(frames["defaults"], on="customer_id").set_index("customer_id").join(histories)
    return sorted(rows.itertuples(index=False, name=None))


def test_chunks_and_larger_books_give_the_same_customers(book: Book, made: dict[str, pd.DataFrame]) -> None:
    part = simulate(book, 700, 720, entities=100_000)
    for name, frame in part.items():
        whole = made[name]
        kept = whole[whole["customer_id"].isin(frame["customer_id"].unique())].reset_index(drop=True)
        assert len(frame)
        pd.testing.assert_frame_equal(frame, kept)


def test_another_seed_gives_other_customers(book: Book, made: dict[str, pd.DataFrame]) -> None:
    other = simulate(book, seed=1)
    assert (other["customers"]["limit_bal"] != made["customers"]["limit_bal"]).mean() > 0.8


def transitions(statements: pd.DataFrame) -> set[tuple[int, int]]:
    """Return pairs of states of following months; four months late and more are one state."""
    status = statements.sort_values(["customer_id", "statement_month"])["pay_status"].clip(upper=4)
    after = status.groupby(statements["customer_id"]).shift(-1)
    return set(zip(status[after.notna()], after.dropna().astype(int), strict=True))


def test_every_step_from_month_to_month_was_taken_by_a_real_customer(made: dict[str, pd.DataFrame]) -> None:
    assert transitions(made["statements"]) <= transitions(REAL["statements"].to_pandas())


def test_the_break_in_the_data_stays_at_the_end_and_the_rise_of_late_payers_too(made: dict[str, pd.DataFrame]) -> None:
    statements = made["statements"]
    month = statements["statement_month"]
    assert month.min() == pd.Timestamp("2004-08-01")
    one_month_late = (statements["pay_status"] == 1).groupby(month).mean()
    assert one_month_late.iloc[-1] == pytest.approx(0.123, abs=0.02)
    assert one_month_late.iloc[:-1].max() < 0.005
    late = (statements["pay_status"] >= 1).groupby(month).mean()
    assert late.iloc[-6:].tolist() == pytest.approx([0.103, 0.099, 0.117, 0.140, 0.148, 0.227], abs=0.02)


def test_a_history_can_be_shifted_in_time(book: Book, made: dict[str, pd.DataFrame]) -> None:
    shifted = simulate(book, last_month="2024-02")
    assert shifted["statements"]["statement_month"].max() == pd.Timestamp("2024-02-01")
    columns = ["pay_status", "bill_amt", "pay_amt"]
    pd.testing.assert_frame_equal(shifted["statements"][columns], made["statements"][columns])
    assert (shifted["transactions"]["transaction_date"] == pd.Timestamp("2024-02-29")).any()


def test_days_of_a_month_add_up_to_its_spending(made: dict[str, pd.DataFrame]) -> None:
    """Spending is the bill less the one before plus the payment; where that is negative nothing was used."""
    rows = made["statements"]
    before = rows.groupby("customer_id")["bill_amt"].shift()
    spent = (rows["bill_amt"] - before + rows["pay_amt"]).clip(lower=0)
    used = made["transactions"]
    month = used["transaction_date"].dt.to_period("M").dt.start_time
    daily = used.groupby(["customer_id", month])["amount"].sum()
    keys = pd.MultiIndex.from_frame(rows[["customer_id", "statement_month"]])
    found = daily.reindex(keys, fill_value=0).to_numpy()
    assert np.array_equal(found[before.notna()], spent[before.notna()])
    # The first month has one too: what was billed before it is known to the simulation.
    assert found[before.isna()].sum() > 0


def test_days_of_use_are_few_and_in_order(made: dict[str, pd.DataFrame]) -> None:
    used = made["transactions"]
    ordered = used.sort_values(["customer_id", "transaction_date"], ignore_index=True)
    pd.testing.assert_frame_equal(used, ordered)
    assert not used.duplicated(["customer_id", "transaction_date"]).any()
    assert used.groupby(["customer_id", used["transaction_date"].dt.to_period("M")]).size().max() <= 12
    assert set(used["n_transactions"]) == {1, 2, 3}
    assert (used["amount"] >= used["n_transactions"]).all()


def test_rows_keep_the_contract_of_a_delivery(made: dict[str, pd.DataFrame]) -> None:
    for name, contract in DELIVERED.items():
        frame = made[name]
        assert list(frame.columns) == list(contract.column_names)
        assert not frame.isna().any().any()
        assert not frame.duplicated(list(contract.keys)).any()
        for column in contract.columns:
            values = frame[column.name]
            assert column.minimum is None or values.min() >= column.minimum
            assert column.maximum is None or values.max() <= column.maximum
            assert column.allowed is None or set(values) <= set(column.allowed)


def test_use_of_the_limit_stays_within_what_was_observed(book: Book, made: dict[str, pd.DataFrame]) -> None:
    rows = made["statements"].merge(made["customers"], on="customer_id")
    observed = book.bill / book.profile["limit_bal"][:, None]
    found = rows["bill_amt"] / rows["limit_bal"]
    # Where two pieces meet a bill may differ a little from the donor's.
    assert found.between(observed.min() - 0.5, observed.max() + 0.5).all()
    spent = rows["bill_amt"] - rows.groupby("customer_id")["bill_amt"].shift() + rows["pay_amt"]
    assert (spent < 0).mean() < 0.03


def test_synthetic_ids_are_never_real_ones(book: Book, made: dict[str, pd.DataFrame]) -> None:
    assert made["customers"]["customer_id"].tolist() == list(range(10_000_001, 10_000_001 + CUSTOMERS))
    with pytest.raises(SimulationError, match=r"numbered from 30000 on.*real ones up to 30000.*--first-id"):
        simulate(book, first_id=30_000)
    assert simulate(book, first_id=30_001, entities=1)["customers"]["customer_id"].tolist() == [30_001]


def small(**changed: pa.Table) -> Book:
    """Return the book of two customers and three months, with some tables replaced."""
    months = [date(2005, number, 1) for number in (4, 5, 6)]
    statements = pa.table(
        {
            "customer_id": [1] * 3 + [2] * 3,
            "statement_month": months * 2,
            "pay_status": [0] * 6,
            "bill_amt": [1, 2, 3, 4, 5, 6],
            "pay_amt": [0] * 6,
        }
    )
    customers = pa.table({"customer_id": [2, 1], **{name: [20, 10] for name in REAL["customers"].column_names[1:]}})
    defaults = pa.table({"customer_id": [1, 2], "default_next_month": [0, 1]})
    return build_book(**{"customers": customers, "statements": statements, "defaults": defaults, **changed})


def test_a_book_is_by_customer_and_month_in_whatever_order_it_comes() -> None:
    book = small()
    assert book.bill.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (book.profile["age"].tolist(), book.default.tolist()) == ([10, 20], [0, 1])
    assert (book.last_month, book.highest_id, book.months) == (2005 * 12 + 5, 2, 3)


def test_customers_that_lack_a_month_are_left_out() -> None:
    whole = REAL["statements"].slice(0, 0)
    assert whole.num_rows == 0
    statements = pa.table(
        {
            "customer_id": [1, 1, 2],
            "statement_month": [date(2005, 4, 1), date(2005, 5, 1), date(2005, 4, 1)],
            "pay_status": [0] * 3,
            "bill_amt": [1, 2, 3],
            "pay_amt": [0] * 3,
        }
    )
    book = small(statements=statements)
    assert book.bill.tolist() == [[1, 2]]
    with pytest.raises(SimulationError, match=r"1 customers with .* its 2 months.*needed.*3 months"):
        simulate(book, entities=1)


def test_a_book_that_cannot_be_drawn_from_says_why() -> None:
    months = [date(2005, 4, 1), date(2005, 6, 1)]
    columns = {"customer_id": [1, 1], "pay_status": [0, 0], "bill_amt": [1, 2], "pay_amt": [0, 0]}
    with pytest.raises(DataQualityError, match=r"statements.*2005-05"):
        small(statements=pa.table({**columns, "statement_month": months}))
    with pytest.raises(SimulationError, match="1 statements share customer and month"):
        small(statements=pa.table({**columns, "statement_month": [months[0]] * 2}))
    with pytest.raises(SimulationError, match="0 customers"):
        small(defaults=pa.table({"customer_id": [7], "default_next_month": [0]}))


def test_a_small_book_can_be_drawn_from() -> None:
    """Fewer donors than are looked at."""
    book = small()
    made = simulate(replace(book), entities=5, months=7)
    assert made["statements"].groupby("customer_id").size().tolist() == [7] * 5
