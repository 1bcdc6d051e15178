"""Features by hand, and the law that none of them sees the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from boathouse.use_case import USE_CASE, cleaning
from boathouse.use_case.features import (
    FEATURE_VIEWS,
    compute_customer_profile,
    compute_payment_behaviour,
    compute_spending,
)
from tests.fixtures.small_workspace import ROOT
from tests.fixtures.statements import Line, make_statements, make_transactions

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from boathouse.features.feature_view import FeatureView

CUSTOMERS = "customer_id bigint, limit_bal double, sex string, education string, marriage string, age int"


def make_customers(spark: SparkSession) -> DataFrame:
    rows = [
        (1, 1000.0, "man", "university", "married", 40),
        (2, 500.0, "woman", "other", "undocumented", 25),
        (3, 10.0, "woman", "high_school", "single", 30),
    ]
    return spark.createDataFrame(rows, CUSTOMERS)


def by_month(frame: DataFrame) -> dict[tuple[int, int], dict[str, float | None]]:
    """Return the features by customer and month."""
    return {(row["customer_id"], row["observed_on"].month): row.asDict() for row in frame.collect()}


# Customer 1 has no statement of July.
LINES: list[Line] = [
    (1, 4, 0, 100.0, 0.0),
    (1, 5, 2, 200.0, 50.0),
    (1, 6, -1, 0.0, 3000.0),
    (1, 8, 0, 400.0, 20.0),
    (1, 9, 0, -100.0, 0.0),
    (2, 4, 1, 50.0, 5.0),
]


@pytest.fixture
def behaviour(spark: SparkSession) -> dict[tuple[int, int], dict[str, float | None]]:
    return by_month(compute_payment_behaviour(make_statements(spark, LINES)))


@pytest.fixture
def spending(spark: SparkSession) -> dict[tuple[int, int], dict[str, float | None]]:
    return by_month(compute_spending(make_statements(spark, LINES), make_customers(spark)))


def test_a_profile_is_known_from_the_first_statement_on(spark: SparkSession) -> None:
    found = by_month(compute_customer_profile(make_customers(spark), make_statements(spark, LINES)))
    assert set(found) == {(1, 4), (2, 4)}
    one, two = found[1, 4], found[2, 4]
    assert (one["limit_bal"], one["age"], one["education_level"], one["is_married"]) == (1000.0, 40.0, 2.0, 1.0)
    assert (two["education_level"], two["is_married"]) == (None, None)


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (4, {"months_late": 0, "months_late_max_3m": 0, "times_late_6m": 0, "months_since_late": None}),
        (5, {"months_late": 2, "months_late_max_3m": 2, "months_late_mean_6m": 1, "months_since_late": 0}),
        (6, {"months_late": 0, "months_late_max_3m": 2, "is_paid_in_full": 1, "paid_in_full_share_6m": 1 / 3}),
        (8, {"months_late_max_3m": 0, "months_since_late": 3, "months_observed": 4, "times_late_6m": 1}),
        (9, {"months_late_mean_6m": 2 / 5, "months_since_late": 4, "is_revolving": 1, "is_no_use": 0}),
    ],
)
def test_behaviour_counts_calendar_months(
    behaviour: dict[tuple[int, int], dict[str, float | None]], month: int, expected: dict[str, float | None]
) -> None:
    """In August the window of three months holds June and August: the missing July makes it no longer."""
    found = behaviour[1, month]
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (4, {"utilisation": 0.1, "utilisation_change_1m": None, "payment_ratio": None, "spending": None}),
        (5, {"utilisation": 0.2, "utilisation_change_1m": 0.1, "payment_ratio": 0.5, "spending": 150}),
        # 3000 paid of a bill of 200 count as ten times the bill.
        (6, {"payment_ratio": 10, "payment_ratio_mean_3m": 5.25, "utilisation_max_6m": 0.2, "spending": 2800}),
        (8, {"utilisation_change_1m": None, "payment_ratio": None, "utilisation_mean_3m": 0.2, "spending": None}),
        (9, {"utilisation": -0.1, "payment_ratio": 0, "spending": -500, "utilisation_max_6m": 0.4}),
    ],
)
def test_spending_looks_at_the_month_before_and_at_no_other(
    spending: dict[tuple[int, int], dict[str, float | None]], month: int, expected: dict[str, float | None]
) -> None:
    found = spending[1, month]
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_after_a_bill_of_nothing_there_is_no_ratio(spark: SparkSession) -> None:
    lines: list[Line] = [(3, 4, -2, 0.0, 0.0), (3, 5, 0, 5.0, 1.0), (3, 6, 0, -5.0, 1.0), (3, 7, 0, 1.0, 1.0)]
    found = by_month(compute_spending(make_statements(spark, lines), make_customers(spark)))
    assert [found[3, month]["payment_ratio"] for month in (5, 6, 7)] == [None, 0.2, None]


@pytest.fixture(scope="module")
def book(spark: SparkSession) -> dict[str, DataFrame]:
    """Return the clean tables of 120 real customers, of whom every ninth misses a statement."""
    raw = pd.read_csv(ROOT / "data" / "01_raw" / "statements.csv").query("customer_id <= 120")
    raw = raw[(raw["customer_id"] % 9 != 0) | (raw["statement_month"] != "2005-06-01")]
    lines = [
        (
            int(row.customer_id),
            int(row.statement_month[5:7]),
            int(row.pay_status),
            float(row.bill_amt),
            float(row.pay_amt),
        )
        for row in raw.itertuples()
    ]
    limits = pd.read_csv(ROOT / "data" / "01_raw" / "customers.csv").query("customer_id <= 120")
    customers = [
        (int(row.customer_id), float(row.limit_bal), "man", "other", "single", int(row.age))
        for row in limits.itertuples()
    ]
    uses = [
        (customer, date(2005, month, day), paid, 1 + day % 3)
        for customer, month, _, _, paid in lines
        for day in (3, 20)
        if paid and customer % 3
    ]
    return {
        "clean.transactions": make_transactions(spark, uses),
        "clean.statements": make_statements(spark, lines),
        "clean.customers": spark.createDataFrame(customers, CUSTOMERS),
    }


def compute(view: FeatureView, book: dict[str, DataFrame]) -> pd.DataFrame:
    frame = view.compute(*(book[name] for name in view.source_names)).toPandas()  # type: ignore[attr-defined]
    ordered: pd.DataFrame = frame.sort_values(["customer_id", "observed_on"]).reset_index(drop=True)
    return ordered


@pytest.mark.parametrize("month", [5, 7, 8])
@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_features_of_a_date_need_nothing_later(view: FeatureView, month: int, book: dict[str, DataFrame]) -> None:
    """Computed from what was known, and computed from everything: the same, bit for bit."""
    day = date(2005, month, 1)
    statements = book["clean.statements"]
    used_by_then = F.col("transaction_date") <= F.last_day(F.lit(day))
    known = {
        **book,
        "clean.statements": statements.where(F.col("statement_month") <= F.lit(day)),
        "clean.transactions": book["clean.transactions"].where(used_by_then),
    }
    everything = compute(view, book)
    as_then = everything[pd.to_datetime(everything["observed_on"]).dt.month <= month].reset_index(drop=True)
    pd.testing.assert_frame_equal(compute(view, known), as_then, check_exact=True)


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_what_happens_later_changes_nothing_earlier(view: FeatureView, book: dict[str, DataFrame]) -> None:
    later = F.col("statement_month") > F.lit(date(2005, 7, 1))
    changed = book["clean.statements"].withColumn("bill_amt", F.when(later, F.lit(1e9)).otherwise(F.col("bill_amt")))
    changed = changed.withColumn("months_late", F.when(later, F.lit(9)).otherwise(F.col("months_late")))
    used = book["clean.transactions"]
    used = used.withColumn("amount", F.when(F.month("transaction_date") > 7, 1e9).otherwise(F.col("amount")))
    before, after = (
        compute(view, book),
        compute(view, {**book, "clean.statements": changed, "clean.transactions": used}),
    )
    early = (pd.to_datetime(before["observed_on"]).dt.month <= 7).to_numpy()
    pd.testing.assert_frame_equal(before[early], after[early], check_exact=True)
    if view.name != "customer_profile":
        assert not before[~early].equals(after[~early])


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_a_view_has_one_row_per_key_and_time_and_what_it_declares(
    view: FeatureView, book: dict[str, DataFrame]
) -> None:
    frame = compute(view, book)
    assert list(frame.columns) == list(view.columns)
    assert not frame.duplicated([*view.key_names, view.time_column]).any()
    assert {str(frame[name].dtype) for name in view.feature_names} == {"float64"}
    assert not np.isinf(frame[list(view.feature_names)].to_numpy()).any()


def test_feature_names_are_unique_and_none_is_a_sensitive_group() -> None:
    assert len(USE_CASE.feature_names) == len(set(USE_CASE.feature_names))
    assert not {"sex", "age_band"} & set(USE_CASE.feature_names)


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.label)
def test_a_view_reads_the_columns_it_declares_and_no_others(spark: SparkSession, view: FeatureView) -> None:
    tables = [spark.createDataFrame([], USE_CASE.contracts[name].ddl) for name in view.source_names]
    declared = [table.select(*source.columns) for table, source in zip(tables, view.sources, strict=True)]
    assert set(view.compute(*declared).columns) == set(view.columns)  # type: ignore[attr-defined]
    for place, source in enumerate(view.sources):
        for column in source.columns:
            without = [*declared[:place], declared[place].drop(column), *declared[place + 1 :]]
            with pytest.raises(AnalysisException):
                view.compute(*without).schema  # type: ignore[attr-defined]  # noqa: B018


def other_values(column: str) -> Column:
    """Return other values for a column, so that whatever is computed from it changes somewhere."""
    return {
        "limit_bal": F.col("limit_bal") * 3,
        "age": F.col("age") + 1,
        "education": F.lit("university"),
        "marriage": F.lit("married"),
        # September becomes April: windows hold other months.
        "statement_month": F.add_months(F.lit(date(2005, 4, 1)), 9 - F.month("statement_month")),
        "months_late": F.when(F.col("customer_id") % 2 == 0, 0).otherwise(F.col("months_late") + 1),
        "usage": F.when(F.col("usage") == "no_use", "paid_in_full")
        .when(F.col("usage") == "paid_in_full", "revolving")
        .otherwise("no_use"),
        "bill_amt": F.col("bill_amt") * F.month("statement_month") + 777,
        "pay_amt": F.col("pay_amt") + 123,
        "amount": F.col("amount") + 5,
        "n_transactions": F.when(F.dayofmonth("transaction_date") == 20, F.col("n_transactions") + 1),
    }[column]


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.label)
def test_a_feature_is_computed_from_the_columns_it_declares_and_no_others(
    view: FeatureView, book: dict[str, DataFrame]
) -> None:
    identity = [*view.key_names, view.time_column]
    before = compute(view, book).set_index(identity)
    for source in view.sources:
        for column in set(source.columns) - {*view.key_names, source.time_column}:
            changed = {**book, source.table: book[source.table].withColumn(column, other_values(column))}
            after = compute(view, changed).set_index(identity)
            shared = before.index.intersection(after.index)
            moved = {
                name for name in view.feature_names if not before.loc[shared, name].equals(after.loc[shared, name])
            }
            path = f"{source.table}.{column}"
            assert moved == {name for name in view.feature_names if path in view.reads[name]}, path


@pytest.mark.parametrize(("mapping", "view"), [("MARRIAGE", "customer_profile"), ("EDUCATION", "customer_profile")])
def test_codes_read_the_other_way_round_are_another_definition(
    monkeypatch: pytest.MonkeyPatch, mapping: str, view: str
) -> None:
    """Features of swapped codes under the old name would mislead the models that were trained before."""
    declared = next(each for each in USE_CASE.views if each.name == view)
    codes = getattr(cleaning, mapping)
    assert replace(declared).digest == declared.digest
    monkeypatch.setattr(cleaning, mapping, dict(zip(codes, reversed(codes.values()), strict=True)))
    assert replace(declared).digest != declared.digest
