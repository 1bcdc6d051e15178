"""What a run shows: nodes, rows, seconds, and the last word."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from kedro.io import DatasetError
from kedro.runner import ThreadRunner
from rich.console import Console

from boathouse.core.errors import DataQualityError
from boathouse.hooks.failures import describe_failure
from boathouse.hooks.progress_display import NodeLine, ProgressDisplay

if TYPE_CHECKING:
    from collections.abc import Callable

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
