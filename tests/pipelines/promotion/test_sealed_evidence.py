"""What is edited after it was made is not believed: files of reports, tables, tags, cards, and the evidence itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mlflow
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from kedro.io import DatasetError

from boathouse.errors import AuditError
from tests.fixtures.small_workspace import isolate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from tests.fixtures.small_workspace import SmallWorkspace

NAME = "test.models.missed_payment"
# A candidate that one gate refuses, and that any of the edits below would help.
STRICT: dict[str, Any] = {
    "modes": {
        "beats_baseline": "warn",
        "minimum_roc_auc": "enforce",
        "costs_less_than_baseline": "warn",
        "released_code": "warn",
        "data_quality": "enforce",
    },
    "min_roc_auc": 0.999,
}


def decide(bank: SmallWorkspace, *pipelines: str) -> dict[str, Any]:
    bank.run(*pipelines, params={"promotion": {"gates": STRICT}})
    read: dict[str, Any] = json.loads((reports(bank) / "promotion.json").read_text(encoding="utf-8"))
    return read


def reports(bank: SmallWorkspace) -> Path:
    return bank.data / "reports" / "test"


@pytest.fixture(scope="module")
def judged(prepared: SmallWorkspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallWorkspace, dict[str, Any]]:
    """Return a bank whose first version was rejected, and that decision."""
    bank = prepared.copy(tmp_path_factory.mktemp("judged") / "data")
    with pytest.MonkeyPatch.context() as patch:
        isolate(bank.data, patch)
        decision = decide(bank, "training", "evaluation", "promotion")
    assert decision["outcome"] == "rejected"
    return bank, decision


@pytest.fixture
def bank(judged: tuple[SmallWorkspace, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    isolate(judged[0].data, monkeypatch)
    mlflow.set_tracking_uri(f"sqlite:///{judged[0].data}/mlflow.db")
    return judged[0]


def edit_json(path: Path) -> None:
    report = json.loads(path.read_text(encoding="utf-8"))
    report["metrics"]["roc_auc"] = {"value": 1.0, "low": 1.0, "high": 1.0}
    path.write_text(json.dumps(report), encoding="utf-8")


def edit_table(bank: SmallWorkspace, table: str, change: Callable[[pd.DataFrame], None]) -> None:
    path = str(bank.data / "lakehouse" / "test" / "audit" / table)
    rows = DeltaTable(path).to_pandas()
    change(rows)
    write_deltalake(path, rows, mode="overwrite")


def make_perfect(rows: pd.DataFrame) -> None:
    rows.loc[rows["metric"] == "roc_auc", ["value", "low", "high"]] = 1.0


def break_all(rows: pd.DataFrame) -> None:
    rows["broken_share"] = 1.0


def gates_of(decision: dict[str, Any]) -> dict[str, Any]:
    return {gate["name"]: gate for gate in decision["gates"]}


def test_the_decision_names_the_sealed_evaluation(
    judged: tuple[SmallWorkspace, dict[str, Any]], bank: SmallWorkspace
) -> None:
    (sealed,) = [row for row in bank.rows("audit.evidence") if row["kind"] == "evaluated"]
    assert (sealed["subject"], sealed["version"]) == (NAME, "1")
    (checked,) = [row for row in bank.rows("audit.promotions") if row["kind"] == "checked"]
    assert json.loads(checked["evidence"])["evaluation"] == judged[1]["evaluation"] == sealed["hash"]


def test_the_registration_keeps_what_was_known_of_the_version(bank: SmallWorkspace) -> None:
    records = [row for row in bank.rows("audit.promotions") if (row["kind"], row["subject"]) == ("registered", NAME)]
    evidence = json.loads(records[0]["evidence"])
    assert {"training_window", "model_digest", "owner", "algorithm"} <= set(evidence["tags"])
    assert evidence["tags"]["table_versions"].count("@") >= 5
    assert evidence["description"]
    assert "stage" not in evidence["tags"]


def test_edited_results_and_tags_change_no_decision(
    judged: tuple[SmallWorkspace, dict[str, Any]], bank: SmallWorkspace
) -> None:
    edit_json(reports(bank) / "evaluation.json")
    edit_table(bank, "evaluations", make_perfect)
    edit_table(bank, "data_quality", break_all)
    client = mlflow.MlflowClient()
    for key, value in {"released_code": "true", "owner": "", "training_window": "1999-01-31/1999-02-28"}.items():
        client.set_model_version_tag(NAME, "1", key, value)
    run_id = client.get_model_version(NAME, "1").run_id
    client.log_metric(run_id, "test.roc_auc", 1.0)
    again = decide(bank, "promotion")
    assert again["decision_id"] == judged[1]["decision_id"]
    timed = {"row_latency", "batch_latency"}
    before, after = (
        {name: gate for name, gate in gates_of(each).items() if name not in timed} for each in (judged[1], again)
    )
    assert after == before
    assert after["released_code"]["passed"] is before["released_code"]["passed"]


def test_an_edited_training_window_changes_no_evaluation(bank: SmallWorkspace) -> None:
    """The tag would say that the test rows were trained on."""
    mlflow.MlflowClient().set_model_version_tag(NAME, "1", "training_window", "2005-04-30/2005-12-31")
    before = [row["hash"] for row in bank.rows("audit.evidence")]
    bank.run("evaluation")
    assert json.loads((reports(bank) / "evaluation.json").read_text(encoding="utf-8"))["seen"]["candidate"] == 0
    assert [row["hash"] for row in bank.rows("audit.evidence")] == before, "the same evaluation is recorded once"


def test_an_edited_card_counts_as_changed(bank: SmallWorkspace) -> None:
    path = reports(bank) / "model_card.md"
    card = path.read_text(encoding="utf-8")
    path.write_text(f"{card}\nIt is fair to everybody.\n", encoding="utf-8")
    try:
        gate = gates_of(decide(bank, "promotion"))["documentation"]
    finally:
        path.write_text(card, encoding="utf-8")
    assert gate["value"] == 1
    assert "model_card was changed since" in gate["message"]


def test_edited_evidence_stops_the_decision(bank: SmallWorkspace) -> None:
    folder = bank.data / "lakehouse" / "test" / "audit" / "evidence"
    files = sorted(folder.glob("*.parquet"))
    kept = {file: file.read_bytes() for file in files}
    for file in files:
        rows = pq.read_table(file).to_pylist()
        if rows[0]["kind"] == "evaluated":
            rows[0]["evidence"] = rows[0]["evidence"].replace('"roc_auc":{"high"', '"roc_auc":{"value":1.0,"high"')
            schema = pq.read_schema(file)
            pq.write_table(type(pq.read_table(file)).from_pylist(rows, schema=schema), file)
    before = bank.rows("audit.promotions")
    try:
        with pytest.raises(DatasetError, match=r"The chain of test\.audit\.evidence does not hold from record"):
            decide(bank, "promotion")
    finally:
        for file, content in kept.items():
            file.write_bytes(content)
    assert bank.rows("audit.promotions") == before


def test_a_version_that_was_not_evaluated_is_not_decided_on(bank: SmallWorkspace) -> None:
    """The newest evaluation is of another version: it proves nothing of this one."""
    bank.run("training")
    with pytest.raises(AuditError, match=r"No evaluation of 'test\.models\.missed_payment' version 2 is on record"):
        decide(bank, "promotion")
