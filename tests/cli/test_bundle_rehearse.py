"""What a rehearsal says of its steps, and what it refuses before it builds anything."""

from __future__ import annotations

from pathlib import Path

from boathouse.cli.bundle_rehearse import render
from boathouse.rehearsal.jobs import TaskRun
from boathouse.rehearsal.rehearse import Step


def test_a_failed_step_is_shown_with_what_it_said() -> None:
    tasks = (TaskRun(job="training", task="training", state="failed", attempts=2, seconds=31.6),)
    steps = [
        Step(name="data_refresh", succeeded=True, spark={"sql": 3}, requests={"runs/create": 2}),
        Step(name="training", succeeded=False, tasks=tasks, spark={"sql": 7}, said="task training:\nError: no rows"),
    ]
    assert render(steps, {"a": 7.25, "b": 3.0}, 61.4).splitlines() == [
        "ok     data_refresh",
        "FAILED training                      7 calls of Spark, 0 requests",
        "         training/training: failed, 32 s",
        "         task training:",
        "         Error: no rows",
        "2 steps in 61 s, 1 failed, first node after 7.2 s at most.",
    ]


def test_an_unknown_target_and_a_full_folder_are_refused(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from boathouse.cli.main import cli

    shown = CliRunner().invoke(cli, ["bundle", "rehearse", "--target", "qa"]).output
    assert "No target 'qa' in databricks.yml; it has: dev, staging, prod." in shown
    (tmp_path / "left").touch()
    words = ["bundle", "rehearse", "--target", "dev", "--keep", str(tmp_path)]
    assert "is not empty: expected an empty folder" in CliRunner().invoke(cli, words).output
