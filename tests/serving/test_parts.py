"""Parts of the server that need no request: imports, messages, counts, groups of rows, the log."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boathouse.endpoints.log_contract import LogEntry
from boathouse.serving.access import AccessLog
from boathouse.serving.answers import Scores, encode_predictions
from boathouse.serving.endpoint import Endpoint, ScoredPart, group_rows, merge_scores
from boathouse.serving.metrics import BOUNDS, Metrics
from boathouse.serving.protocol import Message, read_message
from boathouse.serving.served_model import import_without
from boathouse.serving.threads import ScoringThreads
from tests.fixtures.small_endpoint import as_records, make_config, make_files, make_rows, serve_version
from tests.serving.conftest import Start
from tests.serving.test_app import RECORD, ask

HEAVY = {"deltalake", "kedro", "mlflow", "pandas", "polars", "pyspark", "sklearn"}


class Kept:
    """An inference log in memory."""

    def __init__(self, *, has_room: bool = True) -> None:
        self.entries: list[LogEntry] = []
        self.has_room = has_room

    def record(self, entry: LogEntry) -> bool:
        self.entries.append(entry)
        return self.has_room


def run_python(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_worker_that_scores_a_boosted_model_has_imported_nothing_heavy(tmp_path: Path) -> None:
    for name, content in make_files().items():
        (tmp_path / name).write_bytes(content)
    code = f"""
import sys, numpy, pathlib
import boathouse.serving.worker
from boathouse.serving.served_model import load_model
from boathouse.scoring.files import read_folder
files = read_folder(pathlib.Path({str(tmp_path)!r}))
files.pop("feature_spec.json"); files.pop("manifest.json")
from boathouse.scoring.files import seal_files
model = load_model("a", "b", "1", seal_files(files), on_demand=(), ranges={{}})
model.scorer.predict_probability(numpy.zeros((1, 4)))
print("scored", *sorted({HEAVY!r} & sys.modules.keys()))
import sklearn, pandas
print(sklearn.__name__)
"""
    assert run_python(code) == ["scored", "sklearn"]


def test_a_module_can_be_hidden_while_another_is_imported() -> None:
    code = """
from boathouse.serving.served_model import import_without
import sys
try:
    import_without("csv", ["_csv"])
except ImportError:
    print("hidden")
