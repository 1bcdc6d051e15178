"""What follows from declarations: dependencies, duplicates, the dictionary; and statistics of values."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from boathouse.errors import FeatureError
from boathouse.features.feature_view import Source
from boathouse.features.lineage import find_equal_logic, find_equal_values, find_feature, find_impact, trace_sources
from boathouse.features.registry import describe_features, statistics_rows, write_dictionary
from tests.fixtures.boats import CARGO, DELAYS, IDENTITY, ON_DEMAND, VIEWS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DERIVED = replace(CARGO, name="derived", sources=(Source(table="features.cargo", columns=("boat_id", "load")),))


def test_a_column_s_impact_reaches_views_made_from_views_and_on_demand_features() -> None:
    found = find_impact("clean.boats.capacity", [*VIEWS, DERIVED], ON_DEMAND)
    assert [view.name for view in found.views] == ["identity", "cargo", "derived"]
    assert found.on_demand == ("load_after",)
    assert [view.name for view in find_impact("clean.repairs.repaired_on", VIEWS, []).views] == ["upkeep"]
    assert len(find_impact("clean.trips", VIEWS, []).views) == 4
    for column in ("clean.boats.flag", "clean.crews", "capacity"):
        with pytest.raises(FeatureError, match=f"No view reads {column}"):
            find_impact(column, VIEWS, [])


def test_a_feature_is_traced_to_its_columns() -> None:
    assert trace_sources(DERIVED, [*VIEWS, DERIVED])["clean.boats"] == ("boat_id", "capacity")
    assert find_feature("load", VIEWS, ON_DEMAND) == (CARGO,)
    assert find_feature("load_after", VIEWS, ON_DEMAND) == (IDENTITY, CARGO)
    with pytest.raises(FeatureError, match="shoe_size"):
        find_feature("shoe_size", VIEWS, ON_DEMAND)


def test_equal_logic_is_pointed_out_whatever_it_is_called() -> None:
    copy = replace(DELAYS, name="punctuality", description="Another.")
    assert [(each.first, each.second) for each in find_equal_logic([*VIEWS, copy])] == [("delays", "punctuality")]
    assert find_equal_logic(VIEWS) == []


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


def test_the_dictionary_has_every_view_and_feature() -> None:
    page = write_dictionary(VIEWS, ON_DEMAND)
    assert all(f"## {view.label}" in page for view in VIEWS)
    lines = page.splitlines()
    for feature in (*(each for view in VIEWS for each in view.features), *ON_DEMAND):
        assert any(all(text in line for text in (feature.name, feature.unit, feature.description)) for line in lines)


def test_statistics_of_a_view_by_hand(spark: SparkSession) -> None:
    view = replace(CARGO, features=CARGO.features[:2])
    rows = [(1, date(2005, 4, 30), 1.0, None), (2, date(2005, 4, 30), 3.0, None)]
    frame = spark.createDataFrame(rows, "boat_id bigint, seen_on date, weight double, fuel double")
    weight, fuel = describe_features(view, frame)
    assert (weight.rows, weight.null_share, weight.mean, weight.minimum, weight.maximum) == (2, 0.0, 2.0, 1.0, 3.0)
    assert weight.stddev == pytest.approx(math.sqrt(2))
    assert (fuel.null_share, math.isnan(fuel.mean), math.isnan(fuel.minimum)) == (1.0, True, True)
    stored = statistics_rows([(view, frame)], measured_at=datetime(2026, 1, 2, tzinfo=UTC)).collect()
    assert [(row["view"], row["feature"], row["mean"]) for row in stored] == [
        ("cargo", "weight", 2.0),
        ("cargo", "fuel", None),
    ]
    assert describe_features(view, frame.limit(0))[0].null_share == 0.0
