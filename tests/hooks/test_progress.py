"""What a run shows: nodes, rows, seconds, and the last word."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import AbstractDataset, DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner, ThreadRunner
from rich.console import Console

from boathouse.errors import DataQualityError
from boathouse.hooks.failures import describe_failure
from boathouse.hooks.progress import ProgressHooks
from boathouse.hooks.progress_display import NodeLine, ProgressDisplay, add_rows, count_rows
from tests.fixtures.sample_project import FakeVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kedro.runner import AbstractRunner

    from tests.fixtures.sample_project import SampleProject


def test_a_run_shows_each_node_with_its_rows_and_ends_with_the_summary(
    tracked: SampleProject, capsys: pytest.CaptureFixture[str]
) -> None:
    tracked.run()
    shown = capsys.readouterr().out
    assert re.search(r"Boathouse .* all pipelines · env test · engine sail · 3 nodes", shown)
    assert re.search(r"\[1/3\] data_prep\.clean_numbers +5 → +4 rows +\d+\.\d s", shown)
    assert re.search(r"\[2/3\] training\.split_rows +4 → +3 rows", shown)
    assert re.search(r"\[3/3\] training\.train_model +3 → +– rows", shown)
    assert "champion of 3 rows" in shown
    assert "Where to look next" in shown


def test_threads_show_every_node_once(tracked: SampleProject, capsys: pytest.CaptureFixture[str]) -> None:
    tracked.run(runner=ThreadRunner())
    shown = capsys.readouterr().out
    assert re.findall(r"\[(\d)/3\]", shown) == ["1", "2", "3"]


def test_a_failed_run_names_the_node_and_how_to_go_on(
    tracked: SampleProject, fail_training: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    fail_training()
    with pytest.raises(DataQualityError) as caught:
        tracked.run("data_prep", "training", params={"training": {"split": {"share": 0.25}}})
    notes = "\n".join(caught.value.__notes__)
    assert "Failed in: training.train_model" in notes
    # The middle frame lived in memory only, so its producer runs again.
    assert "--from-nodes training.split_rows" in notes
    assert "--env test" in notes
    assert "--params training.split.share=0.25" in notes
    assert "[failed] training.train_model" in capsys.readouterr().out


def test_a_table_that_cannot_be_read_fails_the_node_that_reads_it(tracked: SampleProject) -> None:
    tracked.write(
        "test/catalog.yml",
        "clean.numbers: {type: tests.fixtures.sample_project.FakeTable, table: t, rows: 1, broken: true}",
    )
    with pytest.raises(DatasetError) as caught:
        tracked.run("training")
    notes = "\n".join(caught.value.__notes__)
    assert "Failed in: training.split_rows" in notes
    assert describe_failure(caught.value, with_traceback=False).startswith(
        "Error: raw.numbers is not there. Run data_prep."
    )


def test_a_resumed_run_starts_at_the_node_named(tracked: SampleProject, capsys: pytest.CaptureFixture[str]) -> None:
    tracked.run(from_nodes=["training.split_rows"])
    assert "[1/2] training.split_rows" in capsys.readouterr().out


class GrowingTable(AbstractDataset):
    """A table of which each save adds a slice; it knows its rows in all."""

    def __init__(self) -> None:
        self.last_written: FakeVersion | None = None

    def load(self) -> list[int]:
        return []

    def save(self, data: list[int]) -> None:
        rows = len(data) + (self.last_written.rows if self.last_written else 0)
        self.last_written = FakeVersion(table="t", version=1, rows=rows)

    def _describe(self) -> dict[str, object]:
        return {}


def yield_slices(fail: bool) -> Iterator[tuple[list[int], pa.Table]]:
    for rows in (3, 4, 5):
        yield [0] * rows, pa.table({"x": [0] * rows})
    if fail:
        message = "The fourth slice is broken."
        raise DataQualityError(message)


def run_slices(runner: AbstractRunner, *, fail: bool) -> str:
    """Return what is said of a run of one node that yields three slices and one that reads them."""
    nodes = [
        Node(yield_slices, "params:fail", ["scored", "kept"], name="score"),
        Node(len, "scored", "count", name="count"),
    ]
    catalog = DataCatalog({"scored": GrowingTable(), "kept": MemoryDataset(), "params:fail": MemoryDataset(fail)})
    hooks, manager = ProgressHooks(), _create_hook_manager()
    manager.register(hooks)
    pipeline = Pipeline(nodes)
    hooks.before_pipeline_run({"pipeline_names": ["p"]}, pipeline, catalog)
    try:
        runner.run(pipeline, catalog, hook_manager=manager)
    except DataQualityError as error:
        hooks.on_pipeline_error(error, {"pipeline_names": ["p"]}, pipeline, catalog)
        return "\n".join(error.__notes__)
    hooks.after_pipeline_run()
    return ""


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_a_node_that_yields_slices_is_shown_once_with_the_rows_of_all(
    runner: type[AbstractRunner], capsys: pytest.CaptureFixture[str]
) -> None:
    """A table's rows in all, 12, and the 12 of the slices that are kept in memory."""
    assert run_slices(runner(), fail=False) == ""
    shown = capsys.readouterr().out
    assert len(re.findall(r"\] score +– → +24 rows", shown)) == 1
    assert "Done: 2 nodes" in shown


