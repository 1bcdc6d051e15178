"""The import contracts of pyproject.toml hold, and each breaks as soon as an import is planted that it forbids."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

# Contract, module that gets the import, the import.
VIOLATIONS = [
    ("layers", "options.py", "import boathouse.tables.contract"),
    ("layers", "errors/base.py", "import boathouse.options"),
    ("layers", "reports/page.py", "import boathouse.options"),
    ("layers", "tables/contract.py", "import boathouse.lifecycle"),
    ("layers", "tables/write.py", "def load():\n    import boathouse.features.registry"),
    ("layers", "scoring/spec.py", "import boathouse.modelling.task"),
    ("layers", "problem/spec.py", "import boathouse.inference.batch"),
    ("layers", "endpoints/state.py", "def read():\n    import boathouse.serving.app"),
    ("layers", "monitoring/drift.py", "import boathouse.lineage.facts"),
    ("layers", "pipelines/training/nodes.py", "import boathouse.hooks.logs"),
    ("layers", "use_case/features.py", "import boathouse.pipelines.training"),
    ("library", "options.py", "import boathouse.use_case"),
    ("library", "lifecycle/steps.py", "def read():\n    from boathouse.use_case import USE_CASE"),
    ("library", "serving/worker.py", "from boathouse.use_case import USE_CASE"),
    ("library", "tables/dataset.py", "import boathouse.pipelines.table_dataset"),
    ("use_case", "cli/trace.py", "from boathouse.use_case.features import FEATURE_VIEWS"),
    ("use_case", "pipelines/training/nodes.py", "def read():\n    import boathouse.use_case.label"),
    ("declaration", "use_case/features.py", "import mlflow"),
    ("siblings", "pipelines/training/pipeline.py", "import boathouse.pipelines.monitoring"),
    ("wiring", "pipelines/training/pipeline.py", "import boathouse.tables.dataset"),
    ("wiring", "pipelines/training/nodes.py", "def read():\n    import boathouse.registry.client"),
    ("wiring", "pipelines/training/pipeline.py", "import mlflow"),
    ("environment", "environment.py", "def read():\n    import sqlalchemy"),
    ("endpoint", "scoring/scorer.py", "import pandas"),
    ("endpoint", "scoring/pyfunc.py", "def load():\n    import pyspark"),
    ("endpoint", "features/online/store.py", "import pandas"),
    ("endpoint", "serving/app.py", "def load():\n    import mlflow"),
    ("endpoint", "serving/app.py", "def write():\n    from boathouse.reports.rendering import render_html"),
    ("reports", "reports/rendering.py", "import numpy"),
    ("storage", "tables/location.py", "def load():\n    from deltalake import DeltaTable"),
    ("storage", "lifecycle/steps.py", "import deltalake"),
    ("storage", "tables/dataset.py", "import polars"),
    ("storage", "tables/dataset.py", "import pysail"),
    ("storage", "tables/location.py", "from filelock import FileLock"),
    ("kedro", "lifecycle/steps.py", "from kedro.io import AbstractDataset"),
    ("mlflow", "lifecycle/steps.py", "def read():\n    import mlflow"),
    ("platform", "tables/location.py", "from databricks.sdk import WorkspaceClient"),
    ("databases", "features/online/store.py", "import sqlalchemy"),
    ("server", "serving/app.py", "import uvicorn"),
    ("templates", "lineage/governance_report.py", "import jinja2"),
    ("templates", "cli/trace.py", "def write():\n    from markupsafe import Markup"),
]

HEAVY = ("deltalake", "jinja2", "kedro", "mlflow", "pandas", "polars", "pyspark", "sklearn", "xgboost")


def lint(folder: Path) -> tuple[int, str]:
    """Return exit code and report of the contracts over the code and the pyproject.toml in ``folder``."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    command = [sys.executable, "-c", LINT]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def contract_name(contract: str) -> str:
    """Return the words by which the contract ``contract`` is reported."""
    section = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split(f'id = "{contract}"')[1]
    return section.split('name = "')[1].split('"')[0]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the source, where an import can be planted."""
    shutil.copytree(ROOT / "src" / "boathouse", tmp_path / "src" / "boathouse", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold() -> None:
    code, report = lint(ROOT)
    assert code == 0, report
    assert "0 broken" in report


@pytest.mark.parametrize(("contract", "module", "planted"), VIOLATIONS)
def test_planted_import_breaks_its_contract(copy: Path, contract: str, module: str, planted: str) -> None:
    path = copy / "src" / "boathouse" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{planted}\n", encoding="utf-8")
    code, report = lint(copy)
    assert code == 1, report
    assert f"{contract_name(contract)} BROKEN" in report


@pytest.mark.parametrize(
    "module",
    ["boathouse.scoring.scorer", "boathouse.scoring.pyfunc", "boathouse.serving.worker", "boathouse.cli.serve_worker"],
)
def test_scoring_starts_without_heavy_libraries(module: str) -> None:
    found = f"import sys, {module}; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_heavy_library_would_be_seen() -> None:
    found = f"import sys, pandas; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pandas"]
