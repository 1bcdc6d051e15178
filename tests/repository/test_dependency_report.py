"""The report on dependencies names what is yanked, given up, behind or near its end, and says when it is urgent."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date

import pytest

from scripts import dependency_report as report
from scripts.dependency_report import Findings

QUIET = Findings(behind={}, yanked={}, inactive=(), direct=("kedro",), ends={"3.11": 400}, warnings=())


def test_pins_behind_the_newest_are_found() -> None:
    listed = json.dumps(
        [
            {"name": "Kedro", "version": "1.7.0", "latest_version": "2.0.0"},
            {"name": "numpy", "version": "9", "latest_version": "2.4.0"},
            {"name": "not-pinned", "version": "1", "latest_version": "2"},
        ]
    )
    pinned = report.read_pins("# a comment==1\nkedro==1.7.0\nnumpy==2.4.1\n")
    assert pinned == {"kedro": "1.7.0", "numpy": "2.4.1"}
    # numpy is pinned above what the index calls the newest, so it is not behind.
    assert report.find_behind(pinned, listed) == {"kedro": ("1.7.0", "2.0.0")}


def test_pins_that_were_yanked_are_found() -> None:
    start = "WARNING: The candidate selected for download or install is a yanked version:"
    warned = (
        f"WARNING: something else\n{start} 'requests' candidate (version 2.32.0 at https://host/r.whl (from https://host/))\n"
        f"Reason for being yanked: Yanked due to conflicts\n{start} 'a.b-c' candidate (version 1 at https://host/a.whl)\n"
    )
    found = report.find_yanked(warned)
    assert found == {"requests 2.32.0": "Yanked due to conflicts", "a.b-c 1": "no reason given"}
    assert report.find_yanked("WARNING: something else\n") == {}


@pytest.mark.parametrize(
    ("change", "urgent", "said"),
    [
        ({}, False, "Nothing has to be done now."),
        ({"behind": {"kedro": ("1.7.0", "2.0.0")}}, False, "| kedro | 1.7.0 | 2.0.0 (major) |"),
        ({"behind": {"other": ("1.0", "1.1")}}, False, "Besides: other 1.0 → 1.1."),
        ({"yanked": {"a 1": "a reason"}}, True, "yanked: a 1 (a reason)"),
        ({"inactive": ["old"]}, True, "given up by its authors: old"),
        ({"ends": {"3.11": 180}}, True, "Python 3.11: security fixes end in 180 days"),
        ({"ends": {"3.11": 181}}, False, "Nothing has to be done now."),
        ({"ends": {"3.11": -3}}, True, "Python 3.11"),
        ({"warnings": ["ignore:x"]}, False, "1 warnings of others are accepted"),
    ],
)
def test_what_is_urgent_is_told_from_what_is_not(change: dict[str, object], urgent: bool, said: str) -> None:
    found = replace(QUIET, **change)  # type: ignore[arg-type]
    assert found.has_work is urgent
    assert said in report.render(found)


def test_the_end_of_a_python_is_counted_from_today(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"list": "[]", "install": ""}
    monkeypatch.setattr(report, "run_pip", lambda first, *_, **__: answers[first])
    found = report.find(date(2027, 10, 1))
    assert found.ends["3.11"] == 30
    assert found.has_work
    assert "kedro" in found.direct
    assert found.warnings, "the tests accept some warnings of others"


def test_every_supported_python_has_its_end() -> None:
    assert set(report.ENDS) == {"3.11", "3.12"}
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in report.ENDS


def test_pip_is_asked_as_this_machine_has_it() -> None:
    assert "boathouse" in report.run_pip("list", "--format=json")


def test_warnings_are_errors_so_that_deprecations_show() -> None:
    import tomllib

    project = tomllib.loads((report.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    accepted = project["tool"]["pytest"]["ini_options"]["filterwarnings"]
    assert accepted[0] == "error"
    assert all(each.startswith("ignore:") for each in accepted[1:])
