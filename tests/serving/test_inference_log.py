"""The inference log: nothing acknowledged is lost or doubled, and no answer waits for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from boathouse.endpoints.keyed_hash import VARIABLE, hash_value, read_salt
from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.endpoints.options import LogOptions
from boathouse.serving.inference_log import InferenceLog
from boathouse.serving.log_journal import acquire_slot
from boathouse.serving.log_table import LogTable
from boathouse.serving.worker import ServedUseCase, Worker
from tests.fixtures.log_entries import MOMENT, entry, ids, line, rows

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_has_the_columns_of_the_platform(make_log: Callable[..., InferenceLog], tmp_path: Path) -> None:
    log = make_log()
    assert log.record(entry(1, client_request_id="mine", requester="desk", model_version="3"))
    assert log.flush()
    assert rows(tmp_path) == [
        {
            "databricks_request_id": "request-1",
            "client_request_id": "mine",
            "request_date": date(2026, 3, 31),
            "request_time": MOMENT,
            "status_code": 200,
            "sampling_fraction": 1.0,
            "execution_duration_ms": 1,
            "request": '{"dataframe_records":[{"key":1,"a":1.5}]}',
            "response": '{"predictions":[{"probability":0.25}]}',
            "served_entity_id": "champion",
            "model_version": "3",
            "logging_error_codes": [],
            "requester": "desk",
            "endpoint": "late",
            "mode": "answer",
            "looked_up": None,
        }
    ]
    assert DeltaTable(str(tmp_path / "table")).metadata().partition_columns == ["request_date"]
    stored = DeltaTable(str(tmp_path / "table")).schema().fields
    assert [(field.name, field.nullable) for field in stored] == [(c.name, c.nullable) for c in ENDPOINT_LOG.columns]


def test_personal_values_never_touch_the_disk(make_log: Callable[..., InferenceLog], tmp_path: Path) -> None:
    # The table cannot be made where a file is: everything stays in the journal.
    (tmp_path / "table").write_text("in the way")
    log = make_log(personal_columns=("key",))
    log.record(entry(987654321))
    log.record(entry(2, request="key=987654321, no JSON"))
    assert not log.flush(timeout_s=0.5)
    text = "".join(path.read_text() for path in (tmp_path / "journal").rglob("*.jsonl"))
    assert hash_value(987654321, read_salt(tmp_path / "journal")) in text
    assert 'key\\":987654321' not in text
    assert "no JSON" not in text
    assert "PAYLOAD_NOT_READABLE" in text
    (tmp_path / "table").unlink()


@pytest.mark.parametrize("policy", ["keep", "hash"])
def test_the_key_of_a_person_is_hashed_whatever_the_options(
    make_log: Callable[..., InferenceLog], tmp_path: Path, policy: str
) -> None:
    log = make_log(always_hidden=("key",), personal_policy=policy)
    log.record(entry(987654321))
    log.use(LogOptions(personal_columns=("a",), personal_policy="keep"))
    log.record(entry(987654321))
    assert log.flush()
    hashed = hash_value(987654321, read_salt(tmp_path / "journal"))
    assert [json.loads(row["request"])["dataframe_records"] for row in rows(tmp_path)] == [
        [{"key": hashed, "a": 1.5}],
        [{"key": hashed, "a": 1.5}],
    ]


def test_a_worker_logs_no_key_of_a_person(tmp_path: Path) -> None:
    worker: Any = Worker.__new__(Worker)
    worker._setup = SimpleNamespace(log_table=str(tmp_path / "table"), log_journal=str(tmp_path / "journal"))
    worker._logs, worker._use_case = {}, ServedUseCase(personal_keys=("person_id",))
    worker._configure_log("late", SimpleNamespace(log=LogOptions(personal_policy="keep")))
    log = worker._logs["late"]
    log.record(entry(1, request='{"dataframe_records":[{"person_id":987654321,"a":1.5}]}'))
    assert log.close()
    [row] = rows(tmp_path)
    hashed = hash_value(987654321, read_salt(tmp_path / "journal"))
    assert json.loads(row["request"]) == {"dataframe_records": [{"person_id": hashed, "a": 1.5}]}


def test_long_bodies_are_shortened_and_marked(make_log: Callable[..., InferenceLog], tmp_path: Path) -> None:
    log = make_log(max_payload_bytes=100)
    many = '{"predictions":[' + ",".join(['{"probability":0.25}'] * 50) + "]}"
    log.record(entry(1, request='{"inputs":"' + "x" * 200 + '"}', response=many))
    assert log.flush()
    [row] = rows(tmp_path)
    assert row["logging_error_codes"] == ["MAX_REQUEST_SIZE_EXCEEDED", "MAX_RESPONSE_SIZE_EXCEEDED"]
    assert row["request"] is None
    assert row["response"] == '{"predictions":[{"probability":0.25},{"probability":0.25},{"probability":0.25}]}'


def test_a_body_that_cannot_be_written_costs_no_other(make_log: Callable[..., InferenceLog], tmp_path: Path) -> None:
    log = make_log(personal_columns=("key",))
    log.record(entry(1, request='{"inputs":"\ud800"}'))
    log.record(entry(2, request="[" * 900 + "]" * 900))
    log.record(entry(3))
    assert log.flush()
    assert ids(tmp_path) == ["request-1", "request-2", "request-3"]
    first, second, _ = rows(tmp_path)
    assert json.loads(first["request"]) == {"inputs": hash_value(r"\ud800", read_salt(tmp_path / "journal"))}
    assert (second["request"], second["logging_error_codes"]) == (None, ["PAYLOAD_NOT_READABLE"])


def test_sampling_takes_the_same_requests_everywhere(make_log: Callable[..., InferenceLog], tmp_path: Path) -> None:
    for _ in range(2):
        log = make_log()
        for number in range(400):
            assert log.record(entry(number, sampling_fraction=0.25))
        assert log.flush()
        # Five standard deviations of a binomial count are 43.
        assert 57 <= log.counts.recorded <= 143
        assert log.counts.recorded + log.counts.not_sampled == 400
    found = ids(tmp_path)
    assert found[::2] == found[1::2]
    assert {row["sampling_fraction"] for row in rows(tmp_path)} == {0.25}


def test_a_full_queue_refuses_and_counts(make_log: Callable[..., InferenceLog]) -> None:
    log = make_log(queue_entries=3, start=False)
    assert [log.record(entry(number)) for number in range(5)] == [True, True, True, False, False]
    assert (log.counts.recorded, log.counts.dropped_full) == (3, 2)


def test_a_store_that_is_down_delays_no_answer(
    make_log: Callable[..., InferenceLog], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "table").write_text("in the way")
    log = make_log()
    for number in range(50):
        assert log.record(entry(number))
    assert not log.flush(timeout_s=0.3)
    assert log.counts.on_disk == 50
    assert log.counts.failed_commits >= 1
    assert caplog.text.count("cannot be written. Requests are answered") == 1
    (tmp_path / "table").unlink()
    assert log.flush()
    assert len(set(ids(tmp_path))) == len(ids(tmp_path)) == 50


def test_a_segment_that_is_there_again_adds_nothing(tmp_path: Path) -> None:
    slot = acquire_slot(tmp_path / "journal")
    slot.append(line(1) + line(2))
    slot.rotate()
    [segment] = slot.finished()
    table = LogTable(str(tmp_path / "table"))
    # As after a kill between the commit and the removal.
    assert [table.commit(segment), table.commit(segment)] == [2, 0]
    slot.release()


@pytest.mark.parametrize("tail", [b'{"databricks_request_id":"request-9"', b"\0\0\0", b'{"torn\n'])
def test_a_torn_line_costs_no_other(tmp_path: Path, tail: bytes) -> None:
    slot = acquire_slot(tmp_path / "journal")
    slot.append(line(1) + line(2) + tail)
    slot.rotate()
    assert LogTable(str(tmp_path / "table")).commit(slot.finished()[0]) == 2
    slot.release()


def test_processes_have_journals_of_their_own(tmp_path: Path) -> None:
    first, second = acquire_slot(tmp_path), acquire_slot(tmp_path)
    first.append(b"1\n")
    second.append(b"2\n")
    assert sorted(path.parent.name for path in tmp_path.rglob("*.jsonl")) == ["000", "001"]
    first.release()
    again = acquire_slot(tmp_path)
    assert [segment.number for segment in again.finished()] == [1]
    again.append(b"3\n")
    again.rotate()
    assert [segment.number for segment in again.finished()] == [1, 2]
    assert len({segment.application for segment in again.finished()}) == 1
    again.release()
    second.release()


def test_the_salt_is_kept_and_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_salt(tmp_path) == read_salt(tmp_path)
    assert (tmp_path / "salt").stat().st_mode & 0o077 == 0
    own = read_salt(tmp_path)
    monkeypatch.setenv(VARIABLE, "shared by all machines")
    assert read_salt(tmp_path) != own
    assert read_salt(tmp_path) == read_salt(tmp_path / "elsewhere")


def start_writer(tmp_path: Path, first: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.serving.log_writer", str(tmp_path), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_a_kill_loses_nothing_that_was_on_disk(
    make_log: Callable[..., InferenceLog], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acknowledged: set[str] = set()
    for start in (0, 1_000_000):
        with start_writer(tmp_path, start, 1_000_000) as writer:
            assert writer.stdout is not None
            for text in writer.stdout:
                acknowledged.update(text.split())
                if len(acknowledged) > 600 * (1 + bool(start)):
                    break
            writer.send_signal(signal.SIGKILL)
            acknowledged.update(writer.stdout.read().rpartition("\n")[0].split())
    log = make_log()
    assert log.flush()
    found = ids(tmp_path)
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert "requests of its last 0.02 s may be missing" in caplog.text
    assert not list((tmp_path / "journal").rglob("*.jsonl"))


def test_several_processes_write_while_the_table_is_compacted(tmp_path: Path) -> None:
    compacted = 0
    with start_writer(tmp_path, 0, 1_500) as first, start_writer(tmp_path, 10_000, 1_500) as second:
        while first.poll() is None or second.poll() is None:
            if DeltaTable.is_deltatable(str(tmp_path / "table")):
                compacted += LogTable(str(tmp_path / "table")).compact()["numFilesRemoved"]
            time.sleep(0.05)
    assert (first.returncode, second.returncode) == (0, 0)
    assert ids(tmp_path) == [f"request-{number}" for start in (0, 10_000) for number in range(start, start + 1_500)]
    assert compacted > 0


def test_importing_the_log_needs_no_spark_and_no_pandas() -> None:
    code = (
        "import sys, boathouse.serving.inference_log, boathouse.endpoints.routing;"
        "heavy = {'pandas', 'pyspark', 'deltalake', 'pyarrow', 'mlflow', 'kedro'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
