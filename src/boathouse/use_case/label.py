"""What is predicted: will the customer miss the next payment?"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from boathouse.tables import Column, TableContract

LABEL = "missed_payment"
EVENT_DATE, KNOWN_DATE = "label_event_date", "label_known_on"

LABELS = TableContract(
    name="model_input.labels",
    description="Whether the customer missed the payment after the statement.",
    grain="One row per customer and statement whose next payment is known.",
    columns=(
        Column(name="customer_id", dtype="bigint", description="The customer."),
        Column(name="observed_on", dtype="date", description="Date of the statement: a prediction is made on it."),
        Column(name=LABEL, dtype="int", description="1 if the next payment was missed.", allowed=(0, 1)),
        Column(name=EVENT_DATE, dtype="date", description="Last day of the month in which the payment was due."),
        Column(name=KNOWN_DATE, dtype="date", description="Date from which the label is known."),
    ),
    keys=("customer_id", "observed_on"),
    time_column="observed_on",
)


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
        (F.col("pay_status") >= 1).cast("int").alias(LABEL),
    )
    known = statements.select("customer_id", "statement_month", "statement_date")
    newest = known.select(F.max("statement_month").alias("statement_month"))
    flagged = known.join(newest, "statement_month", "left_semi").join(
        defaults.select("customer_id", F.col("default_next_month").alias(LABEL)), "customer_id"
    )
    labelled = known.join(following, ["customer_id", "statement_month"]).unionByName(flagged)
    event = F.last_day(F.add_months("statement_month", 1))
    return labelled.select(
        "customer_id",
        F.col("statement_date").alias("observed_on"),
        LABEL,
        event.alias(EVENT_DATE),
        event.alias(KNOWN_DATE),
    )
