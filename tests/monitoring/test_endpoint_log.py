"""From a request to a measure: the endpoint's own log, read on the engine, joined with labels by the hashed key."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from boathouse.endpoints.keyed_hash import find_salt
from boathouse.endpoints.options import LogOptions
from boathouse.modelling.task import BINARY
from boathouse.monitoring.datasets import LogSaltDataset, RequestTableDataset
from boathouse.monitoring.options import PerformanceOptions
from boathouse.monitoring.request_measures import (
    LabelColumns,
    collect_requests,
    compare_shadows,
    join_request_labels,
    measure_answers,
    measure_labelled,
)
from boathouse.monitoring.requests import KeyNaming
from boathouse.monitoring.service_options import ServiceOptions
from boathouse.monitoring.sources import AnswerColumns
from boathouse.serving.inference_log import InferenceLog
from tests.fixtures.asgi_client import AsgiClient
from tests.fixtures.small_endpoint import SmallEndpoint, fill_store, make_files, make_rows, serve_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

OBSERVED, KNOWN = date(2020, 1, 1), date(2020, 2, 1)
ACCOUNTS = 40
OPTIONS = ServiceOptions(
    window_days=28, cohorts=3, max_rows=100_000, minimum_requests=5, confidence=0.95, price_per_hour=1.0
)
PERFORMANCE = PerformanceOptions(
    minimum_rows=10,
    bootstraps=20,
    confidence=0.95,
    seed=1,
)
ANSWER = AnswerColumns(
    identity=("account", "observed_on"), time="observed_on", main="probability", decision="decision", period="month"
)
LABEL = LabelColumns(
    keys=("account",), time="observed_on", label="late", known_on=lambda _: KNOWN, task=BINARY, adverse=1
)
Asked = tuple[RequestTableDataset, KeyNaming, list[float]]


@pytest.fixture
def places(
    lakehouse: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> dict[str, str]:
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path))
    monkeypatch.delenv("BOATHOUSE_LOG_SALT", raising=False)
    return lakehouse("lakehouse")


@pytest.fixture
def asked(places: dict[str, str], tmp_path: Path) -> Iterator[Asked]:
    """Return the table of an endpoint that was asked for each account by key, once more for one, and in vain."""
    table = RequestTableDataset(
        table="test.monitoring.requests", source="test.inference.endpoint_log", lakehouse=places
    )
    journal = tmp_path / "endpoint_log/test"
    log = InferenceLog(
        Path(places["root"]) / "test/inference/endpoint_log",
        journal,
        LogOptions(flush_seconds=0.02),
        commit_seconds=0.05,
        always_hidden=("account",),
        key_types={"account": "bigint"},
    )
    log.start()
    store = fill_store(f"sqlite:///{tmp_path}/online.db", make_rows(ACCOUNTS))
    small = SmallEndpoint.build(tmp_path, store, split={"kind": "shadow", "mirrors": ["challenger"]})
    small.endpoint.serve(serve_version(make_files(1), "2", "challenger"))
    small.service.logs = {"late": log}
    client = AsgiClient(small.app)

    def ask(*accounts: int) -> Any:
        body = {"dataframe_records": [{"account": account} for account in accounts]}
        return client.post("/invocations", content=json.dumps(body), headers={"content-type": "application/json"})

    answers = [ask(*range(start, start + 10)) for start in range(0, ACCOUNTS, 10)]
    assert ask(7).status_code == 200
    assert ask(10_000).status_code == 404
    client.run(small.app.invocations.close())
    client.close()
    assert log.close()
    store.close()
    naming = KeyNaming(types=(("account", "bigint"),), hidden=frozenset({"account"}), salt=find_salt(journal))
    return table, naming, [each["probability"] for answer in answers for each in answer.json()["predictions"]]


def make_labels(spark: SparkSession) -> Any:
    rows = [(account, OBSERVED, int(account % 2), KNOWN) for account in [*range(ACCOUNTS), 99_999]]
    return spark.createDataFrame(rows, "account bigint, observed_on date, late int, label_known_on date")


def test_requests_become_rows_measures_and_performance(asked: Asked, spark: SparkSession) -> None:
    table, naming, probabilities = asked
    assert table.load() is None
    table.save(naming)
    assert table.rows_written == 2 * (ACCOUNTS + 1) + 1
    table.save(naming)
    assert table.rows_written == 0
    rows = collect_requests(table.load(), datetime.now(UTC), OPTIONS)
    answered = [row for row in rows if row["mode"] == "answer" and row["error"] is None]
    assert {row["key"] for row in answered} == {naming.of_key([account]) for account in range(ACCOUNTS)}
    assert {row["features_at"].date() for row in answered} == {OBSERVED}

    measures = measure_answers(rows, KNOWN, main="probability", period="month", options=OPTIONS)
    found = {(each.metric, each.scope, each.model_version, each.window.start): each.value for each in measures}
    cohort = date(2020, 1, 1)
    assert found["predictions", "all", "1", cohort] == ACCOUNTS + 1
    again = probabilities[7]
    mean = (sum(probabilities) + again) / (ACCOUNTS + 1)
    assert found["mean_probability", "all", "1", cohort] == pytest.approx(mean)
    assert found["failed_share", "all", "1", cohort] == 0
    assert [each.value for each in measures if each.metric == "failed_share" and each.model_version == "none"] == [1.0]

    shadows = {each.metric: each for each in compare_shadows(rows, KNOWN, columns=ANSWER, options=OPTIONS)}
    second = [row["score"] for row in rows if row["mode"] == "shadow"]
    difference = shadows["challenger_mean_difference"]
    assert difference.value == pytest.approx(np.mean(second) - mean)
    assert (difference.rows, difference.model_version, difference.compared_with) == (
        ACCOUNTS + 1,
        "2",
        "champion version 1",
    )

    before = join_request_labels(rows, make_labels(spark), date(2020, 1, 31), naming=naming, columns=LABEL)
    assert all(np.isnan(cohort.label).all() for group in before.values() for cohort in group)
    cohorts = join_request_labels(rows, make_labels(spark), KNOWN, naming=naming, columns=LABEL)
    [champion] = cohorts["late", "answer"]
    assert len(champion.label) == ACCOUNTS
    assert sorted(champion.answer["probability"][champion.label == 1]) == sorted(probabilities[1::2])
    figures = {
        each.metric: each
        for each in measure_labelled(cohorts, PERFORMANCE, columns=LABEL, period="month")
        if each.scope == "all"
    }
    assert (figures["labelled_share"].value, figures["observed_rate"].value) == (1.0, 0.5)
    brier = np.mean((np.array(probabilities) - np.arange(ACCOUNTS) % 2) ** 2)
    assert figures["brier"].value == pytest.approx(brier)
    assert figures["brier"].low <= brier <= figures["brier"].high


def test_features_of_the_log_are_those_of_the_store(asked: Asked) -> None:
    table, naming, _ = asked
    table.save(naming)
    stored = make_rows(ACCOUNTS)
    rows = {row["key"]: row for row in table.load().collect() if row["mode"] == "answer" and row["error"] is None}
    for account in range(ACCOUNTS):
        found = json.loads(rows[naming.of_key([account])]["looked_up"])
        expected = [None if np.isnan(value) else value for value in stored[account, :3]]
        assert list(found.values()) == expected


def test_the_salt_is_that_of_the_endpoint_and_is_never_made(
    asked: Asked, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    salt = LogSaltDataset(source="test.inference.endpoint_log", lakehouse=places)
    assert salt.load().value == asked[1].salt
    assert "value" not in repr(salt.load())
    monkeypatch.setenv("BOATHOUSE_DATA", str(tmp_path / "another"))
    assert salt.load().value is None
    assert not (tmp_path / "another").exists()
    assert LogSaltDataset(source="test.inference.other_log", lakehouse=places).load().value is None


def test_without_the_salt_no_label_is_joined(asked: Asked, spark: SparkSession) -> None:
    table, naming, _ = asked
    table.save(naming)
    rows = collect_requests(table.load(), datetime.now(UTC), OPTIONS)
    bare = KeyNaming(types=naming.types, hidden=naming.hidden)
    assert join_request_labels(rows, make_labels(spark), KNOWN, naming=bare, columns=LABEL) == {}


def test_requests_whose_clock_was_ahead_wait_and_hide_no_other(asked: Asked) -> None:
    table, naming, _ = asked
    table.save(naming)
    rows = table.load()
    assert collect_requests(rows, datetime(2020, 1, 1, tzinfo=UTC), OPTIONS) == []
    assert collect_requests(None, datetime.now(UTC), OPTIONS) == []
