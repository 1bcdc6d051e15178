"""The feature views of the use case: declared here, once, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.features.feature_view import FeatureView, Source
from boathouse.lazy import import_lazily
from boathouse.scoring.feature_spec import Feature
from boathouse.use_case.card_activity import CARD_ACTIVITY
from boathouse.use_case.cleaning import clean_customers, clean_statements
from boathouse.use_case.entity import KEYS, KNOWN_COLUMN, OWNER, TIME_COLUMN
from boathouse.use_case.feature_reads import READS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Window, WindowSpec
    from pyspark.sql import functions as F
else:
    F, Window = import_lazily("pyspark.sql.functions"), import_lazily("pyspark.sql", "Window")

# A ratio counts in steps of a billionth while it is averaged: sums of whole numbers are exact in any order.
# Rounding the mean instead would let engines differ: they round exact halves in different directions.
_STEPS = 1e9
# A payment of more than ten times the bill is no better sign than one of ten times; it would only stretch the scale.
_RATIO_CAP = 10.0


def compute_customer_profile(customers: DataFrame, statements: DataFrame) -> DataFrame:
    """Return what is known of a customer from the first statement on, one row per customer."""
    first = statements.groupBy("customer_id").agg(F.min(KNOWN_COLUMN).alias(TIME_COLUMN))
    education = F.col("education")
    level = F.when(education == "graduate_school", 3.0).when(education == "university", 2.0)
    married = F.when(F.col("marriage") == "married", 1.0).when(F.col("marriage") == "single", 0.0)
    return customers.join(first, "customer_id").select(
        "customer_id",
        TIME_COLUMN,
        F.col("limit_bal").cast("double").alias("limit_bal"),
        F.col("age").cast("double").alias("age"),
        level.when(education == "high_school", 1.0).alias("education_level"),
        married.alias("is_married"),
    )


def compute_payment_behaviour(statements: DataFrame) -> DataFrame:
    """Return how punctually the customer has paid, one row per customer and statement."""
    late, was_late = F.col("months_late"), (F.col("months_late") > 0).cast("double")
    last_late = F.max(F.when(F.col("months_late") > 0, F.col("month"))).over(_ever())
    return _number_months(statements).select(
        "customer_id",
        F.col(KNOWN_COLUMN).alias(TIME_COLUMN),
        late.cast("double").alias("months_late"),
        F.max(late).over(_trailing(3)).cast("double").alias("months_late_max_3m"),
        F.avg(late).over(_trailing(6)).alias("months_late_mean_6m"),
        F.sum(was_late).over(_trailing(6)).alias("times_late_6m"),
        (F.col("month") - last_late).cast("double").alias("months_since_late"),
        F.count(F.lit(1)).over(_ever()).cast("double").alias("months_observed"),
        *(
            (F.col("usage") == usage).cast("double").alias(f"is_{usage}")
            for usage in ("no_use", "paid_in_full", "revolving")
        ),
        F.avg((F.col("usage") == "paid_in_full").cast("int")).over(_trailing(6)).alias("paid_in_full_share_6m"),
    )


def compute_spending(statements: DataFrame, customers: DataFrame) -> DataFrame:
    """Return how the customer uses and repays the credit, one row per customer and statement."""
    limits = customers.select("customer_id", "limit_bal")
    rows = _number_months(statements).join(limits, "customer_id")
    month_before = Window.partitionBy("customer_id").orderBy("month").rangeBetween(-1, -1)
    before = F.max("bill_amt").over(month_before)
    rows = rows.withColumn("bill_before", before).withColumn("utilisation", F.col("bill_amt") / F.col("limit_bal"))
    paid = F.when(F.col("bill_before") > 0, F.col("pay_amt") / F.col("bill_before"))
    # least() would take the cap where nothing is known.
    rows = rows.withColumn("payment_ratio", F.when(paid > _RATIO_CAP, _RATIO_CAP).otherwise(paid))
    change = F.col("utilisation") - F.max("utilisation").over(month_before)
    return rows.select(
        "customer_id",
        F.col(KNOWN_COLUMN).alias(TIME_COLUMN),
        "bill_amt",
        "pay_amt",
        "utilisation",
        _mean_ratio("utilisation", 3).alias("utilisation_mean_3m"),
        F.max("utilisation").over(_trailing(6)).alias("utilisation_max_6m"),
        change.alias("utilisation_change_1m"),
        "payment_ratio",
        _mean_ratio("payment_ratio", 3).alias("payment_ratio_mean_3m"),
        (F.col("bill_amt") - F.col("bill_before") + F.col("pay_amt")).alias("spending"),
    )


def _number_months(statements: DataFrame) -> DataFrame:
    """Return the statements with ``month``, a number that grows by one a month."""
    month = F.year("statement_month") * 12 + F.month("statement_month")
    return statements.withColumn("month", month.cast("bigint"))


def _trailing(months: int) -> WindowSpec:
    """Return the window of the row's month and those before it, ``months`` in all, by calendar."""
    return Window.partitionBy("customer_id").orderBy("month").rangeBetween(1 - months, 0)


