"""The feature view over daily card transactions: windows of 7, 14 and 21 days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.features.feature_view import FeatureView, Source
from boathouse.lazy import import_lazily
from boathouse.scoring.feature_spec import Feature
from boathouse.use_case.cleaning import clean_statements, clean_transactions
from boathouse.use_case.entity import KEYS, KNOWN_COLUMN, OWNER, TIME_COLUMN
from boathouse.use_case.feature_reads import READS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Window, WindowSpec
    from pyspark.sql import functions as F
else:
    F, Window = import_lazily("pyspark.sql.functions"), import_lazily("pyspark.sql", "Window")

WINDOW_DAYS = (7, 14, 21)
# Amounts are summed as whole hundredths: the same in any order, on any engine.
_STEPS = 100


def compute_card_activity(transactions: DataFrame, statements: DataFrame) -> DataFrame:
    """Return how the card was used of late, one row per customer and day of a transaction or a statement.

    A window of n days is the row's day and the n - 1 days before it, by calendar. Days before the first
    transaction have no row: it is not known whether the card was in use.
    """
    used = transactions.select(
        "customer_id",
        F.col("transaction_date").alias(TIME_COLUMN),
        F.floor(F.col("amount") * _STEPS + 0.5).alias("hundredths"),
        F.col("n_transactions").cast("bigint").alias("uses"),
    )
    # Statements of customers without any use would be sorted into windows only to be dropped.
    asked = statements.join(transactions.select("customer_id"), "customer_id", "left_semi")
    asked = asked.select("customer_id", F.col(KNOWN_COLUMN).alias(TIME_COLUMN))
    nothing = F.lit(None).cast("bigint")
    rows = used.unionByName(asked.select("*", nothing.alias("hundredths"), nothing.alias("uses")))
    sums = [F.sum(name).alias(name) for name in ("hundredths", "uses")]
    daily = rows.groupBy("customer_id", TIME_COLUMN).agg(*sums).withColumn("day", _number_day())
    last_use = F.max(F.when(F.col("uses") > 0, F.col("day"))).over(_until())
    windows = [column for days in WINDOW_DAYS for column in _measure_window(days)]
    since_use = (F.col("day") - last_use).cast("double").alias("days_since_use")
    measured = daily.select("customer_id", TIME_COLUMN, *windows, since_use)
    return measured.where(F.col("days_since_use").isNotNull())


def _number_day() -> Column:
    """Return the days since 1970-01-01: a calendar without hours, so no change of clocks moves a border."""
    return F.datediff(TIME_COLUMN, F.lit("1970-01-01").cast("date")).cast("bigint")


def _until(days: int | None = None) -> WindowSpec:
    """Return the window that ends with the row's day: of ``days`` days, or of all before it."""
    start = Window.unboundedPreceding if days is None else 1 - days
    return Window.partitionBy("customer_id").orderBy("day").rangeBetween(start, 0)


def _measure_window(days: int) -> tuple[Column, ...]:
    """Return uses, days of use and NT$ spent of the last ``days`` days."""
    spent = _over(F.sum("hundredths"), days) / _STEPS
    return (
        _over(F.sum("uses"), days).alias(f"uses_{days}d"),
        _over(F.count("uses"), days).alias(f"days_used_{days}d"),
        spent.alias(f"spent_{days}d"),
    )


def _over(measure: Column, days: int) -> Column:
    """Return a measure over the last ``days`` days, 0 where there was no use."""
    return F.coalesce(measure.over(_until(days)), F.lit(0)).cast("double")


def _window_features(days: int) -> tuple[Feature, ...]:
    return (
        Feature(
            name=f"uses_{days}d",
            description=f"Transactions of the last {days} days, the day itself included.",
            unit="transactions",
            reason=f"How often the card was used in the last {days} days",
        ),
        Feature(
            name=f"days_used_{days}d",
            description=f"Days with a transaction among the last {days} days.",
            unit="days",
            reason=f"On how many of the last {days} days the card was used",
        ),
        Feature(
            name=f"spent_{days}d",
            description=f"Sum of the transactions of the last {days} days.",
            unit="NT$",
            reason=f"How much was spent in the last {days} days",
        ),
    )


CARD_ACTIVITY = FeatureView(
    name="card_activity",
    keys=KEYS,
    time_column=TIME_COLUMN,
    owner=OWNER,
    description="How the card was used in the days before; empty where the bank delivers no daily transactions.",
    # Every statement makes a row: an older one means that statements are missing.
    max_age_days=31,
    fresh_days=0,
    sources=(
        Source(
            table="clean.transactions",
            columns=("customer_id", "transaction_date", "amount", "n_transactions"),
            time_column="transaction_date",
            may_be_empty=True,
            cleaned_by=clean_transactions,
        ),
        Source(
            table="clean.statements",
            columns=("customer_id", KNOWN_COLUMN),
            time_column=KNOWN_COLUMN,
            cleaned_by=clean_statements,
        ),
    ),
    compute=compute_card_activity,
    reads=READS,
    features=(
        *(feature for days in WINDOW_DAYS for feature in _window_features(days)),
        Feature(
            name="days_since_use",
            description="Days since the last transaction; 0 on a day of use.",
            unit="days",
            reason="How recently the card was used",
        ),
    ),
)
