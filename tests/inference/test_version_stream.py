"""A stream driven by the source's versions: what is answered, what becomes a dead letter, and what stops it."""

from __future__ import annotations

import itertools
import pathlib
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from kedro.io import DatasetError

from boathouse.errors import StreamError
from boathouse.inference import stream_targets
from tests.fixtures.request_stream import START, TABLES, RequestLakehouse, make_event, send_everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

DEAD, PROGRESS, ANSWERS = TABLES


@pytest.fixture
def lakehouse(tmp_path: Path, spark: SparkSession) -> RequestLakehouse:
    return RequestLakehouse(tmp_path, "sail")


def stopped(lakehouse: RequestLakehouse, **options: Any) -> str:
    """Run the stream and return the text of the StreamError that stops it."""
    with pytest.raises(DatasetError) as caught:
        lakehouse.run(**options)
    assert isinstance(caught.value.__cause__, StreamError)
    return str(caught.value.__cause__)


# By hand: e6 and e4 were made 124 and 126 minutes before e130 of an earlier batch, and an hour is allowed; e4 could
# not be scored before, so that it is no duplicate. NaN is no value, as null. e5's id is missing, so it
# is listed as 'None'. The second copy of e130 comes later by its time.
EXPECTED = [
    [("e1", 1.0, 0), ("e130", 1 / 130, 1), ("e131", 1 / 131, 2), ("e2", 0.5, 0), ("e3", 1 / 3, 2), ("e7", 1 / 7, 2)],
    [
        ("None", "broken", ["request_id_not_null"], 1),
        ("e130", "duplicate", [], 1),
        ("e133", "broken", ["requested_units_in_range"], 2),
        ("e2", "duplicate", [], 1),
        ("e3", "broken", ["shop_id_not_null"], 0),
        ("e4", "late", [], 2),
        ("e4", "unscorable", ["no_feature_row"], 0),
        ("e6", "late", [], 2),
        ("e7", "broken", ["requested_at_in_future"], 0),
    ],
    [(0, 5, 2, 2, 0, 0, 1), (1, 4, 1, 1, 2, 0, 0), (2, 6, 3, 1, 0, 2, 0)],
]


@pytest.mark.parametrize("most_versions", [1, 100])
def test_each_event_is_scored_or_quarantined_once(lakehouse: RequestLakehouse, most_versions: int) -> None:
    send_everything(lakehouse)
    lakehouse.run(most_versions=most_versions)
    assert lakehouse.outcome() == EXPECTED
    lakehouse.run()
    assert lakehouse.outcome() == EXPECTED


class Killed(BaseException):
    """Stands for a process that ends here."""


