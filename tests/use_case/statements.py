"""Hand-made statements for the tests of features and label."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from boathouse.use_case.cleaning import clean_statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame, SparkSession

# Customer, month of 2005, pay_status, bill, payment.
Line = tuple[int, int, int, float, float]


# Customer, day, amount, number of transactions.
Use = tuple[int, date, float, int]


def make_transactions(spark: SparkSession, uses: Iterable[Use]) -> DataFrame:
    """Return ``clean.transactions`` with these lines."""
    columns = "customer_id bigint, transaction_date date, amount double, n_transactions int"
    return spark.createDataFrame(list(uses), columns)


def make_statements(spark: SparkSession, lines: Iterable[Line]) -> DataFrame:
    """Return ``clean.statements`` with these lines."""
    rows = [(customer, date(2005, month, 1), status, bill, paid) for customer, month, status, bill, paid in lines]
    columns = "customer_id bigint, statement_month date, pay_status int, bill_amt double, pay_amt double"
    return clean_statements(spark.createDataFrame(rows, columns))
