"""Data preparation on real rows: what it leaves, twice the same, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from boathouse.errors import BoathouseError
from tests.fixtures.small_workspace import CUSTOMERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.small_workspace import SmallWorkspace

TABLES = tuple(f"{schema}.{name}" for schema in ("raw", "clean") for name in ("customers", "statements", "defaults"))


def test_every_delivered_row_is_raw_and_clean(bank: SmallWorkspace) -> None:
    counts = {name: len(bank.rows(name)) for name in TABLES}
    assert counts == {name: CUSTOMERS * (6 if name.endswith("statements") else 1) for name in TABLES}
    assert {row["_source_file"] for row in bank.rows("raw.statements")} == {"statements.csv"}


def test_a_second_run_changes_nothing(bank: SmallWorkspace) -> None:
    names = [*TABLES, "clean.customers_quarantine", "audit.data_quality"]
    before = bank.versions(names)
    bank.run("data_prep")
    assert bank.versions(names) == before


def test_a_newer_delivery_is_added_to_raw_and_is_what_clean_shows(bank: SmallWorkspace) -> None:
    bank.edit("customers", lambda table: table.assign(age="41"))
    bank.run("data_prep")
    assert len(bank.rows("raw.customers")) == 2 * CUSTOMERS
    assert {row["age"] for row in bank.rows("clean.customers")} == {41}


def break_rows(column: str, value: str, rows: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[:rows], column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("source", "column", "value"),
    [
        ("customers", "education", "99"),
        ("customers", "age", "17"),
        ("customers", "limit_bal", "much"),
        ("statements", "pay_status", "-3"),
        ("statements", "pay_amt", "-1"),
        ("statements", "bill_amt", ""),
        ("defaults", "default_next_month", "2"),
    ],
)
def test_a_few_broken_rows_are_set_aside_with_the_rule_they_broke(
    bank: SmallWorkspace, source: str, column: str, value: str
) -> None:
    bank.edit(source, break_rows(column, value, 2))
    bank.run("data_prep")
    quarantined = bank.rows(f"clean.{source}_quarantine")
    assert [row[column] or "" for row in quarantined] == [value] * 2
    assert all(any(column in rule for rule in row["broken_rules"]) for row in quarantined)
    total = len(bank.rows(f"clean.{source}")) + len(quarantined)
    assert total == CUSTOMERS * (6 if source == "statements" else 1)


BAD: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a missing column": ("customers", lambda table: table.drop(columns="age"), "age"),
    "an extra column": ("customers", lambda table: table.assign(shoe_size="42"), "shoe_size"),
    "a wrong type throughout": ("customers", lambda table: table.assign(age="old"), "age"),
    "rows that share a key and differ": (
        "customers",
        lambda table: pd.concat([table, table.head(20).assign(age="99")]),
        "keys_unique",
    ),
    "an empty month": ("statements", lambda table: table[table["statement_month"] != "2005-06-01"], "2005-06"),
    "a column without any value": ("statements", lambda table: table.assign(pay_status=""), "pay_status"),
    "no rows": ("defaults", lambda table: table.head(0), "defaults"),
    "too many broken rows": ("statements", break_rows("pay_amt", "-1", 100), "quarantine|pay_amt"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_delivery_stops_before_anything_clean_is_published(new_bank: SmallWorkspace, case: str) -> None:
    """Not even the tables that are good by themselves."""
    source, change, named = BAD[case]
    new_bank.edit(source, change)
    with pytest.raises(Exception, match=named) as error:
        new_bank.run("data_prep")
    assert any(isinstance(each, BoathouseError) for each in causes_of(error.value))
    assert not any(new_bank.dataset(name).exists() for name in TABLES if name.startswith("clean"))


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Give the error and those it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def test_a_bad_delivery_leaves_what_was_clean_before(bank: SmallWorkspace) -> None:
    clean = [name for name in TABLES if name.startswith("clean")]
    before = bank.versions(clean)
    bank.edit("customers", lambda table: table.assign(age="41"))
    bank.edit("statements", lambda table: table.assign(pay_status="99"))
    with pytest.raises(BoathouseError, match="pay_status"):
        bank.run("data_prep")
    assert bank.versions(clean) == before


def test_identical_rows_count_once_and_a_new_key_stands_beside_the_old(bank: SmallWorkspace) -> None:
    bank.edit("customers", lambda table: pd.concat([table, table.head(20)]))
    bank.edit("statements", break_rows("statement_month", "2005-04-02", 1))
    bank.run("data_prep")
    assert len(bank.rows("clean.customers")) == CUSTOMERS
    assert len(bank.rows("clean.statements")) == CUSTOMERS * 6
    assert [row["broken_rules"] for row in bank.rows("clean.statements_quarantine")] == [["statement_month_pattern"]]


def test_a_missing_file_is_named(new_bank: SmallWorkspace) -> None:
    (new_bank.data / "01_raw" / "defaults.csv").unlink()
    with pytest.raises(Exception, match=r"01_raw/defaults\.csv"):
        new_bank.run("data_prep")


def test_staging_s_fraction_takes_whole_customers(new_bank: SmallWorkspace) -> None:
    new_bank.run("data_prep", params={"data_prep": {"sample": {"fraction": 0.5}}})
    ids: dict[str, set[Any]] = {
        name: {row["customer_id"] for row in new_bank.rows(f"clean.{name}")}
        for name in ("customers", "statements", "defaults")
    }
    assert ids["customers"] == ids["statements"] == ids["defaults"]
    assert 0 < len(ids["customers"]) < 40


def test_without_daily_transactions_their_tables_are_there_and_empty(bank: SmallWorkspace) -> None:
    tables = ("raw.transactions", "clean.transactions", "clean.transactions_quarantine", "features.card_activity")
    assert [len(bank.rows(name)) for name in tables] == [0] * 4
    assert {name for name, _ in bank.dataset("clean.transactions").load().dtypes} == {
        "customer_id",
        "transaction_date",
        "amount",
        "n_transactions",
    }


def test_where_daily_transactions_have_to_come_a_run_without_them_stops(new_bank: SmallWorkspace) -> None:
    with pytest.raises(BoathouseError, match=r"clean\.transactions.*no rows"):
        new_bank.run("data_prep", params={"data_prep": {"quality": {"may_be_empty": []}}})
    assert not new_bank.dataset("clean.customers").exists()


def test_broken_daily_transactions_stop_the_run_like_any_other_file(new_bank: SmallWorkspace) -> None:
    path = new_bank.data / "01_raw" / "transactions.csv"
    path.write_text("customer_id,transaction_date,amount,n_transactions\n1,2005-04-31,5,1\n", encoding="utf-8")
    with pytest.raises(BoathouseError, match=r"(?s)clean\.transactions.*transaction_date_type"):
        new_bank.run("data_prep")


def test_daily_transactions_that_come_later_fill_the_tables(bank: SmallWorkspace) -> None:
    path = bank.data / "01_raw" / "transactions.csv"
    path.write_text("customer_id,transaction_date,amount,n_transactions\n1,2005-04-28,5.5,1\n", encoding="utf-8")
    bank.run("data_prep", "feature_engineering")
    assert [row["amount"] for row in bank.rows("clean.transactions")] == [5.5]
    rows = {str(row["observed_on"]): row for row in bank.rows("features.card_activity")}
    # The day of use, then the six statements; on the first the use is two days old.
    assert len(rows) == 7
    assert (rows["2005-04-30"]["spent_7d"], rows["2005-04-30"]["days_since_use"]) == (5.5, 2.0)
    assert (rows["2005-05-31"]["spent_21d"], rows["2005-05-31"]["days_since_use"]) == (0.0, 33.0)
