"""``kedro run`` in dev, staging and prod, as typed in a fresh clone: shipped data and conf, every gate and approval.

In prod one person walks the whole story: the run waits for a second one, who looks at the evidence and approves, and
scoring goes on with one command.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.lifecycle.identity import read_account
from tests.cli.conftest import ROOT
from tests.fixtures.trained_workspace import make_checkout

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
WAITS = "version 1 passed the gates and waits for one approval by somebody else than"
GO_ON = "kedro run --pipelines batch_inference,monitoring --env prod"


@dataclass(frozen=True)
class Clone:
    """A checkout without changes, with the extracts, in which nothing has run.

    Attributes:
        folder: Its root.
    """

    folder: Path

    def run(self, command: str, *, code: int = 0) -> str:
        """Type ``command`` in the clone; it has to end with ``code``. Return both of its streams."""
        program, *words = command.split()
        own = ("MLFLOW_TRACKING", "BOATHOUSE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        done = subprocess.run(
            [sys.executable, "-m", program, *words],
            cwd=self.folder,
            env=inherited | {"PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        shown = done.stdout + done.stderr
        assert done.returncode == code, shown
        return shown

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of ``<env>.<schema>.<table>``."""
        from deltalake import DeltaTable

        path = self.folder.joinpath("data", "lakehouse", *table.split("."))
        return DeltaTable(path).to_pyarrow_table().to_pylist()  # type: ignore[no-any-return]

    def has(self, table: str) -> bool:
        """Return whether the table exists."""
        return self.folder.joinpath("data", "lakehouse", *table.split("."), "_delta_log").exists()

    def versions(self, env: str) -> dict[str, int]:
        """Return the Delta version of each table of an environment."""
        logs = (self.folder / "data" / "lakehouse" / env).glob("*/*/_delta_log")
        return {f"{log.parts[-3]}.{log.parts[-2]}": len(list(log.glob("*.json"))) for log in logs}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("clone") / "boathouse"
    make_checkout(folder)
    shutil.copytree(ROOT / "data" / "01_raw", folder / "data" / "01_raw")
    return Clone(folder)


def test_dev_ends_with_a_champion(clone: Clone) -> None:
    shown = clone.run("kedro run")
    assert "dev.models.missed_payment version 1" in shown
    assert "version 1 promoted: There was no champion" in shown
    assert len(clone.rows("dev.inference.predictions")) == 60_000


def test_staging_passes_its_gates_on_a_tenth_of_the_data(clone: Clone) -> None:
    shown = clone.run("kedro run --env staging")
    assert "staging.models.missed_payment version 1" in shown
    assert "version 1 promoted: There was no champion" in shown
    customers = {row["customer_id"] for row in clone.rows("staging.inference.predictions")}
    assert 2_700 < len(customers) < 3_300
    judged = [row for row in clone.rows("staging.audit.promotions") if row["kind"] in {"checked", "compared"}]
    assert {row["kind"]: json.loads(row["evidence"])["outcome"] for row in judged} == {
        "checked": "passed",
        "compared": "passed",
    }


@pytest.fixture(scope="module")
def waiting(clone: Clone) -> str:
    """Return what a whole run in prod showed at its end."""
    return clone.run("kedro run --env prod")


def test_prod_waits_in_order_for_a_second_person(clone: Clone, waiting: str) -> None:
    assert f"champion    none: {WAITS}" in waiting
    assert "scored      nothing, and nothing was monitored: there was no champion to use" in waiting
    assert GO_ON in waiting
    for table in ("inference.predictions", "inference.features", "monitoring.drift_metrics", "monitoring.alerts"):
        assert not clone.has(f"prod.{table}")
    reports = {path.name for path in (clone.folder / "data" / "reports" / "prod").iterdir()}
    assert {"summary.txt", "model_card.md", "promotion_card.md"} <= reports
    assert not {"monitoring.html", "monitoring_drift.png"} & reports


def test_what_has_to_score_fails_until_then(clone: Clone, waiting: str) -> None:
    before = clone.versions("prod")
    assert WAITS in clone.run("kedro run --pipeline batch_inference --env prod --strict", code=1)
    assert WAITS in clone.run("boathouse infer inference.requests --to csv:scores --env prod", code=1)
    assert f"none: {WAITS}" in clone.run(GO_ON)
    assert clone.versions("prod") == before


@pytest.fixture(scope="module")
def approved(clone: Clone, waiting: str) -> str:
    """Return what scoring showed after the approval; each command is the one that the run has named."""
    look, approve = (line[line.index("boathouse models") :] for line in waiting.splitlines() if "boathouse mod" in line)
    shown = clone.run(look)
    assert "waiting: 1 to production" in clone.run(look.replace(" 1 ", " "))
    assert "passed   minimum_roc_auc" in shown
    assert f"{read_account()} may not approve" in clone.run(approve.replace(" --as maria", ""), code=1)
    assert "version 1, which is champion now" in clone.run(approve.replace("WHY", "fair"))
    return clone.run(GO_ON)


def test_the_second_person_approves_and_one_command_goes_on(clone: Clone, approved: str) -> None:
    assert "champion    prod.models.missed_payment version 1" in approved
    assert len(clone.rows("prod.inference.predictions")) == 60_000
    assert clone.has("prod.monitoring.drift_metrics")
    assert "maria (declared)" in clone.run("boathouse models list --env prod")


def test_a_champion_is_stopped_and_resumed(clone: Clone, approved: str) -> None:
    stopped = clone.run("boathouse models stop --comment rejects-everybody --env prod")
    before = clone.versions("prod")
    assert "rejects-everybody" in clone.run("kedro run --pipeline batch_inference --env prod")
    assert clone.versions("prod") == before
    resume = next(line[line.index("boathouse") :] for line in stopped.splitlines() if "rollback --to 1" in line)
    assert "Version 1 is champion again" in clone.run(resume)
    clone.run("kedro run --pipeline batch_inference --env prod --strict")
    assert clone.versions("prod")["inference.predictions"] == before["inference.predictions"]
    clone.run("boathouse audit verify --env prod")
