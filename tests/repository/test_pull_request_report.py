"""The comment of a pull request has the metrics, drift and alerts of a run, how the tests ended, and ticked boxes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.pull_request_boxes import Change, judge_boxes, read_change
from scripts.pull_request_report import ROOT, read_tables, read_tests, render, render_drift, render_metrics
from tests.fixtures.small_workspace import SmallWorkspace
from tests.repository.test_release_files import commit, git
from tests.repository.test_release_files import project as project_with_releases

__all__ = ["project_with_releases"]

JUNIT = """<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="20" time="61.5">
<testcase name="a"/></testsuite></testsuites>"""


def evaluated(role: str, metric: str, value: float | None, low: float | None = None, high: float | None = None) -> dict:
    return {"model_version": "2", "role": role, "metric": metric, "value": value, "low": low, "high": high}


def test_metrics_are_a_line_each_and_a_column_a_role() -> None:
    rows = [
        evaluated("candidate", "roc_auc", 0.79, 0.783, 0.797),
        evaluated("baseline", "roc_auc", 0.7),
        evaluated("champion", "roc_auc", None),
        evaluated("versus_baseline", "roc_auc", 0.09),
        evaluated("candidate", "log_loss", 0.4),
    ]
    lines = render_metrics(rows)
    assert lines[0] == "| metric | candidate | champion | baseline |"
    assert lines[2] == "| ROC AUC | 0.790 [0.783, 0.797] |  | 0.700 |"
    assert render_metrics([]) == ["Nothing was evaluated."]


def test_the_columns_that_moved_most_come_with_their_verdict() -> None:
    names = ("column_name", "population_stability_index", "js_distance", "severity")
    rows = [dict(zip(names, (f"c{number}", 0.9 - number / 10, None, "alarm"), strict=True)) for number in range(7)]
    lines = render_drift(rows)
    assert lines[2] == "| c0 | 0.900 |  | alarm |"
    assert len(lines) == 2 + 5
    assert render_drift([]) == ["Nothing was compared."]


def test_a_run_that_failed_is_shown_with_its_last_words() -> None:
    text = render({}, tests="1 passed in 1.00s", boxes=[("a", True), ("b", False)], fault="ValueError: gone")
    assert "- [x] a\n- [ ] b" in text
    assert "failed on the shipped data" in text
    assert "ValueError: gone" in text
    assert "### Metrics" not in text


def test_the_closing_line_of_the_tests_is_read_from_their_results(tmp_path: Path) -> None:
    path = tmp_path / "tests.xml"
    path.write_text(JUNIT, encoding="utf-8")
    assert read_tests(path) == "2 failed, 14 passed, 3 skipped, 1 errors in 61.50s"
    assert read_tests(tmp_path / "gone.xml") == "no tests ran"


@pytest.mark.parametrize(
    ("files", "subjects", "unticked"),
    [
        (["src/a.py", "tests/a.py", "CHANGELOG.md"], ["Add a"], []),
        (["docs/a.md"], ["Say a"], []),
        (["tests/a.py"], ["Test a"], []),
        (["src/a.py", "CHANGELOG.md"], ["Add a"], ["code changes with tests"]),
        (["scripts/a.py"], ["Add a"], ["code changes with tests"]),
        (["conf/base/globals.yml"], ["Set a"], ["what a user notices"]),
        (["docs/a.md"], ["x" * 73], ["subjects of commits"]),
        (["docs/a.md"], ["Merge branch " + "x" * 73], []),
    ],
)
def test_boxes_are_ticked_by_what_changes(files: list[str], subjects: list[str], unticked: list[str]) -> None:
    found = [text for text, holds in judge_boxes(Change(frozenset(files), tuple(subjects))) if not holds]
    assert len(found) == len(unticked)
    assert all(text.startswith(start) for text, start in zip(found, unticked, strict=True))


def test_another_dependency_needs_a_decision() -> None:
    files = {"pyproject.toml", "requirements.lock", "CHANGELOG.md"}
    box = "another dependency comes with a decision record"
    assert dict(judge_boxes(Change(frozenset(files), (), dependencies=True)))[box] is False
    assert dict(judge_boxes(Change(frozenset({*files, "docs/decisions/1.md"}), (), dependencies=True)))[box] is True


@pytest.mark.programs("git")
def test_what_changes_is_read_from_git(project_with_releases: Path) -> None:
    root = project_with_releases
    git(root, "checkout", "--quiet", "-b", "own")
    (root / "requirements.lock").write_text("kedro==2\n", encoding="utf-8")
    commit(root)
    assert read_change(root, "main") == Change(
        frozenset({"changes", "requirements.lock"}), ("Change",), dependencies=True
    )
    assert read_change(root, "gone") == Change(frozenset(), ())


def test_tables_that_are_not_there_have_no_rows(prepared: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.pull_request_report.stop_engines", lambda: None)
    assert read_tables(prepared.data, "test") == {}


@pytest.mark.slow
def test_the_report_of_the_shipped_data_has_what_their_run_says(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "scripts/pull_request_report.py",
        "--run",
        str(tmp_path),
        "--tests",
        str(tmp_path / "none"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "no tests ran"
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| ROC AUC | 0.79" in text
    assert "| candidate | baseline |" in text
    assert re.search(r"^\| \w+ \| 0\.8\d+ \| 0\.\d+ \| alarm \|$", text, re.MULTILINE)
    assert "alarm: " in text
    assert "Decision: version 1 promoted" in text
    assert {"monitoring.html", "model_card.md"} <= {path.name for path in tmp_path.iterdir()}
