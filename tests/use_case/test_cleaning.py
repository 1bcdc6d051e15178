"""Codes become words, and what pay_status mixes is kept apart."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from boathouse.use_case.cleaning import clean_customers, clean_statements
from boathouse.use_case.groups import sensitive_groups

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = "customer_id bigint, limit_bal double, sex int, education int, marriage int, age int"


def test_documented_codes_have_words_and_the_others_are_a_group(spark: SparkSession) -> None:
    codes = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 0), (5, 1), (6, 2)]
    rows = [(place, 1000.0, place % 2, education, marriage, 30) for place, (education, marriage) in enumerate(codes)]
    found = clean_customers(spark.createDataFrame(rows, CUSTOMERS)).orderBy("customer_id").collect()
    assert [row["education"] for row in found] == [
        "undocumented",
        "graduate_school",
        "university",
        "high_school",
        "other",
        "undocumented",
        "undocumented",
    ]
    assert [row["marriage"] for row in found[:4]] == ["undocumented", "married", "single", "other"]
    assert [row["sex"] for row in found[:2]] == ["man", "woman"]


@pytest.mark.parametrize(
    ("status", "late", "usage"),
    [(-2, 0, "no_use"), (-1, 0, "paid_in_full"), (0, 0, "revolving"), (1, 1, "late"), (8, 8, "late")],
)
def test_use_of_the_card_and_lateness_are_two_columns(spark: SparkSession, status: int, late: int, usage: str) -> None:
    columns = "customer_id bigint, statement_month date, pay_status int, bill_amt double, pay_amt double"
    rows = spark.createDataFrame([(1, date(2004, 2, 1), status, -5.0, 0.0)], columns)
    (row,) = clean_statements(rows).collect()
    assert (row["pay_status"], row["months_late"], row["usage"]) == (status, late, usage)
    assert row["statement_date"] == date(2004, 2, 29)
    assert row["bill_amt"] == -5.0


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (24, "under_25"),
        (25, "25_to_34"),
        (34, "25_to_34"),
        (35, "35_to_44"),
        (45, "45_to_59"),
        (59, "45_to_59"),
        (60, "60_and_over"),
    ],
)
def test_age_bands_begin_where_they_say(spark: SparkSession, age: int, band: str) -> None:
    rows = spark.createDataFrame(
        [(7, "man", age, "other")], "customer_id bigint, sex string, age int, education string"
    )
    (row,) = sensitive_groups(rows).collect()
    assert row.asDict() == {"customer_id": 7, "sex": "man", "age_band": band, "education": "other"}
