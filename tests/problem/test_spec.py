"""Declarations that contradict each other are refused where the use case is made, with what was found and where."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import ConfigError
from boathouse.features.feature_view import Source
from boathouse.inference.rows import request_newest, select_cohorts
from boathouse.problem.tables import request_contract
from boathouse.tables.contract import Column
from tests.fixtures.toy.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from boathouse.problem.spec import UseCase

SALES_DAY = date(2024, 3, 1)
PRODUCTS, SALES = USE_CASE.sources
PRICES, RECENT = USE_CASE.views


def read_other(table: str, *columns: str) -> UseCase:
    """Return the toy whose first view reads something else."""
    view = replace(PRICES, sources=(Source(table=table, columns=(*USE_CASE.keys, *columns)),))
    return replace(USE_CASE, views=(view, RECENT), model_views=(view, RECENT))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: replace(USE_CASE, sources=(PRODUCTS, SALES, SALES)), "sources: expected each name once, found sales"),
        (lambda: read_other("clean.stock"), "tables of view 'prices': found clean.stock, which is not declared"),
        (lambda: read_other("clean.products", "colour"), "'prices' reads of clean.products: found colour"),
        (lambda: replace(USE_CASE, spine_table="clean.stock"), "tables of the spine: found clean.stock"),
        (lambda: replace(USE_CASE, known_column="month"), "columns of spine clean.sales: found month"),
        (lambda: replace(USE_CASE, views=(RECENT,)), "model_views: found prices"),
        (lambda: replace(USE_CASE, label=replace(USE_CASE.label, tables=("clean.stock",))), "tables of label"),
        (lambda: replace(USE_CASE, label=replace(USE_CASE.label, name="price")), "label: expected each name once"),
        (lambda: replace(USE_CASE.label, adverse=2), "expected adverse to be 0 or 1, found 2"),
        (lambda: replace(USE_CASE.entity, keys=()), "expected at least one key column"),
        (lambda: replace(USE_CASE.entity, keys=USE_CASE.entity.keys * 2), "key columns: expected each name once"),
        (lambda: replace(SALES, cleaned=PRODUCTS.cleaned), "expected the clean contract to be named 'clean.sales'"),
    ],
)
def test_contradictions_are_refused(change: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        change()


def test_a_key_that_the_online_store_cannot_look_up_is_refused() -> None:
    key = Column(name="shop_id", dtype="int", description="Number of the shop.")
    with pytest.raises(ConfigError, match="key 'shop_id': expected type bigint or string, found int"):
        replace(USE_CASE.entity, keys=(key,))


def test_a_view_with_keys_of_another_entity_is_refused() -> None:
    keys = (("shop_id", "string"), USE_CASE.entity.typed_keys[1])
    view = replace(PRICES, keys=keys)
    with pytest.raises(ConfigError, match="keys of view 'prices': found shop_id string"):
        replace(USE_CASE, views=(view, RECENT), model_views=(view, RECENT))


def test_a_view_that_does_not_name_who_cleans_its_source_is_refused() -> None:
    view = replace(PRICES, sources=tuple(replace(each, cleaned_by=None) for each in PRICES.sources))
    expected = r"view 'prices': expected source clean.products to name cleaned_by=clean_products, found None"
    with pytest.raises(ConfigError, match=expected):
        replace(USE_CASE, views=(view, RECENT), model_views=(view, RECENT))


def test_every_table_has_the_keys_of_the_entity_and_the_features_of_the_views() -> None:
    contracts = USE_CASE.contracts
    assert contracts["model_input.labels"].keys == ("shop_id", "product_code", "observed_on")
    training = contracts["model_input.training_set"].column_names
    split = ("split", "split_version", "split_seed")
    assert training[3:10] == (*split, "sells_well", "price", "units_sold", "units_sold_7d")
    assert contracts["inference.predictions"].keys == (*USE_CASE.identity, "model_version", "role")
    assert "model_input.groups" not in contracts
    assert {"raw.sales", "clean.sales", "clean.sales_quarantine", "features.prices"} <= set(contracts)


def test_cohorts_are_days_of_two_keys(spark: SparkSession) -> None:
    rows = [(1, "P01", "2024-03-01"), (1, "P02", "2024-03-01"), (2, "P01", "2024-03-02"), (2, "P01", "2024-03-03")]
    sales = spark.createDataFrame(rows, "shop_id bigint, product_code string, day string")
    sales = sales.withColumn("day", sales["day"].cast("date"))
    as_of = USE_CASE.label.known_on(SALES_DAY)
    newest = select_cohorts(sales, USE_CASE, as_of, newest=2)
    assert newest.columns == ["shop_id", "product_code", "observed_on"]
    assert {(row[0], row[1], str(row[2])) for row in newest.collect()} == set(rows[:3])
    span = select_cohorts(sales, USE_CASE, as_of, newest=1, first=SALES_DAY, last=SALES_DAY)
    assert {(row[0], row[1]) for row in span.collect()} == {(1, "P01"), (1, "P02")}


def test_a_use_case_without_request_fields_asks_by_key_and_day(spark: SparkSession) -> None:
    assert request_contract(USE_CASE).column_names[2:] == USE_CASE.identity
    sales = spark.createDataFrame(
        [(1, "P01", SALES_DAY), (2, "P01", SALES_DAY)], "shop_id bigint, product_code string, day date"
    )
    asked = request_newest(sales, USE_CASE, SALES_DAY)
    assert asked.columns == list(USE_CASE.contracts["inference.requests"].column_names)
    assert len({row["request_id"] for row in asked.collect()}) == 2
