"""What the jobs of a rehearsal ask of the workspace, and the table that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from boathouse.errors import ConfigError
from boathouse.rehearsal.calls import Calls, compare_calls, count_calls, read_calls
from boathouse.rehearsal.jobs import TaskRun
from boathouse.rehearsal.rehearse import Step

TASKS = (TaskRun(job="training", task="training", state="success", attempts=1, seconds=3.0),)
PAGE = """
| job | calls of Spark | requests |
|---|---|---|
| `training` | 1,200 | 80 |
| `cycle` (all that follows) | 10 | 0 |
"""


def test_calls_are_counted_once_for_each_job() -> None:
    steps = [
        Step(name="training", succeeded=True, tasks=TASKS, spark={"query": 3, "config": 1}, requests={"runs/get": 2}),
        Step(name="training", succeeded=True, tasks=TASKS, spark={"query": 9}),
        Step(name="a second person approves", succeeded=True),
    ]
    assert count_calls(steps) == {"training": Calls(4, 2)}


def test_a_table_is_read_from_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert read_calls(page) == {"training": Calls(1200, 80), "cycle": Calls(10, 0)}
    page.write_text("# Nothing")
    with pytest.raises(ConfigError, match=r"page\.md has no table of calls: expected rows such as"):
        read_calls(page)


@pytest.mark.parametrize("found", [Calls(1265, 80), Calls(1135, 89)])
def test_what_chance_explains_is_not_told(found: Calls) -> None:
    assert compare_calls({"training": found}, {"training": Calls(1200, 80)}) == []


@pytest.mark.parametrize("found", [Calls(1266, 80), Calls(1134, 80), Calls(1200, 90)])
def test_growth_beyond_chance_is_told_with_the_row_to_write(found: Calls) -> None:
    (line,) = compare_calls({"training": found}, {"training": Calls(1200, 80)})
    assert line == (
        f"`training` makes {found.spark:,} calls of Spark and {found.requests} requests; the table says 1,200 and 80. "
        f"If that is meant: | `training` | {found.spark:,} | {found.requests} |"
    )


def test_jobs_on_one_side_alone_are_told() -> None:
    assert compare_calls({"cycle": Calls(1, 2)}, {"training": Calls(3, 4)}) == [
        "`training` is in the table and was not run.",
        "`cycle` is not in the table: | `cycle` | 1 | 2 |",
    ]