def _ever() -> WindowSpec:
    """Return the window of the row's month and all before it."""
    return Window.partitionBy("customer_id").orderBy("month").rangeBetween(Window.unboundedPreceding, 0)


def _mean_ratio(column: str, months: int) -> Column:
    """Return the mean of a ratio, exact to a billionth and the same on every engine; nulls do not count."""
    return F.avg(F.floor(F.col(column) * _STEPS + 0.5)).over(_trailing(months)) / _STEPS


# What models are trained on and look up.
MODEL_VIEWS = (
    FeatureView(
        name="customer_profile",
        keys=KEYS,
        time_column=TIME_COLUMN,
        owner=OWNER,
        description="What is known of a customer from the first statement on.",
        sources=(
            Source(
                table="clean.customers",
                columns=("customer_id", "limit_bal", "age", "education", "marriage"),
                cleaned_by=clean_customers,
            ),
            Source(
                table="clean.statements",
                columns=("customer_id", KNOWN_COLUMN),
                time_column=KNOWN_COLUMN,
                cleaned_by=clean_statements,
            ),
        ),
        compute=compute_customer_profile,
        reads=READS,
        features=(
            Feature(
                name="limit_bal",
                description="Credit given.",
                unit="NT$",
                reason="The credit limit",
                minimum=0,
                maximum=1e8,
            ),
            Feature(
                name="age",
                description="Age in whole years.",
                unit="years",
                reason="The customer's age",
                minimum=0,
                maximum=150,
            ),
            Feature(
                name="education_level",
                description="1 high school, 2 university, 3 graduate school; null for other or undocumented.",
                unit="level",
                reason="The level of education",
                allowed=(1, 2, 3),
            ),
            Feature(
                name="is_married",
                description="1 married, 0 single; null for other or undocumented.",
                unit="flag",
                reason="The marital status",
                allowed=(0, 1),
            ),
        ),
    ),
    FeatureView(
        name="payment_behaviour",
        keys=KEYS,
        time_column=TIME_COLUMN,
        owner=OWNER,
        description="How punctually the customer has paid, over months known on the date.",
        fresh_days=0,
        sources=(
            Source(
                table="clean.statements",
                columns=("customer_id", "statement_month", KNOWN_COLUMN, "months_late", "usage"),
                time_column=KNOWN_COLUMN,
                cleaned_by=clean_statements,
            ),
        ),
        compute=compute_payment_behaviour,
        reads=READS,
        features=(
            Feature(
                name="months_late",
                description="Months the newest payment is late; 0 on time.",
                unit="months",
                reason="The newest payment is late",
                minimum=0,
                maximum=24,
            ),
            Feature(
                name="months_late_max_3m",
                description="Greatest lateness of the last 3 months.",
                unit="months",
                reason="Payments were late in the last three months",
                minimum=0,
                maximum=24,
            ),
            Feature(
                name="months_late_mean_6m",
                description="Mean lateness of the last 6 months.",
                unit="months",
                reason="Payments have been late on average over half a year",
                minimum=0,
                maximum=24,
            ),
            Feature(
                name="times_late_6m",
                description="Months of the last 6 with a late payment.",
                unit="months",
                reason="The number of late payments in half a year",
                allowed=tuple(range(7)),
            ),
            Feature(
                name="months_since_late",
                description="Months since the last late payment; null if never late.",
                unit="months",
                reason="How recently a payment was late",
                minimum=0,
                maximum=1200,
            ),
            Feature(
                name="months_observed",
                description="Statements known so far.",
                unit="months",
                reason="The length of the payment history",
                minimum=0,
                maximum=1200,
            ),
            Feature(
                name="is_no_use",
                description="1 if the card was not used.",
                unit="flag",
                reason="The card is not used",
                allowed=(0, 1),
            ),
            Feature(
                name="is_paid_in_full",
                description="1 if the bill was paid in full.",
                unit="flag",
                reason="Whether the bill was paid in full",
                allowed=(0, 1),
            ),
            Feature(
                name="is_revolving",
                description="1 if part of the bill was carried over on time.",
                unit="flag",
                reason="Part of the bill is carried over",
                allowed=(0, 1),
            ),
            Feature(
                name="paid_in_full_share_6m",
                description="Share of the last 6 months paid in full.",
                unit="share",
                reason="How often bills are paid in full",
                minimum=0,
                maximum=1,
            ),
        ),
    ),
    FeatureView(
        name="spending",
        keys=KEYS,
        time_column=TIME_COLUMN,
        owner=OWNER,
        description="How the customer uses and repays the credit, over months known on the date.",
        fresh_days=0,
        sources=(
            Source(
                table="clean.statements",
                columns=("customer_id", "statement_month", KNOWN_COLUMN, "bill_amt", "pay_amt"),
                time_column=KNOWN_COLUMN,
                cleaned_by=clean_statements,
            ),
            Source(table="clean.customers", columns=("customer_id", "limit_bal"), cleaned_by=clean_customers),
        ),
        compute=compute_spending,
        reads=READS,
        features=(
            Feature(name="bill_amt", description="Newest bill.", unit="NT$", reason="The amount of the newest bill"),
            Feature(
                name="pay_amt", description="Newest payment.", unit="NT$", reason="The amount of the newest payment"
            ),
            Feature(
                name="utilisation",
                description="Newest bill over credit limit.",
                unit="share",
                reason="How much of the credit limit is used",
            ),
            Feature(
                name="utilisation_mean_3m",
                description="Mean utilisation of the last 3 months.",
                unit="share",
                reason="How much of the limit was used over three months",
            ),
            Feature(
                name="utilisation_max_6m",
                description="Greatest utilisation of the last 6 months.",
                unit="share",
                reason="The highest use of the limit in half a year",
            ),
            Feature(
                name="utilisation_change_1m",
                description="Utilisation now less that of a month ago; null without that statement.",
                unit="share",
                reason="The use of the limit has changed",
            ),
            Feature(
                name="payment_ratio",
                description="Newest payment over the bill before, at most 10; null without a bill before.",
                unit="ratio",
                reason="How much of the bill was paid",
            ),
            Feature(
                name="payment_ratio_mean_3m",
                description="Mean payment ratio of the last 3 months; null without a bill before.",
                unit="ratio",
                reason="How much of the bills was paid over three months",
            ),
            Feature(
                name="spending",
                description="Newest bill less the one before plus the payment; null without a statement before.",
                unit="NT$",
                reason="The amount of new spending",
            ),
        ),
    ),
)

# Everything that is computed, published and served. The shipped book has no daily data, so no model may depend on
# card_activity; a bank that has them moves it up.
FEATURE_VIEWS = (*MODEL_VIEWS, CARD_ACTIVITY)
