"""Changing a view's function: refused while a model uses the old, a version beside it, and its end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from deltalake import DeltaTable

from boathouse.features.online.store import OnlineStore
from boathouse.use_case import USE_CASE
from tests.fixtures.small_workspace import ROOT, SmallWorkspace

SPENDING = next(view for view in USE_CASE.views if view.name == "spending")
CHANGED = ('F.col("bill_before") > 0, F.col("pay_amt")', 'F.col("bill_before") > 100, F.col("pay_amt")')
_BILL = 'Feature(name="bill_amt", description="Newest bill."'
_BILL_TWICE = 'Feature(name="bill_twice", description="Twice the bill.", unit="NT$", reason="Twice"), '
ADDED = (
    '        change.alias("utilisation_change_1m"),\n',
    '        change.alias("utilisation_change_1m"),\n        (F.col("bill_amt") * 2).alias("bill_twice"),\n',
    (_BILL, _BILL_TWICE + _BILL),
)
BESIDE = """
def compute_spending_of_large_bills(statements: DataFrame, customers: DataFrame) -> DataFrame:
    rows = compute_spending(statements, customers)
    return rows.withColumn("payment_ratio", F.when(F.col("bill_amt") > 100, F.col("payment_ratio")))


_SPENDING = next(view for view in MODEL_VIEWS if view.name == "spending")
MODEL_VIEWS = (
    *MODEL_VIEWS,
    __import__("dataclasses").replace(_SPENDING, version=2, compute=compute_spending_of_large_bills),
)
"""
ALONE = BESIDE + 'MODEL_VIEWS = tuple(view for view in MODEL_VIEWS if view.label != "spending")\n'
# One small candidate: what is trained does not matter here.
CANDIDATES = "    candidates: [{algorithm: logistic_regression, C: 0.1, max_iter: 500}]\n"


@dataclass
class Workshop:
    """A copy of the project with the rows of a few customers."""

    folder: Path

    @classmethod
    def build(cls, folder: Path) -> Workshop:
        """Copy code and configuration; train one candidate alone."""
        SmallWorkspace.build(folder / "data", customers=120)
        for name in ("src", "conf"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "local"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        parameters = folder / "conf" / "base" / "training" / "parameters_training.yml"
        kept, _, rest = parameters.read_text(encoding="utf-8").partition("    candidates:\n")
        after = rest[rest.index("  calibration:") :]
        parameters.write_text(f"{kept}{CANDIDATES}{after}", encoding="utf-8")
        return cls(folder)

    def change(self, old: str, new: str, *further: tuple[str, str]) -> None:
        """Put the use case's features back as they are and replace ``old`` by ``new``."""
        text = (ROOT / "src" / "boathouse" / "use_case" / "features.py").read_text(encoding="utf-8")
        for found, instead in ((old, new), *further):
            assert found in text
            text = text.replace(found, instead)
        path = self.folder / "src" / "boathouse" / "use_case" / "features.py"
        path.write_text(text, encoding="utf-8")

    def configure_as_dev(self) -> None:
        """Give the environment test what conf says of features and tables in dev."""
        of_dev, of_test = (self.folder / "conf" / name for name in ("dev", "test"))
        shutil.copytree(of_dev / "feature_engineering", of_test / "feature_engineering")
        lakehouse = yaml.safe_load((of_dev / "globals.yml").read_text(encoding="utf-8"))["lakehouse"]
        path = of_test / "globals.yml"
        merged = yaml.safe_load(path.read_text(encoding="utf-8"))
        merged["lakehouse"] = {**merged.get("lakehouse", {}), **lakehouse}
        path.write_text(yaml.safe_dump(merged), encoding="utf-8")

    def do(self, *steps: str) -> list[tuple[int, str]]:
        """Do steps in a process of its own; return exit code and text of each."""
        paths = f"{self.folder / 'src'}{os.pathsep}{ROOT}"
        environment = {**os.environ, "PYTHONPATH": paths, "BOATHOUSE_DATA": str(self.folder / "data")}
        environment.pop("MLFLOW_TRACKING_URI", None)
        environment.pop("BOATHOUSE_ONLINE_STORE", None)
        module = "tests.pipelines.feature_engineering.version_steps"
        done = subprocess.run(
            [sys.executable, "-m", module, str(self.folder), *steps],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"step"')]
        assert len(lines) == len(steps)
        return [(line["code"], line["text"]) for line in lines]

    def table(self, name: str) -> DeltaTable:
        """Return a table of the environment test."""
        return DeltaTable(self.folder / "data" / "lakehouse" / "test" / name.replace(".", "/"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return a project whose champion was trained on the views as they are, and published."""
    made = Workshop.build(tmp_path_factory.mktemp("workshop"))
    done = made.do("run:data_prep,feature_engineering,training", "alias:champion=1", "features:publish")
    assert [code for code, _ in done] == [0, 0, 0], done
    return made


@pytest.fixture
def workshop(trained: Workshop, tmp_path: Path) -> Workshop:
    """Return a copy of that project."""
    shutil.copytree(trained.folder, tmp_path / "workshop")
    return Workshop(tmp_path / "workshop")


@pytest.mark.slow
def test_changed_logic_is_refused_then_lives_beside_the_old_until_nobody_uses_that(workshop: Workshop) -> None:
    _refuse_a_change_in_place(workshop)
    _put_a_second_version_beside(workshop)
    _remove_the_first(workshop)


@pytest.mark.slow
def test_a_feature_is_added_in_one_run_where_conf_lets_it_and_models_in_use_go_on(workshop: Workshop) -> None:
    workshop.configure_as_dev()
    assert [code for code, _ in workshop.do("run:batch_inference")] == [0]
    before, stored = _newest(workshop, "inference.predictions"), _newest(workshop, "features.spending")
    workshop.change(*ADDED)
    done = workshop.do("run:feature_engineering", "run:batch_inference", "features:publish", "run:training")
    assert [code for code, _ in done] == [0, 0, 0, 0], done
    added = _newest(workshop, "features.spending")
    assert all(row["bill_twice"] == 2 * row["bill_amt"] for row in added.values())
    assert {key: {**row, "bill_twice": None} for key, row in added.items()} == {
        key: {**row, "bill_twice": None} for key, row in stored.items()
    }
    after = _newest(workshop, "inference.predictions")
    assert {key: row["probability"] for key, row in after.items()} == {
        key: row["probability"] for key, row in before.items()
    }
    for table in ("model_input.training_set", "inference.features"):
        assert "bill_twice" in workshop.table(table).to_pyarrow_table().column_names
    # A model that was trained before the feature was added looks its own features up.
    store = OnlineStore(f"sqlite:///{workshop.folder}/data/online_test.db", environment="test")
    found = store.look_up([(key,) for key in sorted(stored)], [SPENDING.spec])
    column = found.features.index("bill_amt")
    assert found.matrix[:, column].tolist() == [stored[key]["bill_amt"] for key in sorted(stored)]
    store.close()


@pytest.mark.slow
def test_elsewhere_an_added_feature_is_refused_with_the_way_to_go(workshop: Workshop) -> None:
    workshop.change(*ADDED)
    done = workshop.do("run:feature_engineering", "alias:champion=", "run:feature_engineering")
    assert [code for code, _ in done] == [1, 0, 1], done
    assert "Keep the old declaration beside the new one and give the new one the next version" in done[0][1]
    for words in (
        "+ bill_twice: double",
        "declare the changed view as its next version, beside spending",
        "boathouse features backfill --env test",
        "lakehouse.schema_evolution: additive",
    ):
        assert words in done[2][1]
    assert "bill_twice" not in workshop.table("features.spending").to_pyarrow_table().column_names


def _refuse_a_change_in_place(workshop: Workshop) -> None:
    before = workshop.table("features.spending").version()
    workshop.change(*CHANGED)
    steps = ("run:feature_engineering", "features:refresh", "features:publish")
    for code, text in workshop.do(*steps):
        assert code == 1
        assert f"spending in its definition {SPENDING.digest} is no longer declared" in text
        assert "used by test.models.missed_payment version 1 (champion)" in text
        assert "Keep the old declaration beside the new one and give the new one the next version" in text
    # Nothing was written before it was refused.
    assert workshop.table("features.spending").version() == before


def _put_a_second_version_beside(workshop: Workshop) -> None:
    workshop.change("\nFEATURE_VIEWS = (", f"{BESIDE}\nFEATURE_VIEWS = (")
    done = workshop.do(
        "run:feature_engineering,training,batch_inference", "features:publish", "features:lineage spending"
    )
    assert [code for code, _ in done] == [0, 0, 0], done
    assert "spending_v2: 120 keys" in done[1][1]
    second = next(line for line in done[2][1].splitlines() if line.startswith("features.spending_v2 (version 2"))
    digest = second.rsplit(" ", 1)[1].rstrip(")")
    # The old champion was scored on the first version's values, the new model trained on the second's.
    shown = done[2][1]
    assert f"features.spending (version 1, definition {SPENDING.digest})" in shown
    assert f"missed_payment version 2, in another definition {digest}" in shown
    scored = {row["model_version"] for row in workshop.table("inference.predictions").to_pyarrow_table().to_pylist()}
    assert scored == {"1"}
    first, new = _newest(workshop, "features.spending"), _newest(workshop, "features.spending_v2")
    assert _differing(first, new)
    assert not _differing(first, _newest(workshop, "inference.features"))
    assert _count_new_training_rows(workshop)
    store = OnlineStore(f"sqlite:///{workshop.folder}/data/online_test.db", environment="test")
    twice = [SPENDING.spec, replace(SPENDING.spec, version=2, digest=digest)]
    for view, rows in zip(twice, (first, new), strict=True):
        found = store.look_up([(key,) for key in sorted(rows)], [view])
        column = found.features.index("payment_ratio")
        expected = [rows[key]["payment_ratio"] for key in sorted(rows)]
        assert [None if value != value else value for value in found.matrix[:, column].tolist()] == expected  # noqa: PLR0124
    store.close()


def _remove_the_first(workshop: Workshop) -> None:
    workshop.change("\nFEATURE_VIEWS = (", f"{ALONE}\nFEATURE_VIEWS = (")
    done = workshop.do(
        "run:feature_engineering",
        "alias:champion=2",
        "alias:previous=1",
        "features:refresh",
        "alias:previous=",
        "features:refresh",
        "run:feature_engineering,batch_inference",
    )
    assert [code for code, _ in done] == [1, 0, 0, 1, 0, 0, 0], done
    assert "version 1 (champion)" in done[0][1]
    assert "version 1 (previous)" in done[3][1]
    assert [line.split(":")[0] for line in done[5][1].splitlines() if line.startswith("spending")] == ["spending_v2"]


def _newest(workshop: Workshop, table: str) -> dict[int, dict[str, Any]]:
    """Return the row of each customer's latest date."""
    rows = workshop.table(table).to_pyarrow_table().to_pylist()
    return {row["customer_id"]: row for row in sorted(rows, key=lambda row: row["observed_on"])}


def _count_new_training_rows(workshop: Workshop) -> int:
    """Return the rows of the training set whose value is not the first version's."""
    stored = workshop.table("features.spending").to_pyarrow_table().to_pylist()
    first = {(row["customer_id"], row["observed_on"]): row["payment_ratio"] for row in stored}
    rows = workshop.table("model_input.training_set").to_pyarrow_table().to_pylist()
    return sum(first[row["customer_id"], row["observed_on"]] != row["payment_ratio"] for row in rows)


def _differing(one: dict[int, dict[str, Any]], other: dict[int, dict[str, Any]]) -> list[int]:
    return [key for key in one if one[key]["payment_ratio"] != other[key]["payment_ratio"]]
