"""What commands import: those that read the ledger alone, or that are given an id of nothing, start quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from boathouse.environment import open_environment
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import EVIDENCE, LEDGERS, open_ledger
from boathouse.tables.delta_log import has_local_row

if TYPE_CHECKING:
    from boathouse.environment import Environment

ROOT = Path(__file__).resolve().parents[2]
NAME = "test.models.missed_payment"
# Each takes from a tenth of a second to several seconds to import, and none is needed to read a table of the ledger.
HEAVY = (
    "boathouse.evaluation",
    "boathouse.hooks.governance",
    "boathouse.modelling",
    "boathouse.use_case",
    "databricks",
    "flask",
    "kedro.framework",
    "matplotlib",
    "mlflow",
    "pandas",
    "polars",
    "pysail",
    "pyspark",
    "scipy",
    "shap",
    "sklearn",
    "sqlalchemy",
    "xgboost",
)
READING = (
    "models list",
    "models show",
    "models show 1",
    "alerts list",
    "requests list",
    "requests list --all",
    "audit verify",
    f"trace {'0' * 32}",
    f"trace {'0' * 32}-3",
    "trace no-id",
)


def make_event(kind: str, **evidence: object) -> AuditEvent:
    return AuditEvent(
        event_id=kind,
        kind=kind,
        subject=NAME,
        version="1",
        digest="d" * 64,
        actor="tom",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        evidence=evidence,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with a registered version that somebody asked for, and with predictions."""
    folder = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOATHOUSE_DATA", str(folder))
        environment: Environment = open_environment("test", ROOT / "conf")
        ledger = open_ledger(environment.table(LEDGERS[0]))
        ledger.append([make_event("registered", trained_by="tom"), make_event("requested", to="staging")])
        open_ledger(environment.table(EVIDENCE)).append([make_event("judged", rows=[])])
        for table, column in (
            ("inference.predictions", "prediction_id"),
            ("inference.endpoint_log", "databricks_request_id"),
        ):
            write_deltalake(str(environment.table(table).path), pa.table({column: ["1" * 32, "2" * 32]}))
    return folder


@pytest.mark.parametrize("command", READING)
def test_reading_the_ledger_imports_nothing_heavy(data: Path, command: str) -> None:
    done = run(command, data)
    assert done.rstrip().endswith("heavy []")
    assert f"code {int(command.startswith('trace'))}" in done.replace("code None", "code 0")


def test_the_budget_notices_what_an_id_that_is_there_needs(data: Path) -> None:
    """The test above asserts something: a prediction that is found brings the use case and pandas along."""
    assert "'boathouse.use_case'" in run(f"trace {'1' * 32}", data)


def run(command: str, data: Path) -> str:
    """Return what the command prints, its exit code, and the heavy modules that it has imported."""
    code = (
        "import sys\n"
        "from boathouse.cli.main import main\n"
        f"try: main({[*command.split(), '--env', 'test', '--conf-source', str(ROOT / 'conf')]!r})\n"
        "except SystemExit as end: print('code', end.code)\n"
        f"print('heavy', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    # MLflow leaves the store of another test among the variables; its heads are those of another ledger.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_TR", "MLFLOW_REG"))}
    environment = {**inherited, "BOATHOUSE_DATA": str(data)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def test_a_row_is_found_by_its_text(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    for rows in (["a" * 32, None], ["ä b", "c"]):
        write_deltalake(path, pa.table({"key": pa.array(rows, pa.string())}), mode="append")
    assert has_local_row(path, "key", "a" * 32)
    assert has_local_row(path, "key", "ä b")
    assert not has_local_row(path, "key", "a" * 31)
    assert not has_local_row(path, "key", "")