import csv
print("there")
"""
    assert run_python(code) == ["hidden", "there"]


def test_what_was_imported_before_stays() -> None:
    before = sys.modules["json"]
    assert import_without("json.decoder", ["json"]) is sys.modules["json.decoder"]
    assert sys.modules["json"] is before


@given(
    st.text(max_size=10),
    st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.text(max_size=5)),
    st.dictionaries(st.text(max_size=5), st.binary(max_size=50)),
)
def test_messages_arrive_as_they_were_sent(kind: str, content: dict[str, Any], files: dict[str, bytes]) -> None:
    message = Message(kind, content, files)

    async def send() -> list[Message | None]:
        reader = asyncio.StreamReader()
        reader.feed_data(message.encode() * 2 + message.encode()[:3])
        reader.feed_eof()
        return [await read_message(reader) for _ in range(3)]

    assert asyncio.run(send()) == [message, message, None]


def test_counts_of_workers_are_added_and_survive_one(tmp_path: Path) -> None:
    first, second = Metrics(tmp_path, 0), Metrics(tmp_path, 1)
    for metrics, seconds in ((first, 0.0004), (first, 0.004), (second, 20.0)):
        metrics.observe(("late", "champion", 200), seconds, 2)
    second.count("rejected")
    first.save()
    second.save()
    replaced = Metrics(tmp_path, 1)
    for each in (first, replaced):
        text = each.render([], [], 0).decode()
        assert 'requests_total{endpoint="late",served_entity="champion",status="200"} 3' in text
        assert 'rows_total{endpoint="late",served_entity="champion"} 6' in text
        assert f'bucket{{endpoint="late",served_entity="champion",le="{BOUNDS[0]}"}} 1' in text
        assert f'bucket{{endpoint="late",served_entity="champion",le="{BOUNDS[-1]}"}} 2' in text
        assert 'bucket{endpoint="late",served_entity="champion",le="+Inf"} 3' in text
        assert "boathouse_rejected_total 1" in text


def test_labels_are_escaped() -> None:
    text = Metrics().render([{"model": 'a"b\\c\nd'}], [], 0).decode()
    assert 'boathouse_model_info{model="a\\"b\\\\c\\nd"} 1' in text


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_rows_come_back_in_their_order(names: list[str]) -> None:
    groups = group_rows(names)
    assert sorted(row for rows in groups.values() for row in rows) == list(range(len(names)))
    assert list(groups) == list(dict.fromkeys(names))
    parts = [
        ScoredPart(
            Scores(
                {"score": np.array(rows, dtype=float), "kept": np.zeros(len(rows), np.int32)},
                [[str(row)] for row in rows],
            ),
            unknown=tuple(place for place, row in enumerate(rows) if row % 3 == 0),
        )
        for rows in groups.values()
    ]
    part = merge_scores(parts, list(groups.values()), len(names))
    assert list(part.unknown) == list(range(0, len(names), 3))
    merged = part.scores
    assert {name: values.dtype for name, values in merged.answer.items()} == (
        {"score": np.float64, "kept": np.int32} if names else {}
    )
    assert not names or merged.answer["score"].tolist() == list(range(len(names)))
    assert (merged.reasons or []) == [[str(row)] for row in range(len(names))]


def test_a_number_that_is_none_is_null_and_columns_keep_their_names_and_order() -> None:
    scores = Scores({"score": np.array([np.nan, 0.1]), "kept": np.array([0, 1], dtype=np.int32)})
    assert encode_predictions(scores) == (
        b'{"predictions": [{"score": null, "kept": 0, "reasons": "[]"}, {"score": 0.1, "kept": 1, "reasons": "[]"}]}'
    )


def test_an_answered_request_waits_for_others_in_the_log_and_an_event_does_not() -> None:
    stream = io.BytesIO()
    log = AccessLog(stream)
    log.request(status=200)
    assert stream.getvalue() == b""
    log.event("info", "stopping")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["request", "stopping"]
    quiet = AccessLog(stream := io.BytesIO(), requests=False)
    quiet.request(status=200)
    quiet.flush()
    assert stream.getvalue() == b""


def ab_test(**split: Any) -> dict[str, Any]:
    return {"split": {"kind": "ab", "unit": "account", "salt": "s", **split}}


def test_rows_of_a_request_are_divided_and_put_back(start: Start) -> None:
    client, small = start(**ab_test())
    small.endpoint.serve(serve_version(make_files(1), "2", "challenger"))
    document = small.endpoint.state.config.to_document()
    document["config"]["traffic_config"]["routes"] = [
        {"served_entity_name": name, "traffic_percentage": 50} for name in ("champion", "challenger")
    ]
    small.endpoint.configure(type(small.endpoint.state.config).from_document("late", document))
    kept = Kept()
    small.service.logs = {"late": kept}
    rows = [{**record, "account": number} for number, record in enumerate(as_records(make_rows(40)))]
    answer = ask(client, {"dataframe_records": rows, "params": {"details": True}})
    found = answer.json()["predictions"]
    assert {row["served_entity"] for row in found} == {"champion", "challenger"}
    for entity, model in small.endpoint.state.models.items():
        mine = [number for number, row in enumerate(found) if row["served_entity"] == entity]
        expected = model.scorer.predict_probability(make_rows(40)[mine]).tolist()
        assert [found[number]["probability"] for number in mine] == expected
    assert set(answer.headers["served-model-name"].split(",")) == {"champion", "challenger"}
    assert kept.entries[0].served_entity_id == ",".join(row["served_entity"] for row in found)
    assert kept.entries[0].model_version == ",".join(row["model_version"] for row in found)


def test_a_mirror_scores_a_copy_and_its_faults_reach_no_caller(start: Start) -> None:
    client, small = start(split={"kind": "shadow", "mirrors": ["challenger"]})
    kept = Kept()
    small.service.logs = {"late": kept}
    alone = ask(client, {"dataframe_records": [RECORD]})
    client.run(small.app.invocations.close())
    small.endpoint.serve(serve_version(make_files(1), "2", "challenger"))
    beside = ask(client, {"dataframe_records": [RECORD]})
    client.run(small.app.invocations.close())
    assert alone.content == beside.content
    assert [(entry.mode, entry.status_code, entry.served_entity_id) for entry in kept.entries] == [
        ("answer", 200, "champion"),
        ("shadow", 503, "challenger"),
        ("answer", 200, "champion"),
        ("shadow", 200, "challenger"),
    ]
    assert kept.entries[2].response != kept.entries[3].response
    assert kept.entries[2].databricks_request_id == kept.entries[3].databricks_request_id


def test_what_was_asked_and_answered_is_logged(start: Start) -> None:
    client, small = start()
    kept = Kept(has_room=False)
    small.service.logs = {"late": kept}
    good = ask(client, {"dataframe_records": [RECORD], "client_request_id": "mine"})
    bad = ask(client, {"dataframe_records": 3}, **{"x-request-id": "proxy-7"})
    first, second = kept.entries
    assert (first.client_request_id, second.client_request_id) == ("mine", "proxy-7")
    assert (first.databricks_request_id, second.databricks_request_id) == tuple(
        answer.headers["x-request-id"] for answer in (good, bad)
    )
    assert (first.status_code, second.status_code) == (200, 400)
    assert (first.response, second.response) == (good.text, bad.text)
    assert json.loads(first.request or "")["dataframe_records"] == [RECORD]
    assert "boathouse_log_dropped_total 2" in client.get("/metrics").text


def test_several_endpoints_are_asked_by_name_and_the_first_without(start: Start) -> None:
    client, small = start()
    other = Endpoint(make_config(), ScoringThreads(), None)
    other.serve(serve_version(make_files(5), "5"))
    small.service.endpoints["other"] = other
    paths = ("/invocations", "/serving-endpoints/late/invocations", "/serving-endpoints/other/invocations")
    answers = [ask(client, {"dataframe_records": [RECORD]}, path) for path in paths]
    assert [answer.headers["served-model-version"] for answer in answers] == ["1", "1", "5"]
    assert answers[0].json() == answers[1].json() != answers[2].json()


@pytest.mark.parametrize("kind", ["drain", "reload", "resume"])
def test_commands_go_to_the_supervisor(start: Start, kind: str) -> None:
    client, small = start()
    said: list[str] = []
    small.service.send = said.append
    token = small.service.access.tokens.create("admin", ["manage"])
    assert client.post(f"/manage/{kind}", headers={"authorization": f"Bearer {token}"}).status_code == 202
    assert said == [kind]
