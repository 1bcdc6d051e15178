"""Fixtures of all tests: one engine for the whole session, a fresh lakehouse for each test."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

# Set before anything of MLflow, Kedro or Spark is imported.
os.environ |= {"TZ": "UTC", "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "MPLBACKEND": "Agg"}
# Threads of OpenMP that wait sleep: spinning makes a fit beside other load ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from boathouse.tables.engines import get_engine
from boathouse.tables.engines.registry import choose_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from boathouse.tables.engines.base import Engine

pytest_plugins = (
    "tests.fixtures.connect_server",
    "tests.fixtures.engine_worker",
    "tests.fixtures.needs",
    "tests.fixtures.parallel",
    "tests.fixtures.small_workspace",
    "tests.fixtures.trained_workspace",
)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return the engine that BOATHOUSE_ENGINE names, Sail by default; stopped at the end."""
    chosen = get_engine(choose_engine("sail"))
    yield chosen
    chosen.stop()


@pytest.fixture(scope="session")
def spark(engine: Engine) -> SparkSession:
    """Return the session of the chosen engine."""
    return engine.session()


@pytest.fixture
def lakehouse(engine: Engine, tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Return a factory of ``{engine, root}`` for a fresh folder; its argument tells two lakehouses apart."""

    def make(name: str = "lakehouse") -> dict[str, str]:
        return {"engine": engine.name, "root": (tmp_path / name).as_posix()}

    return make


@pytest.fixture(autouse=True)
def forget_registry() -> Iterator[None]:
    """Take back the model registry that a test has set: MLflow would keep it for every later test."""
    yield
    set_by = sys.modules.get("mlflow.tracking._model_registry.utils")
    if set_by is not None:
        set_by._registry_uri = None
    os.environ.pop("MLFLOW_REGISTRY_URI", None)


@pytest.fixture(autouse=True)
def forget_salt() -> None:
    """Take back the salt that a command has read from the workspace for the servers that it starts."""
    os.environ.pop("BOATHOUSE_LOG_SALT", None)


@pytest.fixture(autouse=True)
def forget_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back the catalogs and schemas that environments of a test have declared."""
    monkeypatch.setattr("boathouse.namespaces._declared", {})


@pytest.fixture(autouse=True)
def restore_recursion_limit() -> Iterator[None]:
    """Take back the depth that the rehearsed Spark Connect allows itself for deep plans: it is the whole process's."""
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


@pytest.fixture(autouse=True)
def keep_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the engine of the whole session running after a command that would stop it at its end."""
    monkeypatch.setattr("boathouse.tables.engines.stop_engines", lambda: None)
