"""An environment with an empty ledger and a registry in memory."""

from __future__ import annotations

import copy
import shutil
from typing import TYPE_CHECKING

import pytest

from boathouse.environment import Environment
from boathouse.lifecycle.decision import record_decision
from tests.fixtures.life_cycle import LifeCycleSetup, MemoryRegistry, decision

if TYPE_CHECKING:
    from pathlib import Path


def build(folder: Path) -> LifeCycleSetup:
    return LifeCycleSetup(Environment("test", {"engine": "sail", "root": folder.as_posix()}), MemoryRegistry())


@pytest.fixture
def empty(tmp_path: Path) -> LifeCycleSetup:
    """Return an environment without any version."""
    return build(tmp_path / "lake")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> LifeCycleSetup:
    """Return the environment that :func:`setup` copies."""
    made = build(tmp_path_factory.mktemp("template") / "lake")
    for version, champion in (("1", None), ("2", "1")):
        made.registry.register()
        record_decision(made.cycle("tom"), decision(version, champion=champion))
        made.cycle("tom").sync()
    made.registry.register()
    return made


@pytest.fixture
def setup(template: LifeCycleSetup, tmp_path: Path) -> LifeCycleSetup:
    """Return an environment with champion 2, previous 1, and version 3 that is registered and not on record yet."""
    shutil.copytree(template.environment.lakehouse["root"], tmp_path / "lake")
    return LifeCycleSetup(build(tmp_path / "lake").environment, copy.deepcopy(template.registry))
