"""Asked by key: features are looked up, computed on demand, answered alone, or scored before."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.endpoints.config import Route
from boathouse.endpoints.log_contract import LogEntry
from boathouse.errors import OnlineStoreError
from boathouse.features.online.store import OnlineStore
from boathouse.features.online.tables import prediction_view
from boathouse.scoring.spec import OUTPUTS, OutputColumn, Outputs
from boathouse.serving.look_up import CHECK_S, MOST_LATE, PART_KEYS
from tests.fixtures.postgres_server import postgres
from tests.fixtures.small_endpoint import NAME, OBSERVED, as_records, fill_store, make_rows, serve_version, use_after
from tests.serving.conftest import Start
from tests.serving.test_app import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from boathouse.features.online.look_up import FeatureRows
    from boathouse.scoring.feature_spec import ViewSpec
    from tests.fixtures.asgi_client import AsgiClient
    from tests.fixtures.postgres_server import PostgresServer

__all__ = ["postgres"]


class BrokenStore:
    """A store that can be made slow or broken."""

    def __init__(self, store: OnlineStore) -> None:
        self.store, self.delay_s, self.broken = store, 0.0, False
        self.slow_key: tuple[Any, ...] | None = None
        self.asked: list[int] = []

    def look_up(self, keys: Sequence[Any], views: Sequence[ViewSpec]) -> FeatureRows:
        self.asked.append(len(keys))
        time.sleep(0.2 if self.slow_key in keys else self.delay_s)
        if self.broken:
            raise OnlineStoreError.unavailable("postgresql://store", "OperationalError")
        return self.store.look_up(keys, views)

    def close(self) -> None:
        pass


def keyed(*accounts: Any, **fields: Any) -> dict[str, Any]:
    return {"dataframe_records": [{"account": account, **fields} for account in accounts]}


def probabilities(answer: Any) -> list[float]:
    return [row["probability"] for row in answer.json()["predictions"]]


def test_keys_alone_give_the_scores_of_their_features(start: Start, store: OnlineStore, rows: np.ndarray) -> None:
    client, small = start(store)
    accounts = list(range(len(rows)))
    assert probabilities(ask(client, keyed(*accounts))) == small.scorer.predict_probability(rows).tolist()


def test_request_time_values_enter_on_demand_features(start: Start, store: OnlineStore, rows: np.ndarray) -> None:
    client, small = start(store)
    expected = rows[:3].copy()
    expected[:, 3] = use_after(expected[:, 0], expected[:, 1], np.array([0.25] * 3))
    answer = ask(client, keyed(0, 1, 2, amount=0.25))
    assert probabilities(answer) == small.scorer.predict_probability(expected).tolist()


def test_stored_features_may_be_given_and_the_rest_computed(start: Start, rows: np.ndarray) -> None:
    client, small = start()
    stored = [{name: row[name] for name in ("bill", "credit", "lateness")} for row in as_records(rows)]
    assert probabilities(ask(client, {"inputs": stored})) == small.scorer.predict_probability(rows).tolist()


def test_a_number_given_stands_above_the_stored_one_and_null_does_not(
    start: Start, store: OnlineStore, rows: np.ndarray
) -> None:
    client, small = start(store)
    expected = rows[:2].copy()
    expected[0, 2] = 0.9
    body = {"dataframe_records": [{"account": 0, "lateness": 0.9}, {"account": 1, "lateness": None}]}
    assert probabilities(ask(client, body)) == small.scorer.predict_probability(expected).tolist()


def test_an_unknown_key_is_refused_or_scored_and_marked(start: Start, store: OnlineStore) -> None:
    answer = ask(start(store)[0], keyed(0, 10**9))
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "row(s) 1 (no_feature_row)." in answer.json()["message"]
    assert str(10**9) not in answer.text
    lenient, small = start(store, look_up={"unknown_key": "score"})
    answer = ask(lenient, keyed(0, 10**9))
    assert probabilities(answer)[1:] == small.scorer.predict_probability(np.full((1, 4), np.nan)).tolist()
    assert [row.get("status") for row in answer.json()["predictions"]] == [None, "no_feature_row"]
    assert answer.headers["warning"] == '299 - "no_feature_row: row(s) 1"'


def test_a_key_whose_values_are_too_old_is_as_unknown_as_another(start: Start, store: OnlineStore) -> None:
    answer = ask(start(store, look_up={"max_age_days": 30})[0], keyed(1))
    assert (answer.status_code, "(no_feature_row)" in answer.text) == (404, True)


def test_features_of_the_request_make_no_entity_known(start: Start, store: OnlineStore) -> None:
    client, _ = start(store)
    assert ask(client, keyed(10**9, amount=1.0)).status_code == 404
    assert ask(client, keyed(10**9, bill=0.5, credit=0.5)).status_code == 404
    assert ask(client, keyed(10**9, bill=0.5, credit=0.5, lateness=0.1)).status_code == 200
    assert "(account_type)" in ask(client, keyed("1.0", bill=0.5, credit=0.5, lateness=0.1)).text
    empty = ask(client, {"inputs": {"bill": None, "credit": None, "lateness": None}})
    assert (empty.status_code, "(no_feature_row)" in empty.text) == (400, True)


def start_experiment(start: Start, store: OnlineStore, unit: str = "account") -> AsgiClient:
    """Return a client of an endpoint that divides accounts, or other units, evenly between two versions."""
    client, small = start(store, split={"kind": "ab", "salt": "s", "unit": unit})
    entities = ("champion", "challenger")
    routes = tuple(Route(served_entity_name=name, traffic_percentage=50) for name in entities)
    small.endpoint.configure(replace(small.endpoint.state.config, routes=routes))
    small.endpoint.serve(serve_version(small.files, "2", "challenger"))
    return client


def test_rows_of_an_experiment_are_named_by_their_place_in_the_request(start: Start, store: OnlineStore) -> None:
    client = start_experiment(start, store)
    known = ask(client, keyed(*range(20)))
    assert len(known.headers["served-model-name"].split(",")) == 2
    for place in (3, 7, 12):
        accounts: list[Any] = list(range(20))
        accounts[place] = 10**9
        assert f"row(s) {place} (no_feature_row)" in ask(client, keyed(*accounts)).text
        body = keyed(*range(20))
        body["dataframe_records"][place]["amount"] = "much"
        assert f"'amount', row {place}:" in ask(client, body).text


def test_every_spelling_of_a_key_gets_one_variant(start: Start, store: OnlineStore) -> None:
    client = start_experiment(start, store)
    seen = set()
    for account in range(1, 25):
        spellings = (account, float(account), str(account), f"0{account}", f" {account} ", f"+{account}")
        body = {**keyed(*spellings), "params": {"details": True}}
        served = [row["served_entity"] for row in ask(client, body).json()["predictions"]]
        assert len(set(served)) == 1
        seen |= set(served)
    assert seen == {"champion", "challenger"}


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("a\ud800", "Column 'visit', row 1: text that UTF-8 has is expected, found half of a surrogate pair."),
        ([1], "Column 'visit', row 1: one value is expected, found a list or a dictionary."),
    ],
)
def test_a_unit_that_is_no_key_and_cannot_be_hashed_is_refused(
    start: Start, store: OnlineStore, rows: np.ndarray, unit: Any, message: str
) -> None:
    client = start_experiment(start, store, "visit")
    records = as_records(rows[:2])
    assert ask(client, {"dataframe_records": [{**row, "visit": "é😀"} for row in records]}).status_code == 200
    refused = ask(client, {"dataframe_records": [{**records[0], "visit": "a"}, {**records[1], "visit": unit}]})
    assert (refused.status_code, refused.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (keyed(None), "Column 'account', row 0: the key is null (account_not_null)."),
        (keyed(1, "x7"), "Column 'account', row 1: a whole number is expected, found text (account_type)."),
        (keyed(1.5), "Column 'account', row 0: a whole number is expected"),
        (keyed(2**70), "Column 'account', row 0: a whole number is expected"),
        (keyed(1, sum_asked=3), "Unknown column(s): sum_asked. Known beside the key: amount, bill"),
        (keyed(1, amount="much"), "Column 'amount', row 0: a number or null is expected, found text (amount_type)."),
        (keyed(1, amount="1_0"), "(amount_type)"),
        ({"dataframe_records": [{"amount": 1}]}, "Or give the key account alone"),
    ],
)
def test_what_is_wrong_is_named_by_column_and_row(client: AsgiClient, body: dict[str, Any], message: str) -> None:
    answer = ask(client, body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert "x7" not in answer.text
    assert "much" not in answer.text


def test_keys_may_come_as_python_clients_send_them(start: Start, store: OnlineStore) -> None:
    client, _ = start(store)
    assert probabilities(ask(client, keyed(3.0))) == probabilities(ask(client, keyed("3")))


def test_a_store_that_is_down_is_a_503(start: Start, store: OnlineStore) -> None:
    broken = BrokenStore(store)
    client, _ = start(broken)
    broken.broken = True
    answer = ask(client, keyed(1))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "Features cannot be looked up" in answer.json()["message"]
    broken.broken = False
    assert ask(client, keyed(1)).status_code == 200
    assert ask(client, {"dataframe_records": as_records(make_rows(1))}).status_code == 200


def test_an_endpoint_is_ready_once_a_key_can_be_answered(start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/online.db"
    store = OnlineStore(url, environment="prod")
    client, small = start(store)
    assert small.endpoint.look_up is not None
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert "boathouse features publish --view accounts --env prod" in answer.json()["look_up"]["late"]
    # It answers what brings all features, so that it is alive and need not be restarted.
    health = client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    fill_store(url, make_rows(2)).close()
    assert client.get("/ready").status_code == 503, "asked once a second"
    time.sleep(CHECK_S)
    assert client.get("/ready").json()["ready"]
    assert client.get("/health").json()["status"] == "ok"
    store.close()


def test_a_store_that_is_down_makes_an_endpoint_unready_unless_it_remembers(start: Start, store: OnlineStore) -> None:
    broken = BrokenStore(store)
    forgetful, _ = start(broken)
    mindful, _ = start(broken, look_up={"when_down": "last_known", "last_known_keys": 3})
    ask(mindful, keyed(5))
    broken.broken = True
    assert forgetful.get("/ready").status_code == 503
    assert mindful.get("/ready").status_code == 200
    silent, _ = start(broken, look_up={"when_down": "last_known", "last_known_keys": 3})
    assert silent.get("/ready").status_code == 503


def test_an_answer_does_not_tell_where_the_store_is(start: Start) -> None:
    url = "postgresql+psycopg://reader:secret@127.0.0.1:1/inner_database"
    store = OnlineStore(url, timeout_s=0.5)
    message = ask(start(store)[0], keyed(1)).json()["message"]
    store.close()
    assert "The online store does not answer (OperationalError)." in message
    assert not [word for word in ("127.0.0.1", "reader", "secret", "inner_database") if word in message]


def test_a_slow_store_is_not_waited_for_and_left_alone_for_a_while(start: Start, store: OnlineStore) -> None:
    slow = BrokenStore(store)
    client, _ = start(slow, look_up={"timeout_ms": 50})
    slow.delay_s = 0.2
    for _ in range(MOST_LATE):
        assert "did not answer within 50 ms" in ask(client, keyed(1)).json()["message"]
    assert "has just not answered" in ask(client, keyed(1)).json()["message"]
    assert f"boathouse_look_up_failures_total {MOST_LATE}" in client.get("/metrics").text
    assert client.get("/ready").status_code == 503
    slow.delay_s = 0
    time.sleep(CHECK_S)
    # Asking whether it is ready finds the store back, for requests too.
    assert client.get("/ready").status_code == 200
    assert ask(client, keyed(1)).status_code == 200


def test_one_look_up_that_is_out_of_time_does_not_close_the_store_for_others(start: Start, store: OnlineStore) -> None:
    slow = BrokenStore(store)
    slow.slow_key = (7,)
    client, _ = start(slow, look_up={"timeout_ms": 50})
    for _ in range(MOST_LATE - 1):
        assert ask(client, keyed(7)).status_code == 503
    assert ask(client, keyed(1)).status_code == 200
    many = [7, *range(30)] * 10
    for _ in range(MOST_LATE + 1):
        assert ask(client, keyed(*many)).status_code == 503
    assert ask(client, keyed(1)).status_code == 200


def test_as_many_keys_as_a_request_may_have_rows_are_looked_up_in_parts(start: Start, store: OnlineStore) -> None:
    counting = BrokenStore(store)
    counting.delay_s = 0.02
    client, small = start(counting)
    accounts = [row % 60 for row in range(small.endpoint.state.config.limits.max_rows)]
    answer = ask(client, keyed(*accounts))
    assert answer.status_code == 200
    # In parts that take longer together than one look-up may.
    assert max(counting.asked) == PART_KEYS
    assert len(counting.asked) * counting.delay_s * 1000 > small.endpoint.state.config.look_up.timeout_ms
    found = probabilities(answer)
    assert (len(found), found[:60]) == (len(accounts), found[60:120])
    assert found[:3] == probabilities(ask(client, keyed(0, 1, 2)))


@pytest.mark.postgres
def test_a_killed_server_fails_look_ups_alone_and_is_found_again(
    start: Start, postgres: PostgresServer, rows: np.ndarray
) -> None:
    url = postgres.make_database()
    fill_store(url, rows).close()
    store = OnlineStore(url, timeout_s=0.5)
    client, _ = start(store, look_up={"timeout_ms": 500})
    assert (ask(client, keyed(1)).status_code, client.get("/ready").status_code) == (200, 200)
    postgres.kill()
    try:
        assert [ask(client, keyed(1)).status_code for _ in range(MOST_LATE + 1)] == [503] * (MOST_LATE + 1)
        assert ask(client, {"dataframe_records": as_records(rows[:1])}).status_code == 200
        time.sleep(CHECK_S)
        assert client.get("/ready").status_code == 503
    finally:
        postgres.start()
    time.sleep(CHECK_S)
    assert client.get("/ready").status_code == 200
    assert ask(client, keyed(*range(len(rows)))).status_code == 200
    store.close()


def test_last_known_values_answer_when_declared_and_are_marked(start: Start, store: OnlineStore) -> None:
    broken = BrokenStore(store)
    client, small = start(broken, look_up={"when_down": "last_known", "last_known_keys": 3})
    fresh = ask(client, keyed(5, 6))
    broken.broken = True
    marked = ask(client, keyed(6, 5))
    assert marked.json()["features"] == "last_known"
    assert marked.headers["feature-source"] == "last-known"
    assert "feature-source" not in fresh.headers
    assert probabilities(marked) == probabilities(fresh)[::-1]
    assert ask(client, keyed(5, 7)).status_code == 503
    broken.broken = False
    ask(client, keyed(1, 2, 3))
    broken.broken = True
    assert ask(client, keyed(5)).status_code == 503
    assert small.service.metrics.render([], [], 0).count(b"boathouse_last_known_answers_total 1") == 1


def test_last_known_values_have_an_age(start: Start, store: OnlineStore) -> None:
    broken = BrokenStore(store)
    client, _ = start(broken, look_up={"when_down": "last_known", "max_stale_s": 0})
    ask(client, keyed(5))
    broken.broken = True
    assert ask(client, keyed(5)).status_code == 503


def test_a_failure_of_the_store_is_none_of_the_model_that_would_have_answered(start: Start, store: OnlineStore) -> None:
    broken, logged = BrokenStore(store), list[LogEntry]()
    client, small = start(broken)
    small.service.logs = {"late": SimpleNamespace(record=lambda entry: not logged.append(entry))}
    ask(client, keyed(5))
    broken.broken = True
    assert ask(client, keyed(5)).status_code == 503
    small.endpoint.withdraw("champion")
    assert ask(client, {"dataframe_records": as_records(make_rows(1))}).status_code == 503
    assert [(each.status_code, each.served_entity_id) for each in logged] == [
        (200, "champion"),
        (503, None),
        # An entity without a model is a failure of its own.
        (503, "champion"),
    ]


def test_features_are_answered_alone(client: AsgiClient, rows: np.ndarray) -> None:
    answer = ask(client, keyed(1, 0, amount=0.5), "/feature-serving/late/invocations")
    expected = rows[[1, 0]].copy()
    expected[:, 3] = use_after(expected[:, 0], expected[:, 1], np.array([0.5, 0.5]))
    assert answer.json()["outputs"] == [
        {"account": account, **record} for account, record in zip((1, 0), as_records(expected), strict=True)
    ]
    unknown = ask(client, keyed("0001", 10**9), "/feature-serving/late/invocations").json()["outputs"]
    assert [(row["account"], row.get("status")) for row in unknown] == [(1, None), (10**9, "no_feature_row")]


def test_published_predictions_are_answered_by_key(start: Start, tmp_path: Path) -> None:
    store = fill_store(f"sqlite:///{tmp_path}/online.db", make_rows(2))
    client, _ = start(store)
    path = "/precomputed/late/invocations"
    refused = ask(client, keyed(1), path)
    assert refused.status_code == 503
    assert "boathouse features publish-predictions" in refused.json()["message"]
    view = prediction_view(NAME, (("account", "bigint"),))
    store.publish_full(view, [(1, OBSERVED, 0.75, 1.0, 3.0)], source_version=1)
    nothing = {"probability": None, "decision": None, "model_version": None, "predicted_as_of": None}
    assert ask(client, keyed(1, 2), path).json()["predictions"] == [
        {"account": 1, "probability": 0.75, "decision": 1, "model_version": "3", "predicted_as_of": "2020-01-01"},
        {"account": 2, **nothing},
    ]
    store.close()


def test_predictions_of_another_task_are_answered_with_its_columns(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = Outputs(
        task="binary",
        columns=tuple(
            OutputColumn(name=name, dtype=dtype, signature="double", description="")
            for name, dtype in (("points", "double"), ("rank", "int"), ("spread", "double"))
        ),
        compute=lambda spec, numbers: (numbers, numbers, numbers),
        find_explained=lambda spec, answer: answer[0] > 0,
    )
    monkeypatch.setitem(OUTPUTS, "binary", outputs)
    store = fill_store(f"sqlite:///{tmp_path}/online.db", make_rows(2))
    client, _ = start(store)
    view = prediction_view(NAME, (("account", "bigint"),), outputs)
    assert view.features == ("points", "rank", "spread", "model_version")
    store.publish_full(view, [(1, OBSERVED, 12.5, 4.0, None, 3.0)], source_version=1)
    made = {"points": 12.5, "rank": 4, "spread": None, "model_version": "3", "predicted_as_of": "2020-01-01"}
    assert ask(client, keyed(1, 2), "/precomputed/late/invocations").json()["predictions"] == [
        {"account": 1, **made},
        {"account": 2, **dict.fromkeys(made)},
    ]
    store.close()


def test_ranges_are_checked_where_values_are_given(start: Start, store: OnlineStore) -> None:
    client, _ = start(store, input={"ranges": {"lateness": [0, 0.5], "amount": [0, 10]}})
    answer = ask(client, {"dataframe_records": as_records(np.array([[0.1, 0.1, 0.4, 1.0], [0.1, 0.1, 7.5, 1.0]]))})
    assert answer.status_code == 400
    assert answer.json()["message"] == "Column 'lateness', row 1: outside of its range, 0 to 0.5 (lateness_in_range)."
    assert "amount', row 0" in ask(client, keyed(1, amount=11)).json()["message"]
    assert ask(client, json.loads(json.dumps(keyed(1, amount=10)))).status_code == 200


def test_a_result_that_is_infinite_is_refused(start: Start, store: OnlineStore) -> None:
    client, _ = start(store)
    body = {"inputs": [{"bill": 1, "credit": 1, "lateness": 0}, {"bill": 1, "credit": 0, "lateness": 0}]}
    answer = ask(client, {**body, "params": {"explain": True}})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Feature 'used_after', row 1: it is infinite")


@pytest.mark.parametrize("value", [1e39, -1e300, "1e39", 10**400])
def test_a_number_beyond_single_precision_is_refused(client: AsgiClient, value: Any) -> None:
    body = {"inputs": {"bill": value, "credit": 1, "lateness": 0}, "params": {"explain": True}}
    answer = ask(client, body)
    assert answer.status_code == 400
    assert "Column 'bill', row 0: a number or null is expected" in answer.json()["message"]
