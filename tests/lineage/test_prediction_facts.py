"""A prediction of another task is found with the columns of its own answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.lineage.prediction_facts import find_prediction
from boathouse.lineage.trace_text import write_prediction
from boathouse.scoring.spec import OutputColumn, Outputs
from boathouse.tables.location import TableLocation
from tests.fixtures.log_entries import MOMENT, entry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROW, REQUEST = "a" * 32, "c" * 32
POINTS = Outputs(
    task="points",
    columns=tuple(
        OutputColumn(name=name, dtype="double", signature="double", description="") for name in ("points", "spread")
    ),
    compute=lambda spec, numbers: (numbers, numbers),
    find_explained=lambda spec, answer: answer[0] > 0,
)


class Tables:
    """What finding a prediction needs of an environment: its tables, and no endpoint in conf."""

    endpoints: Mapping[str, Any] = {}

    def __init__(self, root: Path) -> None:
        self.root = root

    def table(self, name: str) -> TableLocation:
        return TableLocation.from_lakehouse(f"test.{name}", {"engine": "sail", "root": self.root.as_posix()})


def test_a_row_has_the_columns_of_its_answer(tmp_path: Path) -> None:
    row = {
        "prediction_id": ROW,
        "points": 12.5,
        "spread": 2.0,
        "reasons": ["The signal"],
        "model_name": "test.models.goals",
        "model_version": "1",
        "role": "champion",
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    write_deltalake(tmp_path / "test/inference/predictions", pa.Table.from_pylist([row]))
    facts = find_prediction(ROW, Tables(tmp_path), POINTS)  # type: ignore[arg-type]
    assert facts.answer == {"points": 12.5, "spread": 2.0}
    plain = facts.to_dict()
    assert [name for name in plain if name not in row] == ["found_in", "read"]
    assert (plain["points"], plain["spread"]) == (12.5, 2.0)
    text = write_prediction(plain)
    assert "12.5" in text
    assert "probability" not in text


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ({"points": 12.5, "spread": 2.0}, {"points": 12.5, "spread": 2.0}),
        (12.5, {"points": 12.5, "spread": None}),
    ],
)
def test_an_answer_of_an_endpoint_has_the_columns_of_the_task(
    prediction: Any, expected: dict[str, float | None], tmp_path: Path
) -> None:
    values = {
        "databricks_request_id": REQUEST,
        "endpoint": "goals",
        "request": json.dumps({"dataframe_records": [{"a": 1}]}),
        "response": json.dumps({"predictions": [prediction]}),
        "model_version": "1",
    }
    row = entry(1, **values).to_row()
    row |= {"request_date": MOMENT.date(), "request_time": datetime.fromisoformat(row["request_time"])}
    write_deltalake(tmp_path / "test/inference/endpoint_log", pa.Table.from_pylist([row], ENDPOINT_LOG.arrow_schema))
    facts = find_prediction(REQUEST, Tables(tmp_path), POINTS)  # type: ignore[arg-type]
    assert facts.answer == expected
