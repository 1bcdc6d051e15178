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
    ("layers", "core/options.py", "import boathouse.use_case.words"),
    ("layers", "use_case/words.py", "import boathouse.pipelines.training"),
    ("layers", "datasets/run_record.py", "import boathouse.pipeline_registry"),
    ("layers", "tables/contract.py", "import boathouse.core.audit"),
    ("layers", "tables/write.py", "def load():\n    import boathouse.use_case.words"),
    ("layers", "engines/base.py", "import boathouse.tables.location"),
    ("layers", "atomic_files.py", "import boathouse.tables.contract"),
    ("adapters", "engines/registry.py", "import boathouse.datasets.run_record"),
    ("adapters", "tables/location.py", "import boathouse.datasets.run_record"),
    ("adapters", "datasets/run_record.py", "import boathouse.hooks.logs"),
    ("wiring", "pipelines/training/pipeline.py", "import boathouse.datasets.run_record"),
    ("wiring", "pipelines/training/pipeline.py", "import boathouse.tables.dataset"),
    ("wiring", "pipelines/training/pipeline.py", "import mlflow"),
    ("siblings", "pipelines/training/pipeline.py", "import boathouse.pipelines.monitoring"),
    ("core", "core/options.py", "import kedro"),
    ("core", "core/options.py", "def read():\n    from omegaconf import OmegaConf"),
    ("use_case", "use_case/words.py", "import mlflow"),
    ("scoring", "core/scoring/spec.py", "import pandas"),
    ("scoring", "scorer/pyfunc.py", "def load():\n    import pyspark"),
    ("scoring", "online_store/views.py", "import pandas"),
    ("scoring", "serving/app.py", "def load():\n    import mlflow"),
    ("scoring", "core/endpoints/options.py", "import pyspark"),
    ("scoring", "tables/contract.py", "def load():\n    import pandas"),
    ("storage", "tables/location.py", "def load():\n    from deltalake import DeltaTable"),
    ("storage", "governance/ledger.py", "import deltalake"),
    ("storage", "tables/dataset.py", "import polars"),
    ("storage", "tables/dataset.py", "import pysail"),
    ("storage", "tables/location.py", "from filelock import FileLock"),
]

HEAVY = ("deltalake", "kedro", "mlflow", "pandas", "polars", "pyspark", "sklearn", "xgboost")


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


@pytest.mark.parametrize("module", ["boathouse.core.scoring", "boathouse.scorer", "boathouse.serving.worker"])
def test_scoring_starts_without_heavy_libraries(module: str) -> None:
    found = f"import sys, {module}; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_heavy_library_would_be_seen() -> None:
    found = f"import sys, pandas; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pandas"]
