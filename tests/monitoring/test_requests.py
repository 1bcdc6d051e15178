"""Records of requests as rows of monitoring: every form, each with its key, its features and its own answer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from boathouse.endpoints.keyed_hash import hash_value
from boathouse.monitoring.requests import REQUESTS, KeyNaming, tabulate_requests

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SALT = b"s" * 32
NAMING = KeyNaming(types=(("boat", "bigint"),), hidden=frozenset({"boat"}), salt=SALT)
DIGEST = hash_value(17, SALT, "bigint")
SENT = {"boat": DIGEST, "length": 4.5}


def make_entry(request: Any = None, response: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "databricks_request_id": "r1",
        "client_request_id": "c1",
        "request_date": MOMENT.date(),
        "request_time": MOMENT,
        "status_code": 200,
        "sampling_fraction": 1.0,
        "execution_duration_ms": 12,
        "request": json.dumps(request if request is not None else {"dataframe_records": [SENT]}),
        "response": json.dumps(response if response is not None else {"predictions": [{"probability": 0.25}]}),
        "served_entity_id": "champion",
        "model_version": "3",
        "logging_error_codes": [],
        "requester": "desk",
        "endpoint": "late",
        "mode": "answer",
        **changes,
    }


def tabulate(*entries: dict[str, Any], naming: KeyNaming = NAMING) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tabulate_requests(entries, naming, log_version=5).to_pylist()
    return rows


def test_a_record_is_a_row_with_everything_that_is_known_of_it() -> None:
    looked_up = [{"columns": ["age", "sails"], "data": [[3.0, None]], "times": [1772323200000000]}]
    [row] = tabulate(make_entry(looked_up=json.dumps(looked_up)))
    assert row == {
        "request_id": "r1",
        "row_number": 0,
        "prediction_id": "r1-0",
        "client_request_id": "c1",
        "mode": "answer",
        "endpoint": "late",
        "served_entity": "champion",
        "model_version": "3",
        "request_date": date(2026, 3, 1),
        "request_time": MOMENT,
        "status_code": 200,
        "latency_ms": 12.0,
        "sampling_fraction": 1.0,
        "requester": "desk",
        "key": DIGEST,
        "features_at": datetime(2026, 3, 1, tzinfo=UTC),
        "sent": json.dumps(SENT),
        "looked_up": '{"age": 3.0, "sails": null}',
        "score": 0.25,
        "answer": '{"probability": 0.25}',
        "error": None,
        "log_version": 5,
    }
    assert list(row) == list(REQUESTS.column_names)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [SENT, {"boat": None, "length": 5}]},
        {"dataframe_split": {"columns": ["boat", "length"], "data": [[DIGEST, 4.5], [None, 5]]}},
        {"instances": [SENT, {"boat": None, "length": 5}]},
        {"inputs": {"boat": [DIGEST, None], "length": [4.5, 5]}},
    ],
)
def test_every_form_of_body_gives_the_same_rows(body: Any) -> None:
    rows = tabulate(make_entry(body, {"predictions": [0.1, 0.2]}))
    assert [(row["row_number"], row["key"], row["score"]) for row in rows] == [(0, DIGEST, 0.1), (1, None, 0.2)]
    assert [json.loads(row["sent"])["length"] for row in rows] == [4.5, 5]


def test_the_older_form_of_the_platform_is_read_too() -> None:
    older = {
        "databricks_request_id": "r1",
        "client_request_id": None,
        "date": MOMENT.date(),
        "timestamp_ms": int(MOMENT.timestamp() * 1000),
        "status_code": 200,
        "sampling_fraction": 0.5,
        "execution_time_ms": 7,
        "request": json.dumps({"dataframe_records": [SENT]}),
        "response": json.dumps({"predictions": [0.5]}),
        "request_metadata": {"model_name": "m", "model_version": "4", "endpoint_name": "late"},
    }
    [row] = tabulate(older)
    assert (row["request_time"], row["latency_ms"], row["model_version"], row["served_entity"], row["endpoint"]) == (
        MOMENT,
        7.0,
        "4",
        "m",
        "late",
    )


def test_a_key_has_one_hash_however_the_log_has_it() -> None:
    plain = KeyNaming(types=(("boat", "bigint"),), salt=SALT)
    rows = [tabulate(make_entry({"inputs": [{"boat": value}]}, [0.5]), naming=plain)[0] for value in (17, 17.0, "0017")]
    assert {row["key"] for row in rows} == {DIGEST, NAMING.of_key([17])}
    [masked] = tabulate(make_entry({"inputs": [{"boat": "***"}]}, [0.5]))
    assert masked["key"] is None


def test_a_key_of_two_columns_is_named_if_both_are_there() -> None:
    naming = KeyNaming(types=(("boat", "bigint"), ("race", "string")), salt=SALT)
    rows = tabulate(make_entry({"inputs": [{"boat": 1, "race": "a"}, {"boat": 1}]}, [0.5, 0.5]), naming=naming)
    assert [row["key"] for row in rows] == [naming.of_key([1, "a"]), None]


def test_without_the_salt_hashed_keys_stay_and_others_have_none() -> None:
    naming = KeyNaming(types=NAMING.types, hidden=NAMING.hidden)
    assert [row["key"] for row in tabulate(make_entry(), naming=naming)] == [DIGEST]
    assert [row["key"] for row in tabulate(make_entry({"inputs": [{"boat": 17}]}, [0.5]), naming=naming)] == [None]
    assert naming.of_key([17]) is None


def test_features_alone_are_what_was_looked_up() -> None:
    [row] = tabulate(make_entry(response={"outputs": [{"boat": DIGEST, "age": 3.0}]}, mode="features"))
    assert (row["looked_up"], row["answer"], row["score"], row["error"]) == ('{"age": 3.0}', None, None, None)


def test_a_published_prediction_says_its_version() -> None:
    answer = {"predictions": [{"boat": DIGEST, "probability": 0.5, "model_version": "2"}]}
    [row] = tabulate(make_entry(response=answer, mode="precomputed", model_version=None))
    assert (row["model_version"], row["score"]) == ("2", 0.5)


BROKEN: list[dict[str, Any]] = [
    {"status_code": "no number"},
    {"request_time": None},
    {"request_time": "yesterday"},
    {"databricks_request_id": None, "request_time": None},
    {"execution_duration_ms": "slow"},
    {"request": 7},
    {"request": "[" * 100_000},
    {"response": "[" * 100_000},
    {"request": '{"dataframe_records": [{"length": '},
    {"response": '{"predictions": [{"probabil'},
    {"looked_up": '[{"columns": 1}]', "response": "cut off"},
    {"status_code": 500, "response": None},
    {"status_code": 404, "request": None, "response": None},
]


@pytest.mark.parametrize("changes", BROKEN, ids=lambda each: str(each)[:40])
def test_what_cannot_be_read_is_one_row_with_an_error_and_stops_no_other(changes: dict[str, Any]) -> None:
    rows = tabulate(make_entry(**changes), make_entry(databricks_request_id="r2"))
    assert len(rows) == 2
    assert rows[0]["error"] is not None
    assert rows[0]["score"] is None
    assert (rows[1]["request_id"], rows[1]["error"]) == ("r2", None)
    assert tabulate(make_entry(**changes))[0]["request_id"] == rows[0]["request_id"]


def test_a_score_that_is_no_number_is_null() -> None:
    [row] = tabulate(make_entry(response={"predictions": [{"probability": float("nan")}]}))
    assert row["score"] is None


def test_an_entry_that_the_log_has_twice_is_one_row() -> None:
    assert len(tabulate(make_entry(), make_entry(), make_entry(mode="shadow"))) == 2
