"""Which rows are scored: the newest cohorts of customers with a statement."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def scoring_spine(
    statements: DataFrame, as_of: date, months: int, *, first: date | None = None, last: date | None = None
) -> DataFrame:
    """Return customer_id and observed_on, one row per customer and cohort.

    Args:
        statements: ``clean.statements``.
        as_of: Statements dated later are not known yet; inclusive.
        months: Number of newest cohorts; a cohort is all statements of one date. Not used with ``first`` or ``last``.
        first: Cohorts from this date on, inclusive.
        last: Cohorts up to this date, inclusive.
    """
    known = statements.where(F.col("statement_date") <= F.lit(as_of)).select(
        "customer_id", F.col("statement_date").alias("observed_on")
    )
    if first or last:
        after = F.col("observed_on") >= F.lit(first or date.min)
        return known.where(after & (F.col("observed_on") <= F.lit(last or as_of))).distinct()
    newest = known.select("observed_on").distinct().orderBy(F.col("observed_on").desc()).limit(months)
    return known.join(newest, "observed_on", "left_semi").select("customer_id", "observed_on").distinct()


def labels_known_on(observed_on: date) -> date:
    """Return the day on which the labels of a cohort are known: the last day of the following month."""
    from calendar import monthrange

    year, month = divmod(observed_on.year * 12 + observed_on.month, 12)
    return observed_on.replace(year=year, month=month + 1, day=monthrange(year, month + 1)[1])
