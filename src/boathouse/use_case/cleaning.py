"""Typed rows of the extracts become rows a person can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.lazy import import_lazily
from boathouse.use_case.code_mappings import EDUCATION, MARRIAGE, SEX, USAGE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql import functions as F
else:
    F = import_lazily("pyspark.sql.functions")


def clean_customers(customers: DataFrame) -> DataFrame:
    """Return one row per customer with names in place of codes; undocumented codes become a group."""
    return customers.select(
        "customer_id",
        "limit_bal",
        _decode("sex", SEX),
        _decode("education", EDUCATION),
        _decode("marriage", MARRIAGE),
        "age",
    )


def clean_statements(statements: DataFrame) -> DataFrame:
    """Return one row per customer and month, dated by the day from which it is known.

    ``pay_status`` mixes two things: how the card was used (-2, -1, 0) and how late the payment is
    (1 and more). ``usage`` and ``months_late`` keep them apart; months_late is 0 for a customer on time.
    """
    status = F.col("pay_status")
    usage = F.when(status >= 1, USAGE[3]).when(status == 0, USAGE[2]).when(status == -1, USAGE[1]).otherwise(USAGE[0])
    return statements.select(
        "customer_id",
        "statement_month",
        F.last_day("statement_month").alias("statement_date"),
        "pay_status",
        F.greatest(status, F.lit(0)).alias("months_late"),
        usage.alias("usage"),
        "bill_amt",
        "pay_amt",
    )


def clean_defaults(defaults: DataFrame) -> DataFrame:
    """Return one row per customer with the bank's default flag."""
    return defaults.select("customer_id", "default_next_month")


def clean_transactions(transactions: DataFrame) -> DataFrame:
    """Return one row per customer and day of use; none where the bank delivers no daily data."""
    return transactions.select("customer_id", "transaction_date", "amount", "n_transactions")


def _decode(column: str, mapping: dict[int, str]) -> Column:
    """Return the column with a name for each code; the contract has already refused other codes."""
    (first, name), *others = mapping.items()
    chosen = F.when(F.col(column) == first, name)
    for code, name in others:
        chosen = chosen.when(F.col(column) == code, name)
    return chosen.alias(column)