def test_a_node_that_fails_after_some_slices_is_not_finished(capsys: pytest.CaptureFixture[str]) -> None:
    notes = run_slices(SequentialRunner(), fail=True)
    assert "Failed in: score" in notes
    assert "score" in notes.splitlines()[-1]
    assert "→ " not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows_in", "rows_out", "expected"),
    [
        (180_000, 179_500, "[ 3/23] data_prep.clean   " + "     180,000 →     179,500 rows     1.2 s"),
        (None, 0, "[ 3/23] data_prep.clean   " + "           – →           0 rows     1.2 s"),
    ],
)
def test_a_line_is_aligned(rows_in: int | None, rows_out: int | None, expected: str) -> None:
    line = NodeLine(
        number=3, total=23, name="data_prep.clean", rows_in=rows_in, rows_out=rows_out, seconds=1.23, width=18
    )
    assert line.render() == expected


def test_a_terminal_shows_what_runs_and_plain_output_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for is_terminal in (True, False):
        stream = io.StringIO()
        display = ProgressDisplay()
        console = Console(file=stream, force_terminal=is_terminal, width=80)
        monkeypatch.setattr(display, "_get_console", lambda console=console: console)
        display.show_running(["training.fit"])
        display.show("[1/2] done")
        display.stop()
        shown[is_terminal] = stream.getvalue()
    assert "running training.fit" in shown[True]
    assert shown[False] == "[1/2] done\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pd.DataFrame({"a": [1, 2, 3]}), 3),
        (pa.table({"a": [1, 2]}), 2),
        (np.zeros((4, 2)), 4),
        ("text", None),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_frames_in_memory_are_measured(data: object, expected: int | None) -> None:
    assert count_rows(object(), data, written=False) == expected


def test_a_table_that_counts_what_it_wrote_is_shown_with_that_and_not_with_its_size() -> None:
    table = SimpleNamespace(last_read=None, last_written=SimpleNamespace(rows=180_000), rows_written=0)
    assert count_rows(table, object(), written=True) == 0


def test_a_table_knows_by_its_last_read_or_write() -> None:
    table = SimpleNamespace(last_read=SimpleNamespace(rows=10), last_written=SimpleNamespace(rows=None))
    assert count_rows(table, object(), written=False) == 10
    assert count_rows(table, object(), written=True) is None


@pytest.mark.parametrize(("counts", "expected"), [([1, None, 2], 3), ([None], None), ([], None), ([0], 0)])
def test_the_sum_is_of_what_is_known(counts: list[int | None], expected: int | None) -> None:
    assert add_rows(counts) == expected
