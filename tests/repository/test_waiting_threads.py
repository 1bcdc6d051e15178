"""Threads of OpenMP that wait sleep, in tests, make targets and whatever imports the package, unless told otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = "import boathouse, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'numpy' in sys.modules)"


@pytest.mark.parametrize(("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_the_package_sets_the_policy_before_any_library_and_keeps_one_that_is_set(
    given: dict[str, str], policy: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    done = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [policy, "False"]


def test_make_and_the_tests_set_it() -> None:
    assert "export OMP_WAIT_POLICY := PASSIVE" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert os.environ["OMP_WAIT_POLICY"]
