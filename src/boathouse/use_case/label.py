"""What is predicted: will the customer miss the next payment?"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING

from boathouse.lazy import import_lazily
from boathouse.problem.spec import Label

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F
else:
    F = import_lazily("pyspark.sql.functions")

NAME = "missed_payment"
EVENT_DATE, KNOWN_DATE = "label_event_date", "label_known_on"


def label_statements(statements: DataFrame, defaults: DataFrame) -> DataFrame:
    """Return the label of every statement whose next payment is known.

    A payment is missed if the next month's statement shows it at least one month late. The newest
    month has no next statement; its label is the bank's own default flag. Event and knowledge fall on
    the last day of the following month. A statement that neither decides has no row.

    Args:
        statements: ``clean.statements``.
        defaults: ``clean.defaults``.
    """
    following = statements.select(
        "customer_id",
        F.add_months("statement_month", -1).alias("statement_month"),
        (F.col("pay_status") >= 1).cast("int").alias(NAME),
    )
    known = statements.select("customer_id", "statement_month", "statement_date")
    newest = known.select(F.max("statement_month").alias("statement_month"))
    flagged = known.join(newest, "statement_month", "left_semi").join(
        defaults.select("customer_id", F.col("default_next_month").alias(NAME)), "customer_id"
    )
    labelled = known.join(following, ["customer_id", "statement_month"]).unionByName(flagged)
    event = F.last_day(F.add_months("statement_month", 1))
    return labelled.select(
        "customer_id",
        F.col("statement_date").alias("observed_on"),
        NAME,
        event.alias(EVENT_DATE),
        event.alias(KNOWN_DATE),
    )


def labels_known_on(observed_on: date) -> date:
    """Return the day on which the labels of a cohort are known: the last day of the following month."""
    year, month = divmod(observed_on.year * 12 + observed_on.month, 12)
    return observed_on.replace(year=year, month=month + 1, day=monthrange(year, month + 1)[1])


MISSED_PAYMENT = Label(
    name=NAME,
    description="1 if the next payment was missed.",
    about="Whether the customer missed the payment after the statement.",
    tables=("clean.statements", "clean.defaults"),
    compute=label_statements,
    known_on=labels_known_on,
    adverse=1,
    event_description="Last day of the month in which the payment was due.",
    event_date=EVENT_DATE,
    known_date=KNOWN_DATE,
)
