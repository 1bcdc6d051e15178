"""The inference log under faults: no request, no folder and no table ends it, and nothing recorded is lost."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.endpoints.keyed_hash import read_salt
from boathouse.endpoints.log_contract import ENDPOINT_LOG
from boathouse.serving.inference_log import InferenceLog
from boathouse.serving.log_journal import acquire_slot
from boathouse.serving.log_redaction import Redactor
from boathouse.serving.log_table import LogTable
from tests.fixtures.log_entries import MOMENT, entry, ids, line, rows, wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("text", ["\ud800", "a\udfff\ud83d", "\0", "é" * 300, "\U0001f6a3"])
@pytest.mark.parametrize(
    "field", ["client_request_id", "request", "response", "requester", "endpoint", "served_entity_id", "model_version"]
)
def test_no_text_of_a_request_ends_the_log(
    make_log: Callable[..., InferenceLog], tmp_path: Path, text: str, field: str
) -> None:
    log = make_log(commit_seconds=60)
    log.record(entry(1, **{field: text}))
    log.record(entry(2))
    assert log.flush()
    first, second = rows(tmp_path)
    assert first[field] == text.encode(errors="backslashreplace").decode()
    assert second["client_request_id"] is None
    assert log.problem == ""


class PanicError(BaseException):
    """What the library of the table raises when it fails: no Exception."""


@pytest.mark.parametrize("place", ["encode", "commit"])
def test_a_thread_that_ends_is_replaced_and_loses_nothing(
    make_log: Callable[..., InferenceLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    log = make_log()
    target, broken = (Redactor, True) if place == "encode" else (LogTable, True)
    working = getattr(target, place)

    def fail(*given: Any) -> Any:
        if broken:
            raise PanicError
        return working(*given)

    monkeypatch.setattr(target, place, fail)
    log.record(entry(1))
    wait_until(lambda: bool(log.problem))
    assert "PanicError" in log.problem
    broken = False
    log.record(entry(2))
    wait_until(lambda: log.counts.committed == 2)
    assert ids(tmp_path) == ["request-1", "request-2"]
    wait_until(lambda: not log.problem)


def test_a_thread_that_is_gone_is_seen_and_replaced(make_log: Callable[..., InferenceLog], tmp_path: Path) -> None:
    log = make_log()
    log._threads[0]._stopping.set()
    log._threads[0].join(10)
    log._threads[0]._stopping.clear()
    log.record(entry(1))
    log.watch()
    assert log.flush()
    assert ids(tmp_path) == ["request-1"]
    assert log._threads[0].failures == 1


@pytest.mark.parametrize("what", ["all", "slot", "segment"])
def test_a_journal_that_is_removed_is_made_again_with_what_it_held(
    make_log: Callable[..., InferenceLog], tmp_path: Path, what: str
) -> None:
    log = make_log(commit_seconds=60, personal_columns=("key",))
    log.record(entry(1))
    wait_until(lambda: log.counts.on_disk == 1)
    salt = read_salt(tmp_path / "journal")
    if what == "segment":
        [path] = (tmp_path / "journal").rglob("*.jsonl")
        path.unlink()
    else:
        shutil.rmtree(tmp_path / "journal" / ("000" if what == "slot" else ""))
    log.record(entry(2))
    assert log.flush()
    assert ids(tmp_path) == ["request-1", "request-2"]
    assert read_salt(tmp_path / "journal") == salt
    assert log.problem == ""


def test_a_journal_that_cannot_be_made_keeps_requests_answered_until_it_can(
    make_log: Callable[..., InferenceLog], tmp_path: Path
) -> None:
    (tmp_path / "journal").write_text("in the way")
    log = make_log()
    assert log.record(entry(1))
    assert not log.flush(timeout_s=0.2)
    assert "cannot be written (FileExistsError: File exists); entries wait in memory" in log.problem
    (tmp_path / "journal").unlink()
    assert log.flush()
    assert ids(tmp_path) == ["request-1"]
    assert log.problem == ""


@pytest.mark.parametrize("state", ["", "{", "null", '{"id": "x"}', '{"id": "x", "next": "many"}'])
def test_a_journal_with_a_broken_state_is_read_and_goes_on(
    make_log: Callable[..., InferenceLog], tmp_path: Path, state: str
) -> None:
    slot = acquire_slot(tmp_path / "journal")
    slot.append(line(1))
    slot.release()
    (tmp_path / "journal" / "000" / "state.json").write_text(state)
    (tmp_path / "journal" / "000" / "not-ours.jsonl").write_text("x")
    log = make_log()
    log.record(entry(2))
    assert log.flush()
    assert ids(tmp_path) == ["request-1", "request-2"]


@pytest.mark.parametrize("salt", ["", "zz" * 32, "00", "é"])
def test_a_broken_salt_is_a_problem_of_the_log_and_no_other_salt(
    make_log: Callable[..., InferenceLog], tmp_path: Path, salt: str
) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "salt").write_text(salt)
    log = make_log()
    log.record(entry(1))
    assert not log.flush(timeout_s=0.1)
    assert "does not hold 64 hexadecimal digits" in log.problem


def test_a_row_that_no_table_holds_keeps_no_other_from_it(tmp_path: Path) -> None:
    slot = acquire_slot(tmp_path / "journal")
    wrong = [b'{"databricks_request_id":"request-8","request_time":"yesterday"}\n', b'{"status_code":[1]}\n', b"[]\n"]
    slot.append(line(1) + wrong[0] + line(2) + wrong[1] + wrong[2])
    slot.rotate()
    assert LogTable(str(tmp_path / "table")).commit(slot.finished()[0]) == 2
    assert ids(tmp_path) == ["request-1", "request-2"]
    assert (tmp_path / "journal" / "000" / "rejected.jsonl").read_bytes() == wrong[0] + wrong[1]
    slot.release()


def test_a_table_of_an_older_release_gets_the_columns_it_lacks(
    make_log: Callable[..., InferenceLog], tmp_path: Path
) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    older = [field for field in ENDPOINT_LOG.arrow_schema if field.name not in {"mode", "model_version"}]
    schema = pa.schema([*older, pa.field("removed", pa.string())])
    row = {name: value for name, value in entry(1).to_row().items() if name in schema.names}
    row |= {"request_date": MOMENT.date(), "request_time": MOMENT, "removed": "x"}
    write_deltalake(str(tmp_path / "table"), pa.Table.from_pylist([row], schema), partition_by=["request_date"])
    log = make_log()
    log.record(entry(2))
    assert log.flush()
    found = [(row["databricks_request_id"], row["mode"], row["removed"]) for row in rows(tmp_path)]
    assert found == [("request-1", None, "x"), ("request-2", "answer", None)]


def test_a_table_with_other_types_is_named_and_loses_nothing(
    make_log: Callable[..., InferenceLog], tmp_path: Path
) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    write_deltalake(str(tmp_path / "table"), pa.table({"status_code": ["200"], "databricks_request_id": ["request-0"]}))
    log = make_log()
    log.record(entry(1))
    assert not log.flush(timeout_s=0.2)
    assert "status_code: string instead of int32" in log.problem
    shutil.rmtree(tmp_path / "table")
    assert log.flush()
    assert ids(tmp_path) == ["request-1"]
    assert log.problem == ""


def test_where_too_many_bytes_wait_rows_are_kept_without_bodies(
    make_log: Callable[..., InferenceLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boathouse.serving.inference_log._QUEUE_BYTES", 200)
    log = make_log(start=False)
    assert all(log.record(entry(number)) for number in range(4))
    assert log.counts.left_out > 0
    log.start()
    assert log.flush()
    found = rows(tmp_path)
    assert len(found) == 4
    assert found[0]["request"] is not None
    assert (found[3]["request"], found[3]["logging_error_codes"]) == (None, ["PAYLOAD_LEFT_OUT"])


def test_long_bodies_go_to_the_table_a_few_at_a_time(
    make_log: Callable[..., InferenceLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file of the journal is read whole, so its length is bounded, however much came in a second."""
    monkeypatch.setattr("boathouse.serving.inference_log._WRITTEN_BYTES", 4_000)
    monkeypatch.setattr("boathouse.serving.log_journal._SEGMENT_BYTES", 10_000)
    log = make_log(start=False, commit_seconds=60)
    body = '{"dataframe_records":[{"a":"' + "x" * 1_000 + '"}]}'
    assert all(log.record(entry(number, request=body)) for number in range(60))
    log.start()
    wait_until(lambda: log.counts.on_disk == 60)
    lengths = [path.stat().st_size for path in (tmp_path / "journal").rglob("*.jsonl")]
    assert (len(lengths) > 4, max(lengths) < 20_000) == (True, True)
    assert log.flush()
    assert [row["request"] for row in rows(tmp_path)] == [body] * 60


