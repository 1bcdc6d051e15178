"""The plan that a pipeline makes for a stream: features are looked up, with or without fields of the request."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from boathouse.inference.models import RoleModel
from boathouse.inference.rows import plan_requests
from tests.fixtures.request_stream import DAY, TOY, USE_CASE, RequestLakehouse, make_champion, make_event

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from boathouse.inference.stream import StreamPlan
    from boathouse.problem.spec import UseCase


class FeatureLakehouse(RequestLakehouse):
    """Requests that are scored from feature tables."""

    def plan(self) -> StreamPlan:
        """Return the plan of the pipeline."""
        return plan_requests(RoleModel(make_champion(), "champion"), self.use_case, self.stream_options())

    def fill(self) -> None:
        """Write features of shops 1 to 3: 0, 1 and 2 units on the day before the requests, 0 on the day after."""
        values = {"prices": {"price": [1.0] * 3}, "recent_sales": {"units_sold": [0.0] * 3}}
        values["recent_sales"]["units_sold_7d"] = [0.0, 1.0, 2.0]
        for day, is_later in ((date(2024, 3, 19), False), (date(2024, 3, 21), True)):
            for view, columns in values.items():
                keys = {"shop_id": [1, 2, 3], "product_code": ["P01"] * 3, "observed_on": [day] * 3}
                rows = keys | {name: [0.0] * 3 if is_later else column for name, column in columns.items()}
                path = self.path(f"features.{view}")
                path.parent.mkdir(parents=True, exist_ok=True)
                write_deltalake(path, pa.table(rows), mode="append")


@pytest.mark.parametrize("use_case", [TOY, USE_CASE], ids=["keys and day only", "a field"])
def test_a_request_is_scored_with_the_features_known_on_its_day(
    tmp_path: Path, spark: SparkSession, use_case: UseCase
) -> None:
    lakehouse = FeatureLakehouse(tmp_path, "sail", use_case=use_case)
    assert ("requested_units" in lakehouse.plan().events.column_names) == (use_case is USE_CASE)
    lakehouse.fill()
    unknown, broken = make_event(4), make_event(5, product_code=None)
    lakehouse.send(*map(make_event, (1, 2, 3)), unknown, broken)
    lakehouse.run()
    answers = lakehouse.rows("inference.stream_predictions")
    assert [(row["shop_id"], row["observed_on"], row["probability"]) for row in answers] == [
        (1, DAY, pytest.approx(0.05)),
        (2, DAY, pytest.approx(0.4)),
        (3, DAY, pytest.approx(0.7)),
    ]
    assert {row["model_version"] for row in answers} == {"3"}
    dead = {row["request_id"]: (row["kind"], row["broken_rules"]) for row in lakehouse.rows("inference.dead_letters")}
    assert dead == {"e4": ("unscorable", ["no_feature_row"]), "e5": ("broken", ["product_code_not_null"])}


def test_a_batch_of_the_source_without_requests_is_reported_as_empty(tmp_path: Path, spark: SparkSession) -> None:
    lakehouse = RequestLakehouse(tmp_path, "sail", use_case=TOY)
    lakehouse.send()
    lakehouse.run()
    lakehouse.send(make_event(1))
    lakehouse.run()
    assert lakehouse.outcome() == [[("e1", 1.0, 1)], [], [(0, 0, 0, 0, 0, 0, 0), (1, 1, 1, 0, 0, 0, 0)]]