class Killer:
    """Counts the calls that leave something behind, and ends the process before or after one of them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at: tuple[int, str] | None = None
        import deltalake

        patch.setattr(deltalake, "write_deltalake", self._watch(deltalake.write_deltalake))
        patch.setattr(DeltaTable, "create", staticmethod(self._watch(DeltaTable.create)))

    def _watch(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            self.calls += 1
            number = self.calls
            if self.at == (number, "before"):
                raise Killed
            done = act(*args, **options)
            if self.at == (number, "after"):
                raise Killed
            return done

        return watched

    def arm(self, at: tuple[int, str] | None) -> None:
        self.calls, self.at = 0, at


@pytest.mark.parametrize("is_first", [True, False], ids=["first reading", "going on"])
def test_killed_at_any_step_and_restarted_the_stream_leaves_the_same(
    tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    base = RequestLakehouse(tmp_path / "base", "sail")
    send_everything(base)
    for table in TABLES if is_first else ():
        shutil.rmtree(base.path(table))
    killer = Killer(monkeypatch)

    def copy(name: str) -> RequestLakehouse:
        shutil.copytree(base.root, tmp_path / name)
        return RequestLakehouse(tmp_path / name, "sail")

    whole = copy("whole")
    whole.run(most_versions=2)
    expected, steps = whole.outcome(), killer.calls
    # Each of three targets is opened or created, and written.
    assert steps == 6
    if not is_first:
        assert expected == EXPECTED
    for step, moment in itertools.product(range(1, steps + 1), ("before", "after")):
        lakehouse = copy(f"{moment}{step}")
        killer.arm((step, moment))
        with pytest.raises(Killed):
            lakehouse.run(most_versions=2)
        killer.arm(None)
        # What is left is read in other portions than before.
        lakehouse.run(most_versions=1)
        assert lakehouse.outcome() == expected, (step, moment)


def test_killed_between_its_tables_more_requests_arrive_before_the_restart(
    lakehouse: RequestLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = Killer(monkeypatch)
    lakehouse.send(make_event(1), make_event(2, shop_id=None))
    lakehouse.run()
    lakehouse.send(make_event(3), make_event(4, shop_id=None))
    killer.arm((4, "after"))
    with pytest.raises(Killed):
        lakehouse.run()
    killer.arm(None)
    lakehouse.send(make_event(5), make_event(6, shop_id=None))
    lakehouse.run()
    answers, dead, progress = lakehouse.outcome()
    assert [row[0] for row in answers] == ["e1", "e3", "e5"]
    assert [row[0] for row in dead] == ["e2", "e4", "e6"]
    assert [row[:3] for row in progress] == [(0, 2, 1), (1, 2, 1), (2, 2, 1)]


def test_of_two_streams_at_once_one_writes_each_batch(
    lakehouse: RequestLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakehouse.send(make_event(1))
    lakehouse.run()
    lakehouse.send(make_event(2), make_event(3, shop_id=None))
    append, raced = stream_targets.PathMarkedTable.append, []

    def race(table: Any, rows: Any, *, upto: int) -> None:
        if not raced:
            raced.append(True)
            RequestLakehouse(lakehouse.root, "sail").run()
        append(table, rows, upto=upto)

    monkeypatch.setattr(stream_targets.PathMarkedTable, "append", race)
    lakehouse.run()
    assert [row["request_id"] for row in lakehouse.rows(ANSWERS)] == ["e1", "e2"]
    assert [row["request_id"] for row in lakehouse.rows(DEAD)] == ["e3"]
    assert sorted(row["events"] for row in lakehouse.rows(PROGRESS)) == [1, 2]


def test_after_a_lost_race_the_marks_are_read_again(
    lakehouse: RequestLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deltalake
    from deltalake.exceptions import CommitFailedError

    lakehouse.send(make_event(1), make_event(2, shop_id=None))
    write, lost = deltalake.write_deltalake, []

    def lose_once(*args: Any, **options: Any) -> None:
        # The second of the three targets meets another writer.
        lost.append(True)
        if len(lost) == 2:
            raise CommitFailedError
        write(*args, **options)

    monkeypatch.setattr(deltalake, "write_deltalake", lose_once)
    lakehouse.run()
    assert [len(lakehouse.rows(table)) for table in TABLES] == [1, 1, 1]


def test_a_commit_in_between_by_the_same_stream_is_a_conflict(lakehouse: RequestLakehouse) -> None:
    """The table was opened before the other's commit: its mark is then of no use, and the commit must fail."""
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import Transaction

    lakehouse.send(make_event(1))
    opened = [DeltaTable(str(lakehouse.path("inference.requests"))) for _ in range(2)]
    rows = opened[0].to_pyarrow_table()
    mark = CommitProperties(app_transactions=[Transaction("stream", 5)])
    write_deltalake(opened[0], rows, mode="append", commit_properties=mark)
    with pytest.raises(CommitFailedError):
        write_deltalake(opened[1], rows, mode="append", commit_properties=mark)


def test_progress_has_backlog_lag_and_watermark(lakehouse: RequestLakehouse) -> None:
    lakehouse.send(make_event(1))
    lakehouse.run()
    lakehouse.send(make_event(2), make_event(7))
    lakehouse.send(make_event(8), make_event(9), make_event(10))
    lakehouse.run(most_versions=1)
    rows = sorted(lakehouse.rows(PROGRESS), key=lambda row: row["source_batch"])
    assert [(row["backlog_batches"], row["backlog_events"]) for row in rows] == [(0, 0), (1, 3), (0, 0)]
    assert [row["watermark"] for row in rows] == [
        None,
        START + timedelta(minutes=1) - timedelta(hours=1),
        START + timedelta(minutes=7) - timedelta(hours=1),
    ]
    assert all(0 <= row["lag_s"] < 600 for row in rows)


def test_a_batch_is_logged_in_one_line_of_numbers(
    lakehouse: RequestLakehouse, caplog: pytest.LogCaptureFixture
) -> None:
    lakehouse.send(make_event(1), make_event(77, shop_id=None))
    with caplog.at_level("INFO", "boathouse.stream"):
        lakehouse.run()
    assert caplog.messages == [
        "test.inference.requests, batch 0: 1 scored, 1 broken; backlog 0 batch(es), 0 request(s)"
    ]


