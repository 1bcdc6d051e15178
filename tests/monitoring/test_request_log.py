"""What is new in a log is taken once: while it is written, after kills, and where it was replaced or vacuumed."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from boathouse.endpoints.options import LogOptions
from boathouse.monitoring import request_log
from boathouse.monitoring.request_log import Position, RequestLog
from boathouse.monitoring.requests import REQUESTS, KeyNaming
from boathouse.serving.inference_log import InferenceLog
from boathouse.tables.location import TableLocation
from tests.fixtures.log_entries import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMING = KeyNaming(types=(("key", "bigint"),), salt=b"s" * 32)


class Logged:
    """A log in a lakehouse, and the rows that were taken from it."""

    def __init__(self, root: Path) -> None:
        self.source = TableLocation("test.inference.endpoint_log", "sail", root.as_posix())
        self.target = TableLocation("test.monitoring.requests", "sail", root.as_posix())
        self.log = InferenceLog(
            Path(str(self.source.path)), root / "journal", LogOptions(flush_seconds=0.02), commit_seconds=0.05
        )
        self.log.start()

    def write(self, *numbers: int, **changes: Any) -> None:
        for number in numbers:
            self.log.record(entry(number, **changes))
        assert self.log.flush()

    def update(self) -> int:
        return RequestLog(self.source, self.target, NAMING).update()

    def ids(self) -> list[str]:
        table = DeltaTable(str(self.target.path)).to_pyarrow_table(columns=["request_id"])
        return sorted(table["request_id"].to_pylist())

    def open_source(self) -> DeltaTable:
        return DeltaTable(str(self.source.path))


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    made = Logged(tmp_path)
    yield made
    made.log.close()


def names(*numbers: int) -> list[str]:
    return sorted(f"request-{number}" for number in numbers)


def test_without_a_log_nothing_is_done(tmp_path: Path) -> None:
    source, target = (
        TableLocation(f"test.{name}", "sail", tmp_path.as_posix()) for name in ("inference.endpoint_log", REQUESTS.name)
    )
    assert RequestLog(source, target, NAMING).update() == 0
    assert not Path(str(target.path)).exists()


def test_only_what_is_new_comes(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    logged.write(1, 2)
    assert logged.update() == 2
    assert logged.update() == 0
    logged.write(3)
    logged.write(4)
    read: list[int] = []
    whole = request_log.read_added
    monkeypatch.setattr(request_log, "read_added", lambda path, files: (read.append(len(files)), whole(path, files))[1])
    assert logged.update() == 2
    assert read == [2]
    assert logged.ids() == names(1, 2, 3, 4)
    rows = DeltaTable(str(logged.target.path)).to_pyarrow_table().to_pylist()
    assert {row["key"] for row in rows} == {NAMING.of_key([number]) for number in (1, 2, 3, 4)}


def test_a_log_that_is_read_in_parts_is_whole(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_MOST_ENTRIES", 2)
    for number in range(5):
        logged.write(number)
    assert logged.update() == 5
    for number in range(5, 8):
        logged.write(number)
    assert logged.update() == 3
    assert logged.ids() == names(*range(8))


def test_it_is_taken_once_while_it_is_written_and_by_two_at_once(logged: Logged) -> None:
    logged.write(0)
    done = threading.Event()
    faults: list[BaseException] = []

    def take() -> None:
        try:
            while not done.is_set():
                logged.update()
        except BaseException as error:  # noqa: BLE001 - told by the test
            faults.append(error)

    readers = [threading.Thread(target=take) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        logged.write(number)
    done.set()
    for reader in readers:
        reader.join()
    logged.update()
    assert not faults
    assert logged.ids() == names(*range(9))


@pytest.mark.parametrize("step", ["_choose_new", "_open"])
def test_a_run_that_ends_between_steps_loses_and_doubles_nothing(
    logged: Logged, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(request_log, "_MOST_ENTRIES", 1)
    logged.write(1)
    logged.write(2)
    real: Callable[..., Any] = getattr(RequestLog, step)
    for calls_left in range(6):
        left = iter(range(calls_left))

        def break_off(self: RequestLog, *args: Any, left: Any = left) -> Any:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return real(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(RequestLog, step, break_off)
            with contextlib.suppress(KeyboardInterrupt):
                logged.update()
    logged.update()
    assert logged.ids() == names(1, 2)


def test_a_log_that_was_compacted_and_vacuumed_adds_nothing_twice(logged: Logged) -> None:
    for number in (1, 2, 3):
        logged.write(number)
    logged.update()
    for number in (4, 5):
        logged.write(number)
    logged.open_source().optimize.compact()
    logged.open_source().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert logged.update() == 2
    logged.write(6)
    assert logged.update() == 1
    assert logged.ids() == names(1, 2, 3, 4, 5, 6)


def test_rows_that_were_deleted_or_rewritten_in_the_log_come_once(logged: Logged) -> None:
    logged.write(1, 2, 3)
    logged.update()
    logged.open_source().delete("databricks_request_id = 'request-2'")
    assert logged.update() == 0
    assert logged.ids() == names(1, 2, 3)


def test_a_log_that_was_moved_away_goes_on_with_the_next_one(logged: Logged) -> None:
    logged.write(1, 2)
    logged.update()
    shutil.rmtree(str(logged.source.path))
    assert logged.update() == 0
    logged.write(3)
    assert logged.update() == 1
    assert logged.ids() == names(1, 2, 3)


def test_a_log_that_was_restored_from_a_copy_and_went_on_loses_nothing(logged: Logged, tmp_path: Path) -> None:
    logged.write(1)
    shutil.copytree(str(logged.source.path), tmp_path / "copy")
    logged.write(2)
    logged.write(3)
    logged.update()
    shutil.rmtree(str(logged.source.path))
    shutil.copytree(tmp_path / "copy", str(logged.source.path))
    # Commits of the other history are of another second.
    time.sleep(1.1)
    for number in (4, 5, 6, 7):
        logged.write(number)
    assert logged.update() == 4
    assert logged.ids() == names(*range(1, 8))


def test_an_entry_that_is_no_entry_is_a_row(logged: Logged) -> None:
    logged.write(1, request="{cut off", response='{"predictions": [')
    logged.write(2, status_code=500, response='{"error_code": "INTERNAL"}')
    logged.write(3, served_entity_id=None)
    logged.update()
    rows = DeltaTable(str(logged.target.path)).to_pyarrow_table().to_pylist()
    assert {row["request_id"]: (row["error"], row["served_entity"]) for row in rows} == {
        "request-1": ("request_not_readable", "champion"),
        "request-2": ("request_failed", "champion"),
        "request-3": (None, "unknown"),
    }


def test_a_position_is_one_number_that_grows_with_the_version() -> None:
    positions = [Position(0, 2**32 - 1), Position(1, 0), Position(1, 7), Position(2**30, 1)]
    numbers = [each.number for each in positions]
    assert numbers == sorted(numbers)
    assert [Position.of_number(number) for number in numbers] == positions
    assert max(numbers) < 2**63
