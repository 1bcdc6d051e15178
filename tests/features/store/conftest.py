"""A lakehouse with clean tables of a few customers, and steps that change them."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.environment import Environment
from boathouse.features.refreshing import FeatureRefresher

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

STATEMENTS = (
    "customer_id bigint, statement_month date, statement_date date, pay_status int, months_late int, usage string, "
    "bill_amt double, pay_amt double"
)
CUSTOMERS = "customer_id bigint, limit_bal double, sex string, education string, marriage string, age int"
TRANSACTIONS = "customer_id bigint, transaction_date date, amount double, n_transactions int"
# customer and day: NT$, transactions
Uses = dict[tuple[int, date], tuple[float, int]]
# customer and month: months late, bill, payment
Book = dict[tuple[int, int], tuple[int, float, float]]


def month_end(month: int) -> date:
    """Return the last day of a month of 2005."""
    return date(2005, month, calendar.monthrange(2005, month)[1])


@dataclass
class Shop:
    """One lakehouse; every write of a source makes a new version of it."""

    session: SparkSession
    refresher: FeatureRefresher

    def write(self, book: Book, limits: dict[int, float], uses: Uses | None = None) -> None:
        """Replace all sources; without ``uses`` nobody used the card on any day."""
        rows = [
            (
                customer,
                date(2005, month, 1),
                month_end(month),
                late,
                late,
                "late" if late else "paid_in_full",
                bill,
                paid,
            )
            for (customer, month), (late, bill, paid) in sorted(book.items())
        ]
        people = [(customer, limit, "woman", "university", "single", 30) for customer, limit in sorted(limits.items())]
        self._save("clean.statements", rows, STATEMENTS)
        self._save("clean.customers", people, CUSTOMERS)
        self._save("clean.transactions", [(*key, *value) for key, value in sorted((uses or {}).items())], TRANSACTIONS)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return a table's rows, sorted."""
        place = self.refresher.location(table)
        frame = self.session.read.format("delta").load(place.path)
        return sorted(map(tuple, frame.collect()), key=repr)

    def _save(self, table: str, rows: list[tuple[Any, ...]], schema: str) -> None:
        frame = self.session.createDataFrame(rows, schema)
        self.refresher.location(table).save(frame.write.format("delta").mode("overwrite"))


@pytest.fixture
def shop(spark: SparkSession, lakehouse: Callable[[str], dict[str, str]]) -> Shop:
    """Return an empty lakehouse."""
    return Shop(spark, FeatureRefresher(Environment("test", lakehouse("shop"))))
