"""What the log keeps: every answer is a row, in a form that can be read, and nothing in it is about a person."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from boathouse.endpoints.keyed_hash import hash_value, read_salt
from boathouse.endpoints.log_contract import KnownColumns
from boathouse.endpoints.log_rows import read_log_rows
from boathouse.errors.invocations import InvocationError, quote_names
from boathouse.serving.inference_log import InferenceLog
from boathouse.serving.invocation import Invocation
from boathouse.serving.logged_body import describe_body
from tests.fixtures.log_entries import wait_until
from tests.fixtures.small_endpoint import SmallEndpoint
from tests.serving.conftest import Start
from tests.serving.test_app import RECORD, ask

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.features.online.store import OnlineStore
    from tests.fixtures.asgi_client import AsgiClient

# Stands for a name, a number of a passport, an address: it may be nowhere in the log.
PERSON = "Alice-A123456789"
NAMES = list(RECORD)
GOOD = {"dataframe_records": [RECORD]}
# Bytes of a body that are logged.
LIMIT = 2_000
Logged = tuple["AsgiClient", SmallEndpoint, InferenceLog]


@pytest.fixture
def logged(start: Start, store: OnlineStore, make_log: Callable[..., InferenceLog]) -> Logged:
    """Return an endpoint that logs, with the key of a person."""
    client, small = start(store, log={"max_payload_bytes": LIMIT})
    log = make_log(always_hidden=("account",), max_payload_bytes=LIMIT)
    small.service.logs = {"late": log}
    return client, small, log


def read(log: InferenceLog, tmp_path: Path) -> list[dict[str, Any]]:
    from deltalake import DeltaTable

    assert log.flush()
    found: list[dict[str, Any]] = DeltaTable(str(tmp_path / "table")).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: row["request_time"])


def to_csv(*lines: str) -> dict[str, Any]:
    return {"content": "\n".join(lines), "headers": {"content-type": "text/csv"}}


def to_parquet(columns: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return {"content": file.getvalue(), "headers": {"content-type": "application/vnd.apache.parquet"}}


def to_json(body: Any) -> dict[str, Any]:
    return {"content": json.dumps(body), "headers": {"content-type": "application/json"}}


def test_every_answer_is_a_row(logged: Logged, tmp_path: Path) -> None:
    client, small, log = logged
    token = small.service.access.tokens.create("desk", ["manage"])
    by_key = {"dataframe_records": [{"account": 1}]}
    answers = [
        ask(client, GOOD),
        ask(client, by_key, "/feature-serving/late/invocations"),
        ask(client, by_key, "/precomputed/late/invocations"),
        ask(client, {"dataframe_records": 3}),
        ask(client, GOOD, "/serving-endpoints/late/served-models/challenger/invocations"),
        ask(client, GOOD, f"/serving-endpoints/late/served-models/{PERSON}/invocations"),
        ask(client, GOOD, f"/serving-endpoints/{PERSON}/invocations"),
        ask(client, GOOD, f"/{PERSON}"),
        client.get("/invocations"),
        client.post("/invocations", content=json.dumps(GOOD), headers={"content-type": "application/xml"}),
        client.post("/invocations", content=b"x" * 20_000_000, headers={"content-type": "application/json"}),
    ]
    small.service.access = type(small.service.access)(small.service.access.tokens, required=True)
    answers += [ask(client, GOOD), ask(client, GOOD, authorization=f"Bearer {token}")]
    small.service.access = type(small.service.access)(small.service.access.tokens, required=False)
    small.service.at_work = 10_000
    answers.append(ask(client, GOOD))
    small.service.at_work = 0
    found = read(log, tmp_path)
    assert [row["status_code"] for row in found] == [answer.status_code for answer in answers]
    refused = [503, 400, 503, 404, 404, 404, 405, 415, 413, 401, 403, 503]
    assert [answer.status_code for answer in answers] == [200, 200, *refused]
    assert [row["databricks_request_id"] for row in found] == [each.headers["x-request-id"] for each in answers]
    assert [row["mode"] for row in found] == ["answer", "features", "precomputed", *["answer"] * 11]
    assert [row["endpoint"] for row in found] == [*["late"] * 6, "", "", *["late"] * 6]
    assert [row["requester"] for row in found][-3:] == [None, "desk", None]
    assert all(
        set(json.loads(row["response"])) == {"error_code", "message"} for row in found if row["status_code"] > 200
    )
    assert [row["logging_error_codes"] for row in found][-4:] == [
        ["MAX_REQUEST_SIZE_EXCEEDED"],
        *[["PAYLOAD_NOT_READ"]] * 3,
    ]
    assert PERSON not in str(found)
    assert PERSON.encode() not in small.log.getvalue()


def test_addresses_that_watch_the_server_are_no_rows(logged: Logged, tmp_path: Path) -> None:
    client, _, log = logged
    for path in ("/ping", "/health", "/ready", "/metrics", "/version", "/openapi.json"):
        assert client.get(path).status_code == 200
        assert client.post(path).status_code == 405
    assert client.post("/manage/drain").status_code == 401
    ask(client, GOOD)
    assert len(read(log, tmp_path)) == 1


FORMS = {
    "nan": {"content": '{"dataframe_records": [{"account": 1, "amount": NaN}]}', "headers": to_json(1)["headers"]},
    "utf-16": {
        "content": json.dumps({"dataframe_records": [{"account": 1, "amount": 0.5}]}).encode("utf-16"),
        "headers": to_json(1)["headers"],
    },
    "csv": to_csv("account,amount", "1,0.5"),
    "csv with empty cells": to_csv("account,amount", "1,"),
    "parquet": to_parquet({"account": [1], "amount": [0.5]}),
    "parquet with nan": to_parquet({"account": [1], "amount": [float("nan")]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_body_in_any_form_is_kept_so_that_monitoring_reads_it(logged: Logged, tmp_path: Path, form: str) -> None:
    client, _, log = logged
    answer = client.post("/invocations", **FORMS[form])
    assert answer.status_code == 200, answer.text
    [row] = read(log, tmp_path)
    assert row["logging_error_codes"] == []
    [record] = read_log_rows([row])
    known = None if form in {"nan", "csv with empty cells", "parquet with nan"} else 0.5
    assert record.error is None
    assert record.inputs == {"account": hash_value(1, read_salt(tmp_path / "journal")), "amount": known}
    assert record.score == answer.json()["predictions"][0]["probability"]


def test_a_long_body_keeps_its_first_records_with_their_predictions(logged: Logged, tmp_path: Path) -> None:
    client, _, log = logged
    answer = ask(client, {"dataframe_records": [{**RECORD, "hat": PERSON}] * 100})
    assert answer.status_code == 200
    ask(client, {"dataframe_records": [{**RECORD, "bill": "x" * 5_000}]})
    long, refused = read(log, tmp_path)
    assert set(long["logging_error_codes"]) == {"MAX_REQUEST_SIZE_EXCEEDED", "MAX_RESPONSE_SIZE_EXCEEDED"}
    records = list(read_log_rows([long]))
    assert len(records) > 5
    assert all(record.inputs["bill"] == RECORD["bill"] for record in records)
    assert PERSON not in long["request"]
    values = ["***", *list(RECORD.values())[1:]]
    assert json.loads(refused["request"]) == {"dataframe_split": {"columns": NAMES, "data": [values]}}
    assert (refused["status_code"], refused["logging_error_codes"]) == (400, ["MAX_REQUEST_SIZE_EXCEEDED"])


def test_a_long_body_of_many_names_is_logged_as_its_records(logged: Logged, tmp_path: Path) -> None:
    client, _, log = logged
    records = [{f"name_{number}": "x" * 100} for number in range(500)]
    assert ask(client, {"dataframe_records": records}).status_code == 400
    ask(client, {"dataframe_records": [{**RECORD, "bill": float("nan")}] * 100})
    of_names, of_records = read(log, tmp_path)
    # As many records as fit by their average size, with their own names alone.
    assert json.loads(of_names["request"])["dataframe_records"][:2] == [{"***1": "***"}, {"***2": "***"}]
    first = json.loads(of_records["request"])["dataframe_records"][0]
    assert (first["bill"], first["credit"]) == (None, RECORD["credit"])
    for row in (of_names, of_records):
        assert (len(row["request"]) <= LIMIT, row["logging_error_codes"][0]) == (True, "MAX_REQUEST_SIZE_EXCEEDED")


def test_of_a_file_no_more_values_wait_for_the_log_than_may_fit() -> None:
    columns = {name: [0.0] * 1_000 for name in ("bill", "credit", "hat")}
    known = KnownColumns(frozenset({"bill", "credit"}), frozenset({"account"}))
    entry = describe_body(b"x" * 100, "application/vnd.apache.parquet", Invocation(columns, 1_000), known, 900)
    # Two numbers of two bytes at least, and one masked value of five.
    assert {name: len(values) for name, values in entry["columns"].items()} == dict.fromkeys(columns, 100)
    assert (entry["columns_size"] >= 300 * 24, entry["logging_error_codes"]) == (True, ("MAX_REQUEST_SIZE_EXCEEDED",))
    whole = describe_body(b"x" * 100, "text/csv", Invocation(columns, 1_000), known, 9_000)
    assert (len(whole["columns"]["hat"]), whole["logging_error_codes"]) == (1_000, ())


MISPLACED = {
    "a misspelt key": to_json({"dataframe_records": [{**RECORD, "accounts": PERSON}]}),
    "a misspelt key beside the key": to_json({"dataframe_records": [{"account": 1, "Account ": PERSON}]}),
    "a value of another column": to_json({"dataframe_records": [{**RECORD, "bill": PERSON}]}),
    "a nested value": to_json({"dataframe_records": [{**RECORD, "bill": {"deep": [PERSON]}}]}),
    "a nested name": to_json({"dataframe_records": [{**RECORD, "bill": {PERSON: 1}}]}),
    "a nested key": to_json({"dataframe_records": [{"account": {PERSON: PERSON}}]}),
    "a key of two values": to_json({"dataframe_records": [{"account": [PERSON]}]}),
    "a column that is a value": to_json({"dataframe_records": [{**RECORD, PERSON: 1}]}),
    "a column that is a value beside a key": to_json({"dataframe_records": [{"account": 1, PERSON: 1}]}),
    "split with a misspelt column": to_json({"dataframe_split": {"columns": ["accounts"], "data": [[PERSON]]}}),
    "split without names": to_json({"dataframe_split": {"data": [[PERSON, 1]]}}),
    "split with the row as names": to_json({"dataframe_split": {"columns": [PERSON, "17"], "data": [[1, 2]]}}),
    "split with a name twice": to_json({"dataframe_split": {"columns": [PERSON, PERSON], "data": [[1, 2]]}}),
    "split with a longer row": to_json({"dataframe_split": {"columns": NAMES, "data": [[1, 2, 3, 4, PERSON]]}}),
    "split with an index": to_json({"dataframe_split": {"columns": ["account"], "index": [PERSON], "data": [[1]]}}),
    "split with another key": to_json({"dataframe_split": {"columns": ["account"], "data": [[1]], PERSON: 1}}),
    "split of another form": to_json({"dataframe_split": {"columns": PERSON, "data": {"x": PERSON}}}),
    "instances without names": to_json({"instances": [[PERSON, 1]]}),
    "instances of text": to_json({"instances": PERSON}),
    "instances that differ": to_json({"instances": [{**RECORD, PERSON: 1}, RECORD]}),
    "inputs by column": to_json(
        {"inputs": {**{name: [value] for name, value in RECORD.items()}, "accounts": [PERSON]}}
    ),
    "inputs of one row": to_json({"inputs": {**RECORD, "accounts": PERSON}}),
    "inputs of uneven columns": to_json({"inputs": {PERSON: [1, 2], "bill": [1]}}),
    "a parameter": to_json({**GOOD, "params": {"explain": PERSON}}),
    "another parameter": to_json({**GOOD, "params": {PERSON: PERSON}}),
    "another field": to_json({**GOOD, PERSON: 1, "comment": PERSON}),
    "a body without a wrapper": to_json({"columns": [PERSON], "data": [[1]]}),
    "a body that is a list": to_json([PERSON]),
    "a body that is text": to_json(PERSON),
    "an id of the client that is none": to_json({**GOOD, "client_request_id": {"name": PERSON}}),
    "no JSON": {"content": f'{{"a": {PERSON}', "headers": to_json(1)["headers"]},
    "JSON as escapes": {
        "content": json.dumps({"dataframe_records": [{"ßß": 1, **RECORD, "accounts": PERSON}]}),
        "headers": to_json(1)["headers"],
    },
    "csv with a misspelt header": to_csv("accounts,amount", f"{PERSON},1"),
    "csv without a header": to_csv(f"{PERSON},17", "2,0.5"),
    "csv with a longer row": to_csv("account,amount", f"1,2,{PERSON}"),
    "csv in another charset": {"content": f"a\n{PERSON}", "headers": {"content-type": f"text/csv; charset={PERSON}"}},
    "csv with a parameter": {"content": f"a\n{PERSON}", "headers": {"content-type": f"text/csv; {PERSON}=1"}},
    "another type": {"content": PERSON, "headers": {"content-type": PERSON}},
    "text": {"content": PERSON, "headers": {"content-type": "text/plain"}},
    "no type": {"content": PERSON},
    "parquet with a misspelt column": to_parquet({"accounts": [PERSON]}),
    "parquet with a value as name": to_parquet({PERSON: [1], "account": [1]}),
    "parquet with nested values": to_parquet({"account": [1], "amount": [{"a": PERSON}]}),
    "a query": {**to_json(GOOD), "params": {"name": PERSON}},
    "a header": {
        "content": json.dumps(GOOD),
        "headers": {**to_json(1)["headers"], "x-name": PERSON, "user-agent": PERSON},
    },
    "a token": {"content": json.dumps(GOOD), "headers": {**to_json(1)["headers"], "authorization": f"Bearer {PERSON}"}},
}


@pytest.mark.parametrize("path", ["/invocations", "/feature-serving/late/invocations"])
@pytest.mark.parametrize("place", MISPLACED)
def test_nothing_personal_is_logged_wherever_it_stands(logged: Logged, tmp_path: Path, place: str, path: str) -> None:
    client, small, log = logged
    answer = client.post(path, **MISPLACED[place])
    [row] = read(log, tmp_path)
    assert row["status_code"] == answer.status_code < 500
    small.service.access_log.flush()
    for kept in (str(row), small.log.getvalue().decode()):
        assert PERSON not in kept
        assert "A123456789" not in kept


def test_what_is_known_stays_and_a_misspelt_name_can_be_found(logged: Logged, tmp_path: Path) -> None:
    client, _, log = logged
    ask(client, {"dataframe_records": [{**RECORD, "Accounts": 17, "shoe": None, "account": 3}]})
    ask(client, {"dataframe_records": [{"account": 1, "amounts": 4}]})
    first, second = read(log, tmp_path)
    hashed = hash_value(3, read_salt(tmp_path / "journal"))
    assert json.loads(first["request"]) == {
        "dataframe_records": [{**RECORD, "Accounts": "***", "***2": None, "account": hashed}]
    }
    assert second["status_code"] == 400
    assert "Unknown column(s): ***. Known beside the key: amount" in json.loads(second["response"])["message"]


def test_a_message_for_the_log_keeps_names_that_are_known() -> None:
    error = InvocationError.bad_request(f"Unknown: {quote_names(['bill', PERSON])}.")
    assert str(error) == f"Unknown: bill, {PERSON}."
    assert error.describe_for_log({"bill"}) == "Unknown: bill, ***."


def test_a_body_of_many_names_compares_few_of_them(
    logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    monkeypatch.setattr("boathouse.serving.log_masking.is_misspelling", lambda name, _: bool(compared.append(name)))
    client, _, log = logged
    ask(client, {"dataframe_records": [{f"own{number}": 1} for number in range(100)]})
    [row] = read(log, tmp_path)
    assert len(compared) == 20
    assert json.loads(row["request"])["dataframe_records"][99] == {"***100": "***"}


def test_an_id_that_no_text_holds_ends_nothing(logged: Logged, tmp_path: Path) -> None:
    client, _, log = logged
    for own in ("\ud800", "\udfffx", "\0", "a" * 5_000, 7, [1], {"a": 1}, None):
        assert ask(client, {**GOOD, "client_request_id": own}).status_code == 200
    assert ask(client, {"dataframe_records": [{**RECORD, "\ud800": "\ud800"}]}).status_code == 200
    assert len(read(log, tmp_path)) == 9
    assert client.get("/health").json()["status"] == "ok"


def test_a_log_that_stops_is_seen_in_health_and_metrics(logged: Logged, tmp_path: Path) -> None:
    client, _, log = logged
    assert 'boathouse_log_stopped{endpoint="late"} 0' in client.get("/metrics").text
    (tmp_path / "table").write_text("in the way")
    ask(client, GOOD)
    wait_until(lambda: log.counts.failed_commits > 0)
    health = client.get("/health").json()
    assert health["status"] == "degraded"
    assert "the table cannot be written" in health["inference_log"]["late"]
    text = client.get("/metrics").text
    assert 'boathouse_log_stopped{endpoint="late"} 1' in text
    assert "boathouse_log_rows_total 1" in text
    assert client.get("/ready").status_code == 200
    (tmp_path / "table").unlink()
    assert log.flush()
    assert client.get("/health").json()["status"] == "ok"


def test_an_answer_that_cannot_be_described_is_a_row(
    logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, log = logged

    def fail(*_: object) -> None:
        raise ValueError(PERSON)

    monkeypatch.setattr("boathouse.serving.invocation_handler._name_versions", fail)
    answer = ask(client, GOOD)
    [row] = read(log, tmp_path)
    assert (row["status_code"], row["databricks_request_id"]) == (200, answer.headers["x-request-id"])
