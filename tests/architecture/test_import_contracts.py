"""The import contracts of pyproject.toml hold, and each breaks as soon as an import is planted that it forbids."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "boathouse"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]

# The contracts that break, in the order of pyproject.toml; the module that gets the import; the import.
# A module `planted.py` is a new one of its room.
VIOLATIONS = [
    ("layers", "options.py", "import boathouse.tables"),
    ("layers", "errors/base.py", "import boathouse.options"),
    ("layers", "reports/planted.py", "import boathouse.tables"),
    ("layers", "bundle/planted.py", "import boathouse.databricks"),
    ("layers", "tables/planted.py", "import boathouse.lifecycle"),
    ("layers", "tables/planted.py", "def load():\n    import boathouse.features"),
    ("layers", "scoring/planted.py", "import boathouse.modelling"),
    ("layers", "problem/planted.py", "import boathouse.inference"),
    ("layers", "endpoints/planted.py", "def read():\n    import boathouse.serving"),
    ("layers", "monitoring/planted.py", "import boathouse.lineage"),
    ("layers", "hooks/planted.py", "import boathouse.cli"),
    ("layers declaration", "use_case/planted.py", "import boathouse.pipelines.training"),
    ("layers library environment endpoint", "options.py", "import boathouse.use_case"),
    ("layers library", "lifecycle/planted.py", "def read():\n    from boathouse.use_case import USE_CASE"),
    ("layers library endpoint", "serving/planted.py", "from boathouse.use_case import USE_CASE"),
    ("layers library", "tables/planted.py", "import boathouse.pipelines.table_dataset"),
    ("library", "rehearsal/planted.py", "from boathouse.use_case import USE_CASE"),
    ("layers library", "rehearsal/planted.py", "import boathouse.cli"),
    ("use_case", "cli/planted.py", "from boathouse.use_case.features import FEATURE_VIEWS"),
    ("use_case", "pipelines/training/planted.py", "def read():\n    import boathouse.use_case.label"),
    ("declaration mlflow", "use_case/planted.py", "import mlflow"),
    ("declaration", "use_case/planted.py", "def read():\n    import omegaconf"),
    ("siblings", "pipelines/training/planted.py", "import boathouse.pipelines.monitoring"),
    ("wiring", "pipelines/training/planted.py", "import boathouse.tables.dataset"),
    ("wiring", "pipelines/training/planted.py", "import boathouse.hooks"),
    ("wiring", "pipelines/training/planted.py", "def read():\n    import boathouse.registry"),
    ("wiring mlflow", "pipelines/training/planted.py", "import mlflow"),
    ("environment databases", "environment.py", "def read():\n    import sqlalchemy"),
    ("environment", "environment.py", "import pandas"),
    ("endpoint", "scoring/scorer.py", "import pandas"),
    ("endpoint pyspark", "scoring/pyfunc.py", "def load():\n    import pyspark"),
    ("endpoint", "features/online/planted.py", "import pandas"),
    ("endpoint mlflow", "serving/planted.py", "def load():\n    import mlflow"),
    ("endpoint", "serving/planted.py", "def write():\n    import boathouse.reports"),
    ("reports", "reports/planted.py", "import boathouse.options"),
    ("reports", "reports/planted.py", "import numpy"),
    ("storage", "tables/planted.py", "def load():\n    from deltalake import DeltaTable"),
    ("storage", "lifecycle/planted.py", "import deltalake"),
    ("storage", "tables/planted.py", "import delta"),
    ("storage", "tables/planted.py", "import polars"),
    ("storage", "tables/planted.py", "import pysail"),
    ("pyspark", "lifecycle/planted.py", "from pyspark.sql import functions as F"),
    ("pyspark", "hooks/planted.py", "def read():\n    import pyspark.sql.types"),
    ("kedro", "lifecycle/planted.py", "from kedro.io import AbstractDataset"),
    ("kedro", "inference/planted.py", "def write():\n    import kedro_datasets"),
    ("mlflow", "lifecycle/planted.py", "def read():\n    import mlflow"),
    ("mlflow", "rehearsal/workspace/planted.py", "import mlflow"),
    ("platform", "tables/planted.py", "from databricks.sdk import WorkspaceClient"),
    ("databases", "features/online/planted.py", "import sqlalchemy"),
    ("databases", "inference/planted.py", "import psycopg"),
    ("server", "serving/planted.py", "import uvicorn"),
    ("templates", "lineage/planted.py", "import jinja2"),
    ("templates", "cli/planted.py", "def write():\n    from markupsafe import Markup"),
]
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
CIRCLES = [
    {
        "tables/planted.py": "import boathouse.tables.planted_too",
        "tables/planted_too.py": "from boathouse.tables import planted",
    },
    {
        "tables/planted.py": "def load():\n    from boathouse.tables.planted_too import x",
        "tables/planted_too.py": "def load():\n    from boathouse.tables.planted import y",
    },
    # A folder of a room and the files beside it, by way of two files in it.
    {
        "tables/planted.py": "import boathouse.tables.engines.planted",
        "tables/engines/planted.py": "",
        "tables/engines/planted_too.py": "import boathouse.tables.planted",
    },
]
NO_CIRCLES = [
    {
        "tables/planted.py": "import boathouse.tables.planted_too",
        "tables/planted_too.py": FOR_TYPES + "import boathouse.tables.planted",
    },
    {"tables/planted.py": "import boathouse.tables.planted_too", "tables/planted_too.py": ""},
]

HEAVY = ("deltalake", "jinja2", "kedro", "mlflow", "pandas", "polars", "pyspark", "sklearn", "xgboost")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the ids of the contracts that break, by what was planted in a copy of the source."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(SOURCE, copy / "src" / "boathouse", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    cases = [{}, *({module: planted} for _, module, planted in VIOLATIONS), *CIRCLES, *NO_CIRCLES]
    program = [sys.executable, str(Path(__file__).with_name("planted_imports.py")), str(copy)]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    done = subprocess.run(
        program, env=environment, input=json.dumps(cases), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {json.dumps(case): answer for case, answer in zip(cases, json.loads(done.stdout), strict=True)}


def test_contracts_hold(broken: dict[str, list[str]]) -> None:
    assert broken["{}"] == []


@pytest.mark.parametrize(("contracts", "module", "planted"), VIOLATIONS)
def test_planted_import_breaks_its_contract(
    broken: dict[str, list[str]], contracts: str, module: str, planted: str
) -> None:
    assert broken[json.dumps({module: planted})] == contracts.split()


def test_every_contract_is_seen_to_break() -> None:
    seen = {contract for contracts, _, _ in VIOLATIONS for contract in contracts.split()} | {"circles"}
    assert {contract["id"] for contract in CONTRACTS} == seen


@pytest.mark.parametrize("case", CIRCLES)
def test_planted_circle_is_found(broken: dict[str, list[str]], case: dict[str, str]) -> None:
    assert broken[json.dumps(case)] == ["circles"]


@pytest.mark.parametrize("case", NO_CIRCLES)
def test_import_for_types_alone_or_one_way_is_no_circle(broken: dict[str, list[str]], case: dict[str, str]) -> None:
    assert broken[json.dumps(case)] == []


@pytest.mark.parametrize(
    "module",
    ["boathouse.scoring.scorer", "boathouse.scoring.pyfunc", "boathouse.serving.worker", "boathouse.cli.serve_worker"],
)
def test_scoring_starts_without_heavy_libraries(module: str) -> None:
    assert loaded_by(module) == []


def test_heavy_library_would_be_seen() -> None:
    assert loaded_by("pandas") == ["pandas"]


def loaded_by(module: str) -> list[str]:
    """Return the heavy libraries that a new process has loaded once it has imported ``module``."""
    program = f"import sys, {module}; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()
