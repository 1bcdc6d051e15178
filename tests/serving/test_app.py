"""The addresses: who answers, what the answer says beside the scores, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.errors import UntrustedModelError
from tests.fixtures.small_endpoint import as_records, make_files, make_rows, serve_version
from tests.serving.conftest import Start

if TYPE_CHECKING:
    from boathouse.features.online.store import OnlineStore
    from tests.fixtures.asgi_client import AsgiClient

JSON = {"content-type": "application/json"}
RECORD = as_records(make_rows(1))[0]


def ask(client: AsgiClient, body: Any, path: str = "/invocations", **headers: str) -> Any:
    return client.post(path, content=json.dumps(body), headers={**JSON, **headers})


def test_scores_are_those_of_the_scorer_bit_for_bit(start: Start, rows: np.ndarray) -> None:
    client, small = start()
    expected = small.scorer.predict_probability(rows)
    together = ask(client, {"dataframe_records": as_records(rows)}).json()["predictions"]
    assert [each["probability"] for each in together] == expected.tolist()
    assert [each["decision"] for each in together] == small.scorer.decide(expected).tolist()
    single = [ask(client, {"dataframe_records": [row]}).json()["predictions"][0] for row in as_records(rows[:20])]
    assert single == together[:20]


def test_an_answer_names_its_model(client: AsgiClient) -> None:
    answer = ask(client, {"dataframe_records": [RECORD], "client_request_id": "mine-1"})
    assert answer.headers["served-model-name"] == "champion"
    assert answer.headers["served-model-version"] == "1"
    assert answer.headers["client-request-id"] == "mine-1"
    assert len(answer.headers["x-request-id"]) == 32
    again = ask(client, {"dataframe_records": [RECORD]})
    assert again.headers["x-request-id"] != answer.headers["x-request-id"]


def test_details_name_entity_version_and_an_id_for_each_row(client: AsgiClient) -> None:
    answer = ask(client, {"dataframe_records": [RECORD, RECORD], "params": {"details": True}})
    rows = answer.json()["predictions"]
    assert [row["prediction_id"] for row in rows] == [f"{answer.headers['x-request-id']}-{row}" for row in (0, 1)]
    assert {(row["served_entity"], row["model_version"]) for row in rows} == {("champion", "1")}


def test_reasons_come_when_asked_for(start: Start, rows: np.ndarray) -> None:
    client, small = start()
    answer = ask(client, {"dataframe_records": as_records(rows[:5]), "params": {"explain": True}}).json()
    assert [json.loads(each["reasons"]) for each in answer["predictions"]] == small.scorer.reasons(rows[:5], 3)


def test_dropped_columns_are_named_in_a_warning(client: AsgiClient) -> None:
    answer = ask(client, {"dataframe_records": [{**RECORD, "shoe": 1, "hat\n": "x", "account": 3}]})
    assert answer.status_code == 200
    assert answer.headers["warning"] == '299 - "Columns not used: hat?, shoe"'


def test_challenger_has_an_address_of_its_own(start: Start) -> None:
    client, small = start()
    path = "/serving-endpoints/late/served-models/challenger/invocations"
    assert ask(client, {"dataframe_records": [RECORD]}, path).status_code == 503
    small.endpoint.serve(serve_version(make_files(1), "2", "challenger"))
    answer = ask(client, {"dataframe_records": [RECORD]}, path)
    assert (answer.headers["served-model-name"], answer.headers["served-model-version"]) == ("challenger", "2")
    assert answer.json() != ask(client, {"dataframe_records": [RECORD]}).json()


def test_a_swap_changes_the_next_request(start: Start) -> None:
    client, small = start()
    before = ask(client, {"dataframe_records": [RECORD]})
    small.endpoint.serve(serve_version(make_files(1), "2"))
    after = ask(client, {"dataframe_records": [RECORD]})
    assert [each.headers["served-model-version"] for each in (before, after)] == ["1", "2"]
    assert before.json() != after.json()


def test_a_version_with_other_files_than_registered_is_not_loaded() -> None:
    from boathouse.serving.served_model import load_model

    with pytest.raises(UntrustedModelError, match="was registered with digest 0000000000000000, its files have"):
        load_model("champion", "test.models.late", "2", make_files(), on_demand=(), ranges={}, digest="0" * 64)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/invocations", 405),
        ("POST", "/ping", 405),
        ("GET", "/", 404),
        ("POST", "/serving-endpoints/nobody/invocations", 404),
        ("POST", "/serving-endpoints/late/served-models/nobody/invocations", 404),
        ("POST", "/manage/reload", 401),
        ("POST", "/manage/shutdown", 404),
    ],
)
def test_other_addresses_are_refused_in_the_same_form(client: AsgiClient, method: str, path: str, status: int) -> None:
    content = json.dumps({"dataframe_records": [RECORD]})
    answer = client.request(method, path, content=content, headers=JSON)
    assert answer.status_code == status
    assert set(answer.json()) == {"error_code", "message"}


def test_an_unknown_address_names_each_address_once(client: AsgiClient) -> None:
    message = client.get("/nowhere").json()["message"]
    listed = message.partition("There are: ")[2].rstrip(".").split(", ")
    assert {"/invocations", "/openapi.json", "/ready"} <= set(listed)
    assert len(listed) == len(set(listed))


def test_an_entity_without_a_version_gives_its_alias(client: AsgiClient) -> None:
    answer = ask(
        client, {"dataframe_records": [RECORD]}, "/serving-endpoints/late/served-models/challenger/invocations"
    )
    assert answer.status_code == 503
    assert "either no version of test.models.late has the alias 'challenger'" in answer.json()["message"]


def test_health_shows_what_is_served_and_its_problems(start: Start) -> None:
    client, small = start()
    assert client.get("/ready").json()["ready"]
    assert client.get("/health").json()["status"] == "ok"
    small.endpoint.report("champion", "version 2: its files were changed")
    health = client.get("/health").json()
    assert health["status"] == "degraded"
    champion = health["endpoints"]["late"]["served_entities"]["champion"]
    assert champion["version"] == "1"
    assert champion["problem"] == "version 2: its files were changed"
    assert 'boathouse_model_problem{endpoint="late",served_entity="champion"} 1' in client.get("/metrics").text
    small.endpoint.report("champion", "")
    assert client.get("/health").json()["status"] == "ok"
    small.endpoint.withdraw("champion")
    assert client.get("/ready").status_code == 503
    assert client.get("/ready").json()["waiting_for_models"] == {"late": ["champion"]}
    assert client.get("/ping").status_code == 503


def test_metrics_count_requests_rows_and_time(start: Start) -> None:
    client, _ = start()
    ask(client, {"dataframe_records": [RECORD] * 3})
    ask(client, {"dataframe_records": [RECORD]})
    ask(client, {"dataframe_records": 3})
    text = client.get("/metrics").text
    assert 'boathouse_requests_total{endpoint="late",served_entity="champion",status="200"} 2' in text
    assert 'boathouse_requests_total{endpoint="late",served_entity="-",status="400"} 1' in text
    assert 'boathouse_rows_total{endpoint="late",served_entity="champion"} 4' in text
    assert 'boathouse_request_seconds_count{endpoint="late",served_entity="champion"} 2' in text


def test_openapi_describes_the_columns(client: AsgiClient) -> None:
    document = client.get("/openapi.json").json()
    schema = document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    records = schema["oneOf"][1]["properties"]["dataframe_records"]["items"]["properties"]
    assert set(records) == {"bill", "credit", "lateness", "used_after", "amount", "account"}
    assert records["account"] == {"type": "integer"}


def test_the_log_has_ids_and_no_values(start: Start) -> None:
    client, small = start()
    answer = ask(client, {"dataframe_records": [{**RECORD, "bill": 0.123456789}]})
    ask(client, {"dataframe_records": [{**RECORD, "bill": "secret"}]})
    small.service.access_log.flush()
    lines = [json.loads(line) for line in small.log.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [200, 400]
    assert lines[0]["request_id"] == answer.headers["x-request-id"]
    assert b"123456789" not in small.log.getvalue()
    assert b"secret" not in small.log.getvalue()


def test_an_unexpected_error_is_logged_without_its_text(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client, small = start()

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("value 0.5 of account 17")

    monkeypatch.setattr("boathouse.serving.invocation_handler.parse_invocation", fail)
    answer = ask(client, {"dataframe_records": [RECORD]})
    assert answer.status_code == 500
    assert answer.json()["error_code"] == "INTERNAL_ERROR"
    assert b"account 17" not in small.log.getvalue()
    line = json.loads(small.log.getvalue().splitlines()[0])
    assert (line["error"], line["request_id"]) == ("ValueError", answer.headers["x-request-id"])
    assert small.service.at_work == 0


def test_precomputed_and_features_need_the_store(start: Start, store: OnlineStore) -> None:
    client, _ = start()
    for kind in ("precomputed", "feature-serving"):
        assert ask(client, {"dataframe_records": [{"account": 1}]}, f"/{kind}/late/invocations").status_code == 400
