"""A stream over Spark Connect: its batches are answered in another process, and what is left is in the tables alone."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from kedro.io import DatasetError

from boathouse.errors import StreamError, TableError
from tests.fixtures.request_stream import FIRST, SECOND
from tests.rehearsal.connect.stream_program import FOLDER, DyingTable, NamedRequests, refuse_to_score

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.platform, pytest.mark.spark]
_ATTEMPTS = 4
# By hand: of the first commit e1 and e2 are answered, of the second e130 once.
ANSWERS = [("e1", 1.0, 0), ("e130", 1 / 130, 1), ("e2", 0.5, 0)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the answering process finds its orders."""
    monkeypatch.setenv(FOLDER, tmp_path.as_posix())
    monkeypatch.setattr("boathouse.inference.datasets.EngineMarkedTable", DyingTable)
    return tmp_path


def run_in_halves(stream: NamedRequests) -> list[Any]:
    """Answer two commits, each in a run of its own; a run that ends early is started again."""
    for events in (FIRST, SECOND):
        stream.send(*events)
        run_again(stream.run)
    return stream.outcome()


def run_again(run: Callable[[], object]) -> None:
    """Run until it ends in order: on a busy machine Spark gives up a process that takes ten seconds to start."""
    ended = 0
    for _ in range(_ATTEMPTS):
        try:
            run()
        except DatasetError as error:
            if not re.search("stopped by its engine|failed to connect back", str(error)):
                raise
            ended += "stopped by its engine" in str(error)
            if ended > 1:
                raise
        else:
            return
    pytest.fail("Spark gave up a process of Python that took more than ten seconds to start, four times.")


def test_batches_are_answered_once_wherever_their_process_ends(platform: dict[str, str], folder: Path) -> None:
    whole = run_in_halves(NamedRequests(platform, folder / "whole", "whole_stream"))
    assert whole[0] == ANSWERS
    processes = set((folder / "processes").read_text().split())
    assert str(os.getpid()) not in processes
    for stream, target in (("killed_dead", "killed_dead_dead_letters"), ("killed_answers", "killed_answers")):
        (folder / f"end_after_{target}").touch()
        assert run_in_halves(NamedRequests(platform, folder / stream, stream)) == whole, target
        assert not (folder / f"end_after_{target}").exists()


def test_a_run_without_new_requests_writes_nothing(platform: dict[str, str], folder: Path) -> None:
    stream = NamedRequests(platform, folder / "again", "again_stream")
    stream.send(*FIRST)
    run_again(stream.run)
    dataset = stream.dataset()
    run_again(lambda: dataset.save(stream.plan()))
    assert dataset.rows_written == 0
    stream.send(*SECOND)
    run_again(lambda: dataset.save(stream.plan()))
    assert (dataset.rows_written, dataset.last_written and dataset.last_written.rows) == (1, 3)


def test_an_error_of_the_project_comes_back_as_it_was(platform: dict[str, str], folder: Path) -> None:
    stream = NamedRequests(platform, folder / "refused", "refused_stream")
    stream.score = refuse_to_score
    stream.send(*FIRST)
    with pytest.raises(DatasetError, match="columns are not") as found:
        run_again(stream.run)
    assert type(found.value.__cause__) is TableError
    assert str(found.value.__cause__) == 'The columns are not "those".\n  + a: int (unexpected)\n  ~ b: \\ expected'


def test_a_stream_without_end_is_refused_on_serverless_before_anything_starts(
    platform: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "client.4.9")
    stream = NamedRequests(platform, folder / "endless", "endless_stream")
    stream.send(*FIRST)
    with pytest.raises(DatasetError, match="Set it to available_now") as found:
        stream.run(trigger="continuous")
    assert isinstance(found.value.__cause__, StreamError)
    assert stream.rows("inference.stream_predictions") == []
