"""The id of a prediction, against a sum done by another program."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.inference.batch import prediction_id_column
from tests.fixtures.prediction_ids import prediction_id, xxh64

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# printf 7 | sha256sum; then printf '<that>|2005-09-30|abc|champion' | sha256sum
KNOWN = "43661414dd40e60032cded91825b2986"


def test_the_id_is_that_of_sha256sum() -> None:
    assert prediction_id([7], "2005-09-30", digest="abc", role="champion") == KNOWN


def test_the_engine_computes_the_same(spark: SparkSession) -> None:
    rows = spark.sql("SELECT CAST(7 AS BIGINT) AS id, DATE'2005-09-30' AS day, 'e1' AS event")
    plain = prediction_id_column(["id"], "day", digest="abc", role="champion")
    asked = prediction_id_column(["id"], "day", digest="abc", role="champion", event="event")
    (row,) = rows.select(plain.alias("plain"), asked.alias("asked")).collect()
    assert row["plain"] == KNOWN
    assert row["asked"] == prediction_id([7], "2005-09-30", digest="abc", role="champion", event="e1")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 99), st.sampled_from("ab"), st.sampled_from("xy")), unique=True, min_size=1))
def test_different_predictions_have_different_ids(spark: SparkSession, cases: list[tuple[int, str, str]]) -> None:
    ids = {prediction_id([key], "2005-09-30", digest=digest, role=role) for key, digest, role in cases}
    assert len(ids) == len(cases)
    rows = spark.createDataFrame(cases, "id bigint, first string, second string")
    day = rows.selectExpr("*", "DATE'2005-09-30' AS day")
    computed = day.select(prediction_id_column(["id", "first"], "day", digest="d", role="r", event="second")).collect()
    assert {row[0] for row in computed} == {
        prediction_id([key, first], "2005-09-30", digest="d", role="r", event=second) for key, first, second in cases
    }


VALUES = [None, float("nan"), 0.0, -0.0, 1.0, 1.5, -1.0, 1e10, 1e-300, 1 / 3]


def test_values_of_a_request_make_another_prediction(spark: SparkSession) -> None:
    rows = spark.createDataFrame(
        [(place, value, 2.0) for place, value in enumerate(VALUES)], "n int, a double, b double"
    )
    rows = rows.selectExpr("*", "CAST(7 AS BIGINT) AS id", "DATE'2005-09-30' AS day", "'e1' AS event")
    asked = prediction_id_column(["id"], "day", digest="abc", role="champion", given=["a"])
    both = prediction_id_column(["id"], "day", digest="abc", role="champion", event="event", given=["b", "a"])
    found = rows.select("n", asked.alias("asked"), both.alias("both")).orderBy("n").collect()
    # Unknown values are no values, and there is one zero.
    given = [{} if value is None or math.isnan(value) else {"a": value + 0.0} for value in VALUES]
    assert [row["asked"] for row in found] == [
        prediction_id([7], "2005-09-30", digest="abc", role="champion", given=each) for each in given
    ]
    assert found[0]["asked"] == found[1]["asked"] == KNOWN
    assert len({row["asked"] for row in found}) == len(VALUES) - 2
    assert [row["both"] for row in found] == [
        prediction_id([7], "2005-09-30", digest="abc", role="champion", event="e1", given={**each, "b": 2.0})
        for each in given
    ]


def test_a_whole_number_is_the_same_value_as_a_float(spark: SparkSession) -> None:
    rows = spark.sql("SELECT CAST(7 AS BIGINT) AS id, DATE'2005-09-30' AS day, 1 AS a, CAST(1 AS DOUBLE) AS b")
    first = prediction_id_column(["id"], "day", digest="abc", role="champion", given=["a"])
    second = prediction_id_column(["id"], "day", digest="abc", role="champion", given=["a"])
    (row,) = rows.select(first.alias("whole")).collect()
    (other,) = rows.selectExpr("id", "day", "b AS a").select(second.alias("float")).collect()
    assert row["whole"] == other["float"]


def test_separators_within_texts_join_no_two_predictions(spark: SparkSession) -> None:
    cases = [("a/b", "c"), ("a", "b/c"), ("a\\/b", "c"), ("a\\", "b/c"), ("a", "b\\/c")]
    rows = spark.createDataFrame(cases, "first string, second string").selectExpr("*", "DATE'2005-09-30' AS day")
    ids = rows.select(prediction_id_column(["first", "second"], "day", digest="d", role="r")).collect()
    assert [row[0] for row in ids] == [prediction_id(case, "2005-09-30", digest="d", role="r") for case in cases]
    assert len({row[0] for row in ids}) == len(cases)
    events = spark.createDataFrame([("e", 1.0), (f"e|?a={xxh64(1.0)}", None)], "event string, a double")
    asked = prediction_id_column(["event"], "day", digest="d", role="r", event="event", given=["a"])
    found = events.selectExpr("*", "DATE'2005-09-30' AS day").select(asked).collect()
    assert len({row[0] for row in found}) == 2
