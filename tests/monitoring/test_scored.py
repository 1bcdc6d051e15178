"""Finding what was scored and joining the labels known by then."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from boathouse.errors import BoathouseError
from boathouse.monitoring.windows import find_window, join_labels, split_cohorts, thin_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

AUGUST, SEPTEMBER = date(2005, 8, 31), date(2005, 9, 30)
SCHEMA = (
    "id bigint, day date, probability double, decision int, "
    "model_name string, model_version string, scored_at timestamp"
)


@pytest.fixture(scope="module")
def predictions(spark: SparkSession) -> DataFrame:
    early, late = datetime(2005, 10, 1), datetime(2005, 10, 2)
    rows = [
        (1, AUGUST, 0.1, 0, "m", "1", early),
        (1, AUGUST, 0.2, 0, "m", "2", late),
        (1, SEPTEMBER, 0.3, 0, "m", "1", early),
        (1, SEPTEMBER, 0.6, 1, "m", "2", late),
        (2, SEPTEMBER, 0.7, 1, "m", "2", late),
    ]
    return spark.createDataFrame(rows, SCHEMA)


def test_window_is_the_newest_cohort_of_the_version_that_scored_last(predictions: DataFrame) -> None:
    window = find_window(predictions, SEPTEMBER, time="day", environment="dev")
    assert (window.newest, window.previous) == (SEPTEMBER, AUGUST)
    assert (window.model_name, window.model_version) == ("m", "2")


def test_window_knows_nothing_after_as_of(predictions: DataFrame) -> None:
    window = find_window(predictions, date(2005, 9, 29), time="day", environment="dev")
    assert (window.newest, window.previous) == (AUGUST, None)


def test_nothing_scored_is_an_error_that_names_the_command(predictions: DataFrame) -> None:
    with pytest.raises(BoathouseError, match="--pipeline batch_inference --env staging"):
        find_window(predictions, date(2005, 1, 1), time="day", environment="staging")


def test_labels_count_from_the_day_they_are_known(spark: SparkSession, predictions: DataFrame) -> None:
    labels = spark.createDataFrame(
        [(1, AUGUST, 1, SEPTEMBER), (1, SEPTEMBER, 0, date(2005, 10, 31)), (2, SEPTEMBER, 1, date(2005, 10, 31))],
        "id bigint, day date, label int, label_known_on date",
    )
    joined = join_labels(predictions, labels, SEPTEMBER, keys=["id", "day"]).toArrow()
    assert joined.num_rows == 5
    cohorts = split_cohorts(joined, keys=["id"], time="day", known_on=lambda day: day)
    assert [(each.cohort, each.model_version, len(each.label)) for each in cohorts] == [
        (AUGUST, "1", 1),
        (AUGUST, "2", 1),
        (SEPTEMBER, "1", 1),
        (SEPTEMBER, "2", 2),
    ]
    assert cohorts[1].label.tolist() == [1.0]
    assert np.isnan(cohorts[3].label).all()


def test_cohorts_keep_the_date_and_order_their_rows_by_key() -> None:
    table = pa.table(
        {
            "id": [2, 1],
            "day": [AUGUST, AUGUST],
            "model_version": ["1", "1"],
            "probability": [0.5, 0.25],
            "decision": [1, 0],
            "label": pa.array([None, None], "int32"),
        }
    )
    (cohort,) = split_cohorts(table, keys=["id"], time="day", known_on=lambda _: SEPTEMBER)
    assert cohort.labels_known_on == SEPTEMBER
    assert cohort.answer["probability"].tolist() == [0.25, 0.5]


def test_thinning_keeps_about_the_limit_and_always_the_same_rows(spark: SparkSession) -> None:
    frame = spark.range(20_000).toDF("id")
    kept = [row["id"] for row in thin_rows(frame, 5_000, keys=["id"], rows=20_000).collect()]
    again = [row["id"] for row in thin_rows(frame.repartition(3), 5_000, keys=["id"], rows=20_000).collect()]
    assert 4_700 < len(kept) < 5_300
    assert sorted(kept) == sorted(again)
    assert thin_rows(frame, 20_000, keys=["id"], rows=20_000).count() == 20_000
