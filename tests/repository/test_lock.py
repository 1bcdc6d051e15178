"""The lock pins every package once and fits what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def find_odd_lines(lines: list[str]) -> list[str]:
    """Return the lines that are neither a comment nor one pinned name."""
    return [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)]


def find_misfits(wanted: list[str], pinned: dict[str, str]) -> list[str]:
    """Return the requirements that the pinned versions do not meet."""
    requirements = map(Requirement, wanted)
    versions = {str(one): pinned.get(canonicalize_name(one.name)) for one in requirements}
    return [text for text, version in versions.items() if version is None or version not in Requirement(text).specifier]


def pinned() -> dict[str, str]:
    pairs = [line.split("==") for line in LINES if "==" in line]
    return {canonicalize_name(name): version for name, version in pairs}


def test_lines_are_pins() -> None:
    assert find_odd_lines(LINES) == []
    assert len(pinned()) == sum("==" in line for line in LINES)


@pytest.mark.parametrize("line", ["--index-url https://host/simple", "kedro", "kedro>=1", "kedro @ file:///x", "-e ."])
def test_other_line_is_found(line: str) -> None:
    assert find_odd_lines(["kedro==1.7.0", line]) == [line]


def test_pins_fit_the_project() -> None:
    wanted = PROJECT["dependencies"] + [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    assert find_misfits(wanted, pinned()) == []


def test_misfit_is_found() -> None:
    wanted = ["kedro~=1.7.0", "pandas<3", "polars", "pyspark[connect]==4.2.0"]
    versions = {"kedro": "1.7.2", "pandas": "3.0", "pyspark": "4.2.0"}
    assert find_misfits(wanted, versions) == ["pandas<3", "polars"]
