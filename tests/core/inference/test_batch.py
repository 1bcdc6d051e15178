"""Splitting, stamping, holding and counting a batch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from boathouse.core.errors import DataQualityError, OptionError
from boathouse.core.inference.batch import check_balance, hold_rows, split_scorable, stamp_predictions
from boathouse.core.inference.options import BatchOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_rows_without_any_feature_are_quarantined_with_the_reason(spark: SparkSession) -> None:
    joined = spark.createDataFrame([(1, 0.5, None), (2, None, None), (3, None, 0.0)], "id bigint, a double, b double")
    split = split_scorable(joined, keys=["id"], features=["a", "b"])
    assert {row["id"] for row in split.scorable.collect()} == {1, 3}
    assert [tuple(row) for row in split.quarantined.collect()] == [(2, ["no_feature_row"])]


def test_predictions_are_stamped(spark: SparkSession) -> None:
    moment = datetime(2005, 10, 1, 12, tzinfo=UTC)
    (row,) = stamp_predictions(spark.range(1).toDF("id"), name="dev.models.m", version="4", scored_at=moment).collect()
    assert (row["model_name"], row["model_version"]) == ("dev.models.m", "4")
    assert row["scored_at"].replace(tzinfo=UTC) == moment


@pytest.mark.parametrize("limit", [0, 100])
def test_held_rows_are_the_same_rows(spark: SparkSession, limit: int) -> None:
    frame = spark.createDataFrame([(1, ["x"], 0.5), (2, [], 0.25)], "id bigint, reasons array<string>, p double")
    held = hold_rows(frame, rows=2, limit=limit)
    assert held.dtypes == frame.dtypes
    assert sorted(map(tuple, held.collect())) == [(1, ["x"], 0.5), (2, [], 0.25)]


def test_a_balanced_batch_passes() -> None:
    check_balance(10, scored=8, quarantined=2)


@pytest.mark.parametrize(("scored", "quarantined"), [(9, 2), (7, 2)])
def test_lost_or_doubled_rows_stop_the_run(scored: int, quarantined: int) -> None:
    with pytest.raises(DataQualityError, match=f"10 rows in, but {scored} scored and {quarantined} quarantined"):
        check_balance(10, scored=scored, quarantined=quarantined)


@pytest.mark.parametrize("change", [{"months": 0}, {"months": 1.5}, {"reason_count": -1}, {"driver_rows": -1}])
def test_options_out_of_range_are_named(change: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=next(iter(change))):
        BatchOptions(**{"months": 1, "reason_count": 3, "driver_rows": 10} | change)
