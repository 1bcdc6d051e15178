"""The id of a prediction, against a sum done by another program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boathouse.inference.batch import prediction_id_column
from tests.fixtures.prediction_ids import prediction_id

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
