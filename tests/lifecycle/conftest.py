"""A house with an empty ledger and a registry in memory."""

from __future__ import annotations

import copy
import shutil
from typing import TYPE_CHECKING

import pytest

from boathouse.environment import Environment
from boathouse.lifecycle.steps import record_decision
from tests.fixtures.life_cycle import LifeSetup, MemoryRegistry, decision

if TYPE_CHECKING:
    from pathlib import Path


def build(folder: Path) -> LifeSetup:
    return LifeSetup(Environment("test", {"engine": "sail", "root": folder.as_posix()}), MemoryRegistry())


@pytest.fixture
def bare(tmp_path: Path) -> LifeSetup:
    """Return a house without any version."""
    return build(tmp_path / "lake")


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> LifeSetup:
    """Return the house that :func:`house` copies."""
    made = build(tmp_path_factory.mktemp("furnished") / "lake")
    for version, champion in (("1", None), ("2", "1")):
        made.registry.register()
        record_decision(made.life("tom"), decision(version, champion=champion))
        made.life("tom").mend()
    made.registry.register()
    return made


@pytest.fixture
def house(furnished: LifeSetup, tmp_path: Path) -> LifeSetup:
    """Return a house with champion 2, previous 1, and version 3 that is registered and not on record yet."""
    shutil.copytree(furnished.house.lakehouse["root"], tmp_path / "lake")
    return LifeSetup(build(tmp_path / "lake").house, copy.deepcopy(furnished.registry))
