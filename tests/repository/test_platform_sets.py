"""The wheel on the oldest and the newest set of the platform's packages, without extras, on the platform's Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boathouse.cli.wheel_build import build_wheel
from boathouse.databricks.published_sets import read_constraints, read_pins
from tests.fixtures.import_graph import reach
from tests.fixtures.platform_environment import NEWEST, OLDEST, locate
from tests.repository.test_platform_imports import BLOCKER, COMMANDS, ENDS, NOT_ON_THE_PLATFORM, roots, run_there

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.platform_sets, pytest.mark.slow, pytest.mark.programs("git")]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the wheel of this checkout is installed, without anything else."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(ROOT, folder / "dist")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(folder / "site-packages"), str(wheel)], check=True)
    return folder / "site-packages"


def run(name: str, package: Path, module: str, given: object, folder: Path) -> dict[str, Any]:
    """Run a module of the tests with the set ``name`` and the installed wheel; return the JSON that it prints last."""
    found: dict[str, Any] = run_there(module, given, folder, str(locate(name) / "bin" / "python"), package)
    return found


@pytest.mark.parametrize("name", [OLDEST, NEWEST])
def test_training_and_scoring_work_with_the_platforms_versions(name: str, package: Path, tmp_path: Path) -> None:
    modules = sorted(reach(roots(), NOT_ON_THE_PLATFORM))
    found = run(name, package, "tests.fixtures.platform_probe", modules, tmp_path)
    assert found["at"].startswith(str(package))
    assert found["imported"] == len(modules) > 150
    pins = read_pins(read_constraints(name).splitlines())
    assert found["libraries"] == {each: pins[each] for each in found["libraries"]}
    assert set(found["models"]) == {"xgboost", "logistic_regression", "hist_gradient_boosting"}
    for each in found["models"].values():
        assert each["equal"]
        assert each["wheel"].startswith("wheels/boathouse-")
        assert (each["first"], each["roc_auc"] > 0.75) == ("signal", True)


@pytest.mark.parametrize("name", [OLDEST, NEWEST])
def test_every_command_of_a_job_comes_as_far_as_a_session(name: str, package: Path, tmp_path: Path) -> None:
    found = run(name, package, BLOCKER, COMMANDS, tmp_path)
    assert [end for end in found["ends"] if not any(each in end for each in ENDS)] == []
    assert found["asked"] == []
