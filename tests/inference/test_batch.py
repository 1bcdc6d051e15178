"""Splitting, stamping, holding and counting a batch."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import DataQualityError, OptionError
from boathouse.inference.batch import Stamp, check_balance, hold_rows, split_scorable, stamp_predictions
from boathouse.inference.models import RoleModel
from boathouse.inference.options import BatchOptions
from tests.fixtures.request_stream import make_champion

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_rows_without_any_feature_are_quarantined_with_the_reason(spark: SparkSession) -> None:
    joined = spark.createDataFrame([(1, 0.5, None), (2, None, None), (3, None, 0.0)], "id bigint, a double, b double")
    split = split_scorable(joined, keys=["id"], features=["a", "b"])
    assert {row["id"] for row in split.scorable.collect()} == {1, 3}
    assert [tuple(row) for row in split.quarantined.collect()] == [(2, ["no_feature_row"])]


def test_an_infinite_feature_is_quarantined_by_name_and_nan_is_missing(spark: SparkSession) -> None:
    rows = [(1, float("inf"), 0.0), (2, float("nan"), 1.0), (3, float("nan"), None), (4, 1.0, float("-inf"))]
    joined = spark.createDataFrame(rows, "id bigint, a double, b double")
    split = split_scorable(joined, keys=["id"], features=["a", "b"])
    assert [row["id"] for row in split.scorable.collect()] == [2]
    found = {row["id"]: row["broken_rules"] for row in split.quarantined.collect()}
    assert found == {1: ["a_not_finite"], 3: ["no_feature_row"], 4: ["b_not_finite"]}


def test_predictions_are_stamped(spark: SparkSession) -> None:
    moment = datetime(2005, 10, 1, 12, tzinfo=UTC)
    stamp = Stamp(
        model=RoleModel(make_champion("4"), "challenger"),
        feature_versions=["recent_sales@1=ab:v2"],
        data_versions=[],
        run_id="r1",
        scored_at=moment,
    )
    (row,) = stamp_predictions(spark.range(1).toDF("id"), stamp).collect()
    assert (row["model_name"], row["model_version"], row["role"]) == ("test.models.sells_well", "4", "challenger")
    assert (row["feature_versions"], row["data_versions"], row["run_id"]) == (["recent_sales@1=ab:v2"], [], "r1")
    assert row["scored_at"].replace(tzinfo=UTC) == moment


@pytest.mark.parametrize("limit", [0, 100])
def test_held_rows_are_the_same_rows(spark: SparkSession, limit: int) -> None:
    frame = spark.createDataFrame([(1, ["x"], 0.5), (2, [], 0.25)], "id bigint, reasons array<string>, p double")
    assert hold_rows(frame.limit(0), rows=0, limit=limit).dtypes == frame.dtypes
    held = hold_rows(frame, rows=2, limit=limit)
    assert held.dtypes == frame.dtypes
    assert sorted(map(tuple, held.collect())) == [(1, ["x"], 0.5), (2, [], 0.25)]


@pytest.mark.parametrize(("scored", "quarantined"), [(9, 2), (7, 2)])
def test_lost_or_doubled_rows_stop_the_run_and_a_balanced_batch_does_not(scored: int, quarantined: int) -> None:
    check_balance(scored + quarantined, scored=scored, quarantined=quarantined)
    with pytest.raises(DataQualityError, match=f"10 rows in, but {scored} scored and {quarantined} quarantined"):
        check_balance(10, scored=scored, quarantined=quarantined)


@pytest.mark.parametrize(
    "change",
    [
        *({"cohorts": 0}, {"cohorts": 1.5}, {"reason_count": -1}, {"driver_rows": -1}, {"challenger": "no"}),
        *(
            {"from_month": "2005-13"},
            {"to_date": "soon"},
            {"from_month": "2005-04", "from_date": "2005-04-01"},
            {"to_month": "June"},
            {"to_month": "2005-04", "from_month": "2005-05"},
        ),
    ],
)
def test_options_out_of_range_are_named(change: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(change))):
        BatchOptions(**{"cohorts": 1, "reason_count": 3, "driver_rows": 10} | change)


def test_months_are_whole_and_empty_texts_are_none() -> None:
    options = BatchOptions(
        cohorts=1, reason_count=3, driver_rows=0, from_month="2004-02", to_month="2004-02", version=7
    )
    assert (options.first_day, options.last_day) == (date(2004, 2, 1), date(2004, 2, 29))
    assert (options.is_backfill, options.wanted_version) == (True, "7")
    empty = BatchOptions(cohorts=1, reason_count=3, driver_rows=0, from_month="", to_month="", version="")
    assert (empty.is_backfill, empty.wanted_version, empty.first_day) == (False, None, None)
