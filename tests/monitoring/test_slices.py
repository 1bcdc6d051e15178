"""Slices: which there are, how large they are, and what moved in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from boathouse.monitoring.alerts import Findings
from boathouse.monitoring.drift import compare_tables
from boathouse.monitoring.drift_measures import Comparing, group_drifts, measure_drifts, measure_slices
from boathouse.monitoring.drift_table import DRIFT_METRICS, drift_rows
from boathouse.monitoring.options import DriftOptions
from boathouse.monitoring.profile_table import PROFILE_METRICS, profile_rows
from boathouse.monitoring.reference import Baseline, WatchedColumns
from boathouse.monitoring.slices import compare_slices, cut_slices
from boathouse.monitoring.windows import ComparedWindows, ScoredWindow

OPTIONS = DriftOptions(
    tolerated_effect=0.05,
    windows_between_alarms=10,
    discrete_values=5,
    max_rows=10_000,
    reference_cohorts=1,
    ignored=(),
    slices=["region", "size", "elsewhere"],
    slice_rows=200,
)
COLUMNS = WatchedColumns(inputs=("value", "region"))
DAY = date(2024, 3, 20)
WINDOWS = ComparedWindows.against_baseline(DAY, "day")


def make(seed: int, north: int, moved: float = 0.0) -> pa.Table:
    """Return ``north`` rows of the north of 4,000 and 100 of the west; values of the north are moved."""
    generator = np.random.default_rng(seed)
    region = np.repeat(["north", "south", "west"], [north, 3_900 - north, 100])
    value = generator.normal(np.where(region == "north", moved, 0.0), 1.0)
    return pa.table({"region": region, "value": value, "size": generator.normal(size=4_000)})


REFERENCE, CURRENT = make(1, 800), make(2, 1_600, moved=0.6)


def test_slices_are_values_with_enough_rows_and_quarters_of_numbers() -> None:
    found = [(each.column, each.value) for each in cut_slices(REFERENCE, CURRENT, OPTIONS)]
    assert found[:2] == [("region", "south"), ("region", "north")]
    sizes = [value for column, value in found if column == "size"]
    assert len(sizes) == 4
    assert any(value.startswith("up to -0.") for value in sizes)


def test_few_numbers_are_slices_by_value_and_nulls_are_none() -> None:
    rows = pa.table({"size": pa.array([1.0] * 300 + [2.0] * 300 + [None] * 300)})
    assert [each.value for each in cut_slices(rows, rows, OPTIONS)] == ["1", "2"]


def test_what_moved_in_one_slice_alone_is_found_there() -> None:
    slices = cut_slices(REFERENCE, CURRENT, replace(OPTIONS, slices=["region"]))
    found = compare_slices(REFERENCE, CURRENT, slices, columns=COLUMNS, options=OPTIONS)
    assert {(each.scope, each.column): each.severity for each in found.drifts} == {
        ("region=north", "value"): "alarm",
        ("region=south", "value"): "none",
    }


def test_a_group_that_grows_is_named() -> None:
    slices = cut_slices(REFERENCE, CURRENT, replace(OPTIONS, slices=["region"]))
    found = compare_slices(REFERENCE, CURRENT, slices, columns=COLUMNS, options=OPTIONS)
    measures = {each.scope: each for each in measure_slices(found.shares, Comparing(kind="feature", windows=WINDOWS))}
    north = measures["region=north"]
    assert (north.metric, north.subject, north.value) == ("slice_share_change", "region", pytest.approx(0.2))
    assert 0.15 < north.low < 0.2 < north.high < 0.25
    assert north.detail == "The group region = north grew: 20.0% of the rows before, 40.0% now."
    assert measures["region=south"].high < 0


def test_each_column_has_measures_of_its_values_its_nulls_and_its_infinite_numbers() -> None:
    current = CURRENT.set_column(1, "value", pa.array([None] * 1_000 + [float("inf")] * 40 + [0.5] * 2_960))
    drifts = compare_tables(REFERENCE, current, columns=COLUMNS, options=OPTIONS)
    found = {(each.kind, each.metric, each.subject): each for each in measure_drifts(drifts, comparing())}
    effect = found["feature", "effect", "value"]
    assert effect.low > 0.3
    assert effect.detail.startswith("value moved by 0.")
    nulls = found["data", "null_share_change", "value"]
    assert (nulls.value, nulls.low > 0.2, nulls.high < 0.3) == (0.25, True, True)
    assert nulls.detail == "The share of nulls in value went from 0.0% to 25.0%, by +25.0%."
    assert found["data", "infinite_share", "value"].value == 0.01
    assert found["feature", "effect", "region"].scope == "all"


def comparing() -> Comparing:
    return Comparing(kind="feature", windows=WINDOWS, model_version="3", compared_with="here@1")


def test_what_is_not_judged_or_not_there_is_measured_under_other_names() -> None:
    columns = WatchedColumns(inputs=("gone",), besides=("region",), left_out={"value": "it always moves"})
    drifts = compare_tables(REFERENCE, CURRENT, columns=columns, options=OPTIONS)
    found = {(each.metric, each.subject): each for each in measure_drifts(drifts, comparing())}
    assert ("effect", "value") not in found
    assert found["unjudged_effect", "value"].low > 0
    assert found["effect", "gone"].status == "not_estimable"
    assert found["effect", "gone"].value is None
    assert found["uncomparable_column", "gone"].detail == "gone cannot be compared: it is not in the reference."
    assert found["effect", "region"].detail.endswith("; the model does not take it.")


def test_values_that_came_are_a_measure_with_their_names() -> None:
    after = pa.table({"region": ["north"] * 3_000 + ["east"] * 30})
    before = pa.table({"region": ["north"] * 3_000})
    drifts = compare_tables(before, after, columns=WatchedColumns(inputs=("region",)), options=OPTIONS)
    (found,) = (each for each in measure_drifts(drifts, comparing()) if each.metric == "surprising_value_share")
    assert found.value == pytest.approx(30 / 3_030)
    assert found.detail == "region has other values than before: new: 'east' (1.0% of the current rows)."


def test_measures_say_what_was_compared() -> None:
    window = ScoredWindow(newest=DAY, previous=date(2024, 3, 19), model_name="m", model_version="3")
    drifts = compare_tables(REFERENCE, CURRENT, columns=COLUMNS, options=OPTIONS)
    findings = Findings(
        features=drifts, scores=drifts, labels=[], rates=[], cohorts=[], baseline=Baseline(title="here@1")
    )
    features, scores = (each for each, _ in group_drifts(findings, window, "day"))
    assert (features.kind, features.compared_with, features.windows.before) == ("feature", "here@1", None)
    assert (scores.kind, scores.compared_with) == ("prediction", "the cohort of 2024-03-19")


def test_rows_of_slices_and_profiles_fit_their_contracts() -> None:
    slices = cut_slices(REFERENCE, CURRENT, replace(OPTIONS, slices=["region"]))
    drifts = list(compare_slices(REFERENCE, CURRENT, slices, columns=COLUMNS, options=OPTIONS).drifts)
    drifts += compare_tables(REFERENCE, CURRENT, columns=COLUMNS, options=OPTIONS)
    drift = [dict(zip(DRIFT_METRICS.column_names, row, strict=True)) for row in drift_rows(drifts, WINDOWS, as_of=DAY)]
    assert {(row["slice_key"], row["slice_value"], row["scope"]) for row in drift} == {
        ("region", "north", "region=north"),
        ("region", "south", "region=south"),
        (None, None, "all"),
    }
    assert all(len(row["quantile_deltas"]) == 5 for row in drift if row["column_name"] == "value")
    profiles = [
        dict(zip(PROFILE_METRICS.column_names, row, strict=True))
        for row in profile_rows(drifts, WINDOWS, as_of=DAY, model_version="3")
    ]
    whole = {(row["log_type"], row["column_name"]): row for row in profiles if row["scope"] == "all"}
    assert whole["INPUT", ":table"]["non_null_columns"] == ["region", "value"]
    assert whole["BASELINE", ":table"]["count"] == 4_000
    value = CURRENT["value"].to_numpy()
    own = whole["INPUT", "value"]
    assert own["avg"] == pytest.approx(value.mean())
    assert own["stddev"] == pytest.approx(value.std(ddof=1))
    assert (own["min"], own["max"], own["num_zeros"]) == (value.min(), value.max(), 0)
    assert own["median"] == pytest.approx(np.median(value))
    region = whole["INPUT", "region"]
    assert region["frequent_items"] == [("south", 2_300), ("north", 1_600), ("west", 100)]
    assert (region["min_length"], region["max_length"], region["distinct_count"]) == (4, 5, 3)
    assert region["avg_length"] == pytest.approx((3_900 * 5 + 100 * 4) / 4_000)
