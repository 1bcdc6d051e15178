"""Training, evaluation and promotion on real rows: which version becomes champion, and what is on record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mlflow
import pytest

from boathouse.environment import open_environment
from boathouse.hooks.releases import read_release_in_use
from boathouse.lifecycle.gates import GATES, GateOptions
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.rules_in_force import read_rules
from tests.fixtures.small_workspace import CONF, isolate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.small_workspace import SmallWorkspace

NAME = "test.models.missed_payment"
# Three hundred customers prove little; what is tested here is what follows from a decision.
LENIENT: dict[str, Any] = {
    "modes": {"beats_baseline": "warn", "minimum_roc_auc": "warn", "not_worse_than_champion": "warn"}
}
# Gates that count faults: a candidate of this pipeline has none.
EXACT = ("signature", "feature_spec", "fresh_load", "documentation", "unseen_rows", "no_leakage")
STEPS = ("training", "evaluation", "promotion")


def decide(bank: SmallWorkspace, *pipelines: str, **gates: Any) -> dict[str, Any]:
    """Run ``pipelines`` and return the newest decision."""
    bank.run(*(pipelines or STEPS), params={"promotion": {"gates": {**LENIENT, **gates}}})
    read: dict[str, Any] = json.loads((bank.data / "reports" / "test" / "promotion.json").read_text(encoding="utf-8"))
    return read


def aliases(bank: SmallWorkspace) -> dict[str, str]:
    found: dict[str, str] = bank.dataset("models.aliases").load()
    return found


def stages() -> dict[str, str]:
    versions = mlflow.MlflowClient().search_model_versions(f"name = '{NAME}'")
    return {str(version.version): version.tags["stage"] for version in versions}


def kinds(bank: SmallWorkspace, version: str) -> list[str]:
    rows = bank.rows("audit.promotions")
    return [row["kind"] for row in rows if row["subject"] == NAME and row["version"] == version]


@pytest.fixture(scope="module")
def promoted(prepared: SmallWorkspace, tmp_path_factory: pytest.TempPathFactory) -> SmallWorkspace:
    """Return a bank with a first champion; not to be changed."""
    bank = prepared.copy(tmp_path_factory.mktemp("promoted") / "data")
    with pytest.MonkeyPatch.context() as patch:
        isolate(bank.data, patch)
        assert decide(bank)["outcome"] == "promoted"
    return bank


@pytest.fixture
def workspace(promoted: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    """Return the bank with a champion; each test adds to it."""
    isolate(promoted.data, monkeypatch)
    mlflow.set_tracking_uri(f"sqlite:///{promoted.data}/mlflow.db")
    return promoted


def test_the_first_candidate_that_passes_becomes_champion(workspace: SmallWorkspace) -> None:
    assert aliases(workspace) == {"champion": "1"}
    assert stages() == {"1": "champion"}
    records = [row for row in workspace.rows("audit.promotions") if row["subject"] == NAME]
    staging, production = ["requested", "checked", "promoted"], ["compared", "requested", "promoted"]
    assert [(row["kind"], row["version"]) for row in records] == [
        ("created", None),
        *((kind, "1") for kind in ["registered", *staging, *production]),
    ]
    assert len({row["digest"] for row in records[1:]}) == 1
    checked, compared, promoted = (json.loads(records[place]["evidence"]) for place in (3, 5, 7))
    assert (checked["outcome"], compared["outcome"], promoted["from"]) == ("passed", "passed", None)
    assert compared["difference"]["compared_with"] == "baseline"
    assert {gate["name"] for gate in checked["gates"]} & {"signature", "documentation"}
    assert "beats_baseline" in {gate["name"] for gate in compared["gates"]}


def test_the_rules_that_decided_are_on_record_as_they_were_in_force(workspace: SmallWorkspace) -> None:
    """Those of the run, which was given other modes; a command that reads the files has the same digests for the same
    values."""
    records = [row for row in workspace.rows("audit.promotions") if (row["subject"], row["version"]) == (NAME, "1")]
    evidence = {record["kind"]: json.loads(record["evidence"]) for record in records}
    in_force = evidence["checked"]["rules"]
    assert [kind for kind in evidence if kind != "registered" and evidence[kind]["rules"] != in_force] == []
    environment = open_environment("test", CONF)
    governance = environment.options(GovernanceOptions, "parameters", "governance")
    gates = environment.options(GateOptions, "parameters", "promotion", "gates")
    assert in_force["governance"] == read_rules(governance).governance
    assert in_force["gates"] != read_rules(governance, gates).gates
    given = replace(gates, modes={**gates.modes, **LENIENT["modes"]})
    assert in_force["gates"] == read_rules(governance, given).gates
    assert in_force["gates_off"] == ["approval", "released_code"], "as in base"
    assert (in_force["conf_source"], len(in_force["conf"])) == ("conf", 64)
    assert in_force["conf"] == read_release_in_use(CONF, "test").conf.digest
    assert evidence["checked"]["gates_off"] == ["released_code"]
    card = (workspace.data / "reports" / "test" / "promotion_card.md").read_text(encoding="utf-8")
    assert "Off here, so not asked: " in card
    assert "released_code.\n" in card
    assert {record["assurance"] for record in records} <= {"system", "declared"}


def test_deciding_the_same_again_changes_nothing(workspace: SmallWorkspace) -> None:
    before = workspace.rows("audit.promotions")
    decide(workspace, "promotion")
    assert workspace.rows("audit.promotions") == before
    assert aliases(workspace) == {"champion": "1"}


def test_the_same_model_trained_again_is_a_tie_and_does_not_become_champion(workspace: SmallWorkspace) -> None:
    decision = decide(workspace)
    assert decision["outcome"] == "kept"
    assert "+0.0000 [+0.0000, +0.0000], not all above zero" in decision["reason"]
    assert aliases(workspace) == {"champion": "1", "challenger": "2"}
    assert stages() == {"1": "champion", "2": "challenger"}
    assert kinds(workspace, "2") == ["registered", "requested", "checked", "promoted", "compared"]
    (version,) = mlflow.MlflowClient().search_model_versions(f"name = '{NAME}' and version_number = 2")
    assert (version.tags["compliance"], version.tags["comparison"]) == ("passed", "failed")


def test_a_refused_candidate_changes_no_alias_and_its_numbers_are_on_record(workspace: SmallWorkspace) -> None:
    before = aliases(workspace)
    decision = decide(workspace, modes={**LENIENT["modes"], "minimum_roc_auc": "enforce"}, min_roc_auc=0.999)
    assert decision["outcome"] == "rejected"
    assert aliases(workspace) == before
    assert stages()["3"] == "archived"
    assert kinds(workspace, "3") == ["registered", "requested", "checked", "rejected", "archived"]
    (record,) = [row for row in workspace.rows("audit.promotions") if (row["kind"], row["version"]) == ("checked", "3")]
    (gate,) = [gate for gate in json.loads(record["evidence"])["gates"] if gate["name"] == "minimum_roc_auc"]
    assert gate["passed"] is False
    assert gate["limit"] == 0.999
    assert f"{gate['value']:.4f}" in record["comment"]


def test_every_kind_of_evidence_reaches_the_decision(workspace: SmallWorkspace) -> None:
    """Signature, process, tags, data, behaviour and comparison of the run before, each with a number of its own."""
    reports = workspace.data / "reports" / "test"
    decision = json.loads((reports / "promotion.json").read_text(encoding="utf-8"))
    gates = {gate["name"]: gate for gate in decision["gates"]}
    assert set(gates) == set(GATES) - {"approval", "released_code"}, "base switches these two off"
    assert [name for name in EXACT if gates[name]["value"] != 0] == []
    assert gates["row_latency"]["value"] > 0
    assert 0 < gates["model_size"]["value"] < 5
    assert gates["data_quality"]["value"] == 0
    card = (reports / "promotion_card.md").read_text(encoding="utf-8")
    assert "**no: refuses** | minimum_roc_auc (enforce)" in card
    assert "The same customer with the other sex gets the same score. | yes | 0 of" in card
    (version,) = mlflow.MlflowClient().search_model_versions(f"name = '{NAME}' and version_number = 3")
    assert version.tags["table_versions"].count("@") >= 5


def test_comparisons_are_kept_by_version_rival_and_slice(workspace: SmallWorkspace) -> None:
    rows = workspace.rows("audit.comparisons")
    assert {(row["model_version"], row["rival"]) for row in rows} == {
        ("1", "baseline"),
        *((version, rival) for version in "23" for rival in ("baseline", "champion")),
    }
    tie = [row for row in rows if row["model_version"] == "2" and row["rival"] == "champion"]
    assert {row["verdict"] for row in tie} <= {"tie", "undefined"}
    assert {row["slice_key"] for row in tie} == {":all", "sex", "age_band", "education"}


def test_the_evaluation_table_holds_each_version_once(workspace: SmallWorkspace) -> None:
    before = workspace.versions(["audit.evaluations"])
    workspace.run("evaluation")
    assert workspace.versions(["audit.evaluations"]) == before
    assert {row["model_version"] for row in workspace.rows("audit.evaluations")} == {"1", "2", "3"}


def test_as_of_moves_every_split_back(workspace: SmallWorkspace) -> None:
    """A month earlier, the cohort that tested is not labelled yet."""
    workspace.run("training", params={"as_of": "2005-08-31"})
    days: dict[str, set[str]] = {}
    for row in workspace.rows("model_input.training_set@spark"):
        days.setdefault(row["split"], set()).add(str(row["observed_on"]))
    assert days == {
        "train": {"2005-04-30", "2005-05-31"},
        "validation": {"2005-06-30"},
        "test": {"2005-07-31"},
    }


def test_training_ends_before_what_is_scored(
    prepared: SmallWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train and score windows given apart: nothing known after train_until trains, scoring goes to as_of."""
    bank = prepared.copy(tmp_path / "data")
    isolate(bank.data, monkeypatch)
    cutoffs = {"train_until": "2005-08-31", "as_of": "2005-09-30"}
    params = {**cutoffs, "promotion": {"gates": LENIENT}}
    bank.run("training", "evaluation", "promotion", "batch_inference", params=params)
    rows = bank.rows("model_input.training_set@spark")
    assert {str(row["observed_on"]) for row in rows if row["split"] == "test"} == {"2005-07-31"}
    assert max(str(row["label_known_on"]) for row in rows) == "2005-08-31"
    version = max(mlflow.MlflowClient().search_model_versions(f"name = '{NAME}'"), key=lambda each: int(each.version))
    assert version.tags["training_window"].endswith("2005-06-30")
    assert max(str(row["observed_on"]) for row in bank.rows("inference.predictions")) == "2005-09-30"


def test_too_early_an_as_of_says_which_cohorts_there_are(workspace: SmallWorkspace) -> None:
    with pytest.raises(Exception, match="cohort"):
        workspace.run("training", params={"as_of": "2005-05-31"})


def test_a_label_of_one_class_is_named(
    prepared: SmallWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = prepared.copy(tmp_path / "data")
    isolate(bank.data, monkeypatch)
    bank.edit("statements", lambda table: table.assign(pay_status="0"))
    bank.edit("defaults", lambda table: table.assign(default_next_month="0"))
    bank.run("data_prep", "feature_engineering")
    with pytest.raises(Exception, match="missed_payment"):
        bank.run("training")
