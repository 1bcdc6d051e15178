"""The dashboard's queries run on the tables that the pipelines write, with the columns that its widgets show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.monitoring.tables import MONITORING_CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

MONITORS = Path(__file__).resolve().parents[2] / "bundles" / "monitors"
DASHBOARD: dict[str, Any] = json.loads((MONITORS / "monitoring.lvdash.json").read_text(encoding="utf-8"))
WIDGETS = [each["widget"] for page in DASHBOARD["pages"] for each in page["layout"]]


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> Iterator[SparkSession]:
    """Give a session with an empty view of each monitoring table, by its name without the schema."""
    names = []
    for contract in MONITORING_CONTRACTS.values():
        columns = ", ".join(f"`{column.name}` {column.dtype}" for column in contract.columns)
        names.append(contract.name.partition(".")[2])
        spark.createDataFrame([], columns).createOrReplaceTempView(names[-1])
    yield spark
    for name in names:
        spark.catalog.dropTempView(name)


@pytest.mark.parametrize("dataset", DASHBOARD["datasets"], ids=[each["name"] for each in DASHBOARD["datasets"]])
def test_each_query_runs_and_has_the_columns_that_are_shown(dataset: dict[str, Any], tables: SparkSession) -> None:
    shown = {
        field["name"]
        for widget in WIDGETS
        for query in widget["queries"]
        if query["query"]["datasetName"] == dataset["name"]
        for field in query["query"]["fields"]
    }
    found = tables.sql("".join(dataset["queryLines"]))
    assert shown
    assert shown <= set(found.columns)
    assert found.collect() == []


def test_every_column_of_a_widget_is_asked_for() -> None:
    for widget in WIDGETS:
        fields = {field["name"] for query in widget["queries"] for field in query["query"]["fields"]}
        used = set(re.findall(r'"fieldName": "(\w+)"', json.dumps(widget["spec"])))
        assert used
        assert used <= fields


def test_widgets_do_not_lie_over_each_other() -> None:
    cells = [
        (each["position"]["x"] + x, each["position"]["y"] + y)
        for page in DASHBOARD["pages"]
        for each in page["layout"]
        for x in range(each["position"]["width"])
        for y in range(each["position"]["height"])
    ]
    assert len(cells) == len(set(cells))
    # The platform's grid has six columns.
    assert max(x for x, _ in cells) == 5


@pytest.mark.parametrize("alert", ["alarms", "late_predictions"])
def test_the_queries_of_alerts_run(alert: str, tables: SparkSession) -> None:
    from boathouse.bundle.documents import read_bundle

    document = read_bundle(MONITORS).resources["alerts"][alert]
    tables.sql("SELECT CAST(NULL AS TIMESTAMP) AS scored_at WHERE false").createOrReplaceTempView("predictions")
    query = re.sub(r"`\$\{var.catalog\}`\.`\$\{var.schema_prefix\}\w+`\.", "", document["query_text"])
    [row] = tables.sql(query).collect()
    assert list(row.asDict()) == [document["evaluation"]["source"]["name"]]
