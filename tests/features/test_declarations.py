"""What follows from declarations: dependencies, duplicates, the dictionary; and statistics of values."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from boathouse.errors import FeatureError
from boathouse.features.feature_view import Source
from boathouse.features.lineage import find_equal_logic, find_equal_values, find_feature, find_impact, trace_sources
from boathouse.features.registry import describe_features, statistics_rows, write_dictionary
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROFILE, BEHAVIOUR, SPENDING, _ = USE_CASE.views
DERIVED = replace(
    SPENDING, name="derived", sources=(Source(table="features.spending", columns=("customer_id", "utilisation")),)
)


def test_a_column_s_impact_reaches_views_made_from_views_and_on_demand_features() -> None:
    found = find_impact("clean.customers.limit_bal", [*USE_CASE.views, DERIVED], USE_CASE.on_demand)
    assert [view.name for view in found.views] == ["customer_profile", "spending", "derived"]
    assert found.on_demand == ("utilisation_after_request",)
    assert [view.name for view in find_impact("clean.customers.age", USE_CASE.views, []).views] == ["customer_profile"]
    assert len(find_impact("clean.statements", USE_CASE.views, []).views) == 4
    for column in ("clean.customers.sex", "clean.defaults", "limit_bal"):
        with pytest.raises(FeatureError, match=f"No view reads {column}"):
            find_impact(column, USE_CASE.views, [])


def test_a_feature_is_traced_to_its_columns() -> None:
    assert trace_sources(DERIVED, [*USE_CASE.views, DERIVED])["clean.customers"] == ("customer_id", "limit_bal")
    assert find_feature("utilisation", USE_CASE.views, USE_CASE.on_demand) == (SPENDING,)
    assert find_feature("utilisation_after_request", USE_CASE.views, USE_CASE.on_demand) == (PROFILE, SPENDING)
    with pytest.raises(FeatureError, match="shoe_size"):
        find_feature("shoe_size", USE_CASE.views, USE_CASE.on_demand)


def test_equal_logic_is_pointed_out_whatever_it_is_called() -> None:
    copy = replace(BEHAVIOUR, name="punctuality", description="Another.")
    assert [(each.first, each.second) for each in find_equal_logic([*USE_CASE.views, copy])] == [
        ("payment_behaviour", "punctuality")
    ]
    assert find_equal_logic(USE_CASE.views) == []


def test_nearly_equal_values_are_pointed_out() -> None:
    values = np.arange(2_000.0)
    values[5] = np.nan
    other = values * (1 + 1e-12)
    other[7] = -1
    further = values.copy()
    further[:3] = -1
    columns = {"one": values, "other": other, "further": further, "flat": np.zeros(2_000), "empty": values * np.nan}
    (found,) = find_equal_values(columns)
    assert (found.first, found.second, found.share) == ("one", "other", 0.9995)
    assert {(each.first, each.second) for each in find_equal_values(columns, share=0.998)} == {
        ("one", "other"),
        ("one", "further"),
        ("other", "further"),
    }


def test_the_dictionary_page_is_as_the_code_is() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == write_dictionary(USE_CASE.views, USE_CASE.on_demand)


def test_statistics_of_a_view_by_hand(spark: SparkSession) -> None:
    view = replace(PROFILE, features=PROFILE.features[:2])
    rows = [(1, date(2005, 4, 30), 1.0, None), (2, date(2005, 4, 30), 3.0, None)]
    frame = spark.createDataFrame(rows, "customer_id bigint, observed_on date, limit_bal double, age double")
    limit, age = describe_features(view, frame)
    assert (limit.rows, limit.null_share, limit.mean, limit.minimum, limit.maximum) == (2, 0.0, 2.0, 1.0, 3.0)
    assert limit.stddev == pytest.approx(math.sqrt(2))
    assert (age.null_share, math.isnan(age.mean), math.isnan(age.minimum)) == (1.0, True, True)
    stored = statistics_rows([(view, frame)], measured_at=datetime(2026, 1, 2, tzinfo=UTC)).collect()
    assert [(row["view"], row["feature"], row["mean"]) for row in stored] == [
        ("customer_profile", "limit_bal", 2.0),
        ("customer_profile", "age", None),
    ]
    assert describe_features(view, frame.limit(0))[0].null_share == 0.0
