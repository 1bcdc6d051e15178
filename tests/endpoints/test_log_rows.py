"""From the log to rows: each record with its own prediction, in both forms, and nothing made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from boathouse.endpoints.log_rows import read_log_rows

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def make_entry(request: Any, response: Any, **changes: Any) -> dict[str, Any]:
    return {
        "databricks_request_id": "r1",
        "client_request_id": "c1",
        "request_time": MOMENT,
        "status_code": 200,
        "sampling_fraction": 0.5,
        "execution_duration_ms": 12,
        "request": request if request is None or isinstance(request, str) else json.dumps(request),
        "response": response if response is None or isinstance(response, str) else json.dumps(response),
        "served_entity_id": "champion",
        "logging_error_codes": [],
        "requester": "desk",
        "endpoint": "late",
        "mode": "answer",
        **changes,
    }


TWO = {"predictions": [{"probability": 0.1}, {"probability": 0.9}]}
RECORDS = [{"a": 1, "b": 2}, {"a": 3, "b": None}]


@pytest.mark.parametrize(
    "request_body",
    [
        {"dataframe_records": RECORDS},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, None]]}},
        {"instances": RECORDS},
        {"inputs": RECORDS},
        {"inputs": {"a": [1, 3], "b": [2, None]}},
    ],
)
def test_every_form_of_request_gives_the_same_rows(request_body: Any) -> None:
    rows = list(read_log_rows([make_entry(request_body, TWO)]))
    assert [dict(row.inputs) for row in rows] == RECORDS
    assert [row.score for row in rows] == [0.1, 0.9]
    assert [row.number for row in rows] == [0, 1]
    assert {(row.request_id, row.client_request_id, row.time, row.served_entity, row.error) for row in rows} == {
        ("r1", "c1", MOMENT, "champion", None)
    }
    assert (rows[0].duration_ms, rows[0].sampling_fraction, rows[0].endpoint, rows[0].requester) == (
        12,
        0.5,
        "late",
        "desk",
    )


def test_rows_without_names_are_named_by_place() -> None:
    rows = list(read_log_rows([make_entry({"instances": [[1, 2], 3]}, {"predictions": [0.5, 0.25]})]))
    assert [dict(row.inputs) for row in rows] == [{"0": 1, "1": 2}, {"0": 3}]
    assert [row.score for row in rows] == [0.5, 0.25]


def test_the_older_form_is_read_as_well() -> None:
    older = {
        "databricks_request_id": "r1",
        "client_request_id": None,
        "date": MOMENT.date(),
        "timestamp_ms": 1772366400000,
        "status_code": "200",
        "sampling_fraction": 1.0,
        "execution_time_ms": 7,
        "request": json.dumps({"dataframe_records": RECORDS}),
        "response": json.dumps(TWO),
        "request_metadata": {"model_name": "m", "model_version": "3", "endpoint_name": "late"},
    }
    rows = list(read_log_rows([older]))
    assert [row.score for row in rows] == [0.1, 0.9]
    assert (rows[0].time, rows[0].duration_ms, rows[0].endpoint, rows[0].served_entity) == (MOMENT, 7, "late", "m")


@pytest.mark.parametrize(
    ("request_body", "response", "changes", "errors"),
    [
        ({"dataframe_records": RECORDS}, "no JSON", {}, ["response_not_readable"] * 2),
        ({"dataframe_records": RECORDS}, {"other": 1}, {}, ["response_not_readable"] * 2),
        ({"dataframe_records": RECORDS}, None, {}, ["response_not_logged"] * 2),
        ({"dataframe_records": RECORDS}, {"predictions": [0.5]}, {}, ["records_and_predictions_differ"] * 2),
        ({"dataframe_records": RECORDS}, {"predictions": [None, 0.5]}, {}, ["prediction_not_readable", None]),
        (
            {"dataframe_records": RECORDS},
            {"predictions": [{"probability": None}, {}]},
            {},
            ["prediction_not_readable"] * 2,
        ),
        (None, TWO, {}, ["request_not_logged"]),
        ("no JSON", TWO, {}, ["request_not_readable"]),
        ({"something": 1}, TWO, {}, ["request_not_readable"]),
        ({"inputs": {"a": [1, 2], "b": [1, 2, 3]}}, TWO, {}, ["request_not_readable"]),
        ({"dataframe_records": RECORDS}, {"error_code": "BAD"}, {"status_code": 400}, ["request_failed"]),
    ],
)
def test_what_has_no_prediction_is_an_error_row(
    request_body: Any, response: Any, changes: dict[str, Any], errors: list[str | None]
) -> None:
    rows = list(read_log_rows([make_entry(request_body, response, **changes)]))
    assert [row.error for row in rows] == errors
    assert all((row.prediction is None) is (row.error is not None) for row in rows)


@pytest.mark.parametrize(
    ("code", "records", "predictions"),
    [
        ("MAX_REQUEST_SIZE_EXCEEDED", RECORDS[:1], TWO),
        ("MAX_RESPONSE_SIZE_EXCEEDED", RECORDS, {"predictions": TWO["predictions"][:1]}),
    ],
)
def test_what_was_cut_off_is_not_made_up(code: str, records: Any, predictions: Any) -> None:
    rows = list(read_log_rows([make_entry({"dataframe_records": records}, predictions, logging_error_codes=[code])]))
    assert [(dict(row.inputs), row.score, row.error) for row in rows] == [(RECORDS[0], 0.1, None)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("old,new", ["old", "new"]),
        ("new", ["new", "new"]),
        ("", [None, None]),
        (None, [None, None]),
        ("a,b,c", ["a", "b"]),
    ],
)
def test_each_record_knows_who_scored_it(names: str | None, expected: list[str | None]) -> None:
    entry = make_entry({"dataframe_records": RECORDS}, TWO, served_entity_id=names)
    assert [row.served_entity for row in read_log_rows([entry])] == expected


def test_names_that_are_no_names_of_records_tell_nothing() -> None:
    entry = make_entry({"dataframe_records": RECORDS * 2}, {"predictions": [0.1] * 4}, served_entity_id="old,new")
    assert [row.served_entity for row in read_log_rows([entry])] == [None] * 4