def test_what_is_written_goes_to_the_table_though_there_is_always_more(
    make_log: Callable[..., InferenceLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boathouse.serving.inference_log._WRITTEN_BYTES", 1)
    log = make_log(start=False, commit_seconds=0)
    write, ended = log._write, []

    def write_and_record(entries: Any) -> bool:
        if log.counts.committed == 0 and not ended:
            log.record(entry(log.counts.recorded))
        return write(entries)

    monkeypatch.setattr(log, "_write", write_and_record)
    log.record(entry(0))
    log.start()
    try:
        wait_until(lambda: log.counts.committed > 0)
    finally:
        ended.append(True)


def test_a_full_disk_is_counted_and_survived(
    make_log: Callable[..., InferenceLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log(commit_seconds=60)
    log.record(entry(1))
    wait_until(lambda: log.counts.on_disk == 1)
    write, broken = os.write, True

    def refuse(handle: int, data: Any) -> int:
        # Half of the bytes get there first, as on a disk that fills up.
        if broken and threading.current_thread().name == "inference-log-journal":
            write(handle, bytes(data)[:20])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr("boathouse.serving.log_journal.os.write", refuse)
    log.record(entry(2))
    wait_until(lambda: log.counts.failed_writes >= 1)
    assert "No space left on device" in log.problem
    broken = False
    log.record(entry(3))
    assert log.flush()
    assert ids(tmp_path) == ["request-1", "request-2", "request-3"]
    assert log.problem == ""


def test_what_waits_for_a_full_disk_at_the_end_is_counted_as_lost(
    make_log: Callable[..., InferenceLog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = make_log()

    def refuse(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("boathouse.serving.log_journal._write_all", refuse)
    log.record(entry(1))
    assert not log.close()
    assert log.counts.dropped_disk == 1
    assert "1 entries of the inference log are lost" in caplog.text