def test_a_continuous_stream_waits_for_requests_and_ends_when_idle(
    lakehouse: RequestLakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from boathouse.inference import version_stream

    lakehouse.send(make_event(1))
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 1:
            lakehouse.send(make_event(2))

    now = itertools.count(0, 10.0)
    monkeypatch.setattr(version_stream.time, "sleep", nap)
    monkeypatch.setattr(version_stream.time, "monotonic", lambda: next(now))
    lakehouse.run(trigger="continuous", interval_s=0.5, stop_when_idle_s=25.0)
    assert [row["request_id"] for row in lakehouse.rows(ANSWERS)] == ["e1", "e2"]
    assert set(naps) == {0.5}


def test_another_name_starts_from_the_beginning_and_answers_nothing_twice(lakehouse: RequestLakehouse) -> None:
    lakehouse.send(make_event(1))
    lakehouse.run()
    lakehouse.send(make_event(2))
    lakehouse.run(name="second")
    assert [row["request_id"] for row in lakehouse.rows(ANSWERS)] == ["e1", "e2"]
    assert [(row["request_id"], row["kind"]) for row in lakehouse.rows(DEAD)] == [("e1", "duplicate")]


def test_compacting_the_source_brings_no_events(lakehouse: RequestLakehouse) -> None:
    lakehouse.send(make_event(1))
    lakehouse.run()
    lakehouse.send(make_event(2))
    DeltaTable(str(lakehouse.path("inference.requests"))).optimize.compact()
    lakehouse.run()
    assert [row["request_id"] for row in lakehouse.rows(ANSWERS)] == ["e1", "e2"]


def test_a_partitioned_source_is_read_with_its_partition_values(lakehouse: RequestLakehouse) -> None:
    lakehouse.send(make_event(1), partition_by=["shop_id", "_batch_id"])
    lakehouse.run()
    lakehouse.send(make_event(2, _batch_id="a b"), make_event(3, shop_id=None))
    lakehouse.run()
    assert [row["shop_id"] for row in lakehouse.rows(ANSWERS)] == [1, 2]
    assert [row["shop_id"] for row in lakehouse.rows(DEAD)] == [None]


class TestStops:
    """What stops a stream, after it has answered what came before."""

    @pytest.fixture(autouse=True)
    def begin(self, lakehouse: RequestLakehouse) -> None:
        lakehouse.send(make_event(1))
        lakehouse.run()
        lakehouse.send(make_event(2))

    def check(self, lakehouse: RequestLakehouse, *words: str) -> None:
        message = stopped(lakehouse)
        for word in words:
            assert word in message
        assert [row["request_id"] for row in lakehouse.rows(ANSWERS)] == ["e1", "e2"]

    def test_a_column_more(self, lakehouse: RequestLakehouse) -> None:
        more = pa.table({"request_id": ["e3"], "channel": ["web"]})
        write_deltalake(lakehouse.path("inference.requests"), more, mode="append", schema_mode="merge")
        self.check(lakehouse, "+ channel: string (unexpected)", "'test.inference.requests'", "version 2")

    def test_a_column_of_another_type_from_the_start(self, tmp_path: Path) -> None:
        lakehouse = RequestLakehouse(tmp_path / "other", "sail")
        lakehouse.path("inference.requests").parent.mkdir(parents=True)
        write_deltalake(lakehouse.path("inference.requests"), pa.table({"request_id": [1]}))
        message = stopped(lakehouse)
        assert "~ request_id: expected string, found bigint" in message
        assert "- shop_id: bigint (missing)" in message

    def test_overwritten(self, lakehouse: RequestLakehouse) -> None:
        lakehouse.send(make_event(3), mode="overwrite")
        self.check(lakehouse, "Version 2", "took rows away", "WRITE")

    def test_rows_deleted(self, lakehouse: RequestLakehouse) -> None:
        DeltaTable(str(lakehouse.path("inference.requests"))).delete("shop_id = 1")
        self.check(lakehouse, "took rows away", "DELETE")

    def test_files_gone(self, lakehouse: RequestLakehouse) -> None:
        lakehouse.send(make_event(3))
        table = DeltaTable(str(lakehouse.path("inference.requests")))
        newest = (set(table.file_uris()) - set(DeltaTable(table.table_uri, version=1).file_uris())).pop()
        pathlib.Path(newest).unlink()
        self.check(lakehouse, "1 file(s) that version 2 added", "vacuumed")

    def test_log_gone(self, lakehouse: RequestLakehouse) -> None:
        lakehouse.send(make_event(3))
        lakehouse.send(make_event(4))
        DeltaTable(str(lakehouse.path("inference.requests"))).create_checkpoint()
        (lakehouse.path("inference.requests") / "_delta_log" / f"{2:020d}.json").unlink()
        self.check(lakehouse, "no longer has version 2 (newest: 3)")

    def test_created_again(self, lakehouse: RequestLakehouse) -> None:
        lakehouse.run()
        shutil.rmtree(lakehouse.path("inference.requests"))
        lakehouse.send(make_event(3))
        self.check(lakehouse, "deleted and created again")


def test_without_a_source_the_message_names_it(lakehouse: RequestLakehouse) -> None:
    with pytest.raises(DatasetError, match=r"'test.inference.requests' does not exist.*--pipeline stream_inference"):
        lakehouse.run()
