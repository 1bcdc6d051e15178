"""Targets of delivery do what they say, in the order that they say, with stand-ins for what they call."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository.workflow_files import ROOT

# Stands for a program: it says where and with what it was called, and fails where it is asked to.
PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") in $(basename "$PWD"): $*"
case "$PWD $*" in *"${FAIL:-nothing}"*) exit 1 ;; esac
"""
PREVIOUS = """\
from pathlib import Path
import sys
Path("dist/previous").mkdir(parents=True)
Path("dist/previous/Makefile").write_text("deploy smoke:\\n\\t@echo $@ of the release before to $$TARGET\\n")
print(sys.argv[1:])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the Makefile and a finished environment, whose programs are stand-ins."""
    root = tmp_path / "project"
    (root / "bundles" / "monitors").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for path in (root / ".venv/bin/boathouse", root / ".venv/bin/python", root / ".cache/databricks/databricks"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROGRAM, encoding="utf-8")
        path.chmod(0o755)
    (root / ".venv" / ".ready").touch()
    (root / "scripts").mkdir()
    (root / "scripts" / "platform_cli.py").write_text("", encoding="utf-8")
    (root / "scripts" / "previous_release.py").write_text(PREVIOUS, encoding="utf-8")
    return root


def make(folder: Path, *words: str, **variables: str) -> tuple[int, list[str]]:
    typed = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    command = ["make", "--no-print-directory", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=typed | variables)
    return done.returncode, done.stdout.splitlines()


def test_the_bundle_is_deployed_and_then_those_that_are_named(checkout: Path) -> None:
    (checkout / "dist").mkdir()
    (checkout / "dist" / "boathouse-0.0.1-py3-none-any.whl").touch()
    assert make(checkout, "deploy", TARGET="prod", BUNDLES="monitors") == (
        0,
        [
            "databricks in project: bundle deploy --target prod",
            "databricks in monitors: bundle deploy --target prod",
        ],
    )
    assert list((checkout / "dist").iterdir()) == [], "an older wheel would be deployed as well"


def test_a_bundle_that_fails_ends_the_deployment(checkout: Path) -> None:
    code, said = make(checkout, "deploy", TARGET="prod", BUNDLES="monitors", FAIL="project bundle")
    assert code != 0
    assert said == ["databricks in project: bundle deploy --target prod"]


@pytest.mark.parametrize(
    "name", ["v1.2.0", "v1'; touch made; '", 'v1"; touch made; "', "$(touch made)", "`touch made`"]
)
def test_a_name_from_outside_is_never_part_of_a_command(checkout: Path, name: str) -> None:
    for target in ("integration", "release-verify", "smoke", "rehearse", "deploy"):
        code, said = make(checkout, target, TAG=name, PREFIX=name, TARGET=name)
        assert code == 0
        assert any(name in line for line in said), said
    assert not (checkout / "made").exists()


def test_the_release_before_is_deployed_and_checked_to_the_same_target(checkout: Path) -> None:
    assert make(checkout, "rollback", TAG="v1.2.0", TARGET="prod") == (
        0,
        [
            "['--tag', 'v1.2.0', '--out', 'dist/previous']",
            "deploy of the release before to prod",
            "smoke of the release before to prod",
        ],
    )


def test_a_pull_request_ends_at_the_first_step_that_fails(checkout: Path) -> None:
    code, said = make(checkout, "pr", "PR_STEPS=wheel bundle-check rehearse", FAIL="bundle check")
    assert code != 0
    assert [line for line in said if line.startswith("== ")] == ["== make wheel", "== make bundle-check"]
    code, said = make(checkout, "pr", "PR_STEPS=wheel bundle-check rehearse")
    assert code == 0
    assert said[-1] == "boathouse in project: bundle rehearse --target staging --calls docs/databricks.md"
    assert [line.rpartition(" ")[2] for line in said if "bundle check" in line] == ["dev", "staging", "prod"]
