"""The deployment job with the commands of its YAML: each run takes its own version from registration to champion."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from boathouse.cli.main import cli
from boathouse.environment import open_environment
from boathouse.lifecycle.decided_versions import DecidedVersions
from boathouse.lifecycle.ledger import EVIDENCE, PROMOTIONS, open_ledger
from tests.fixtures.job_runs import EXCLUDED, FAILED, SUCCESS, JobRun, read_job
from tests.fixtures.model_store import EACH_REGISTRY, empty_store, workspace
from tests.fixtures.small_workspace import CONF, SmallWorkspace, isolate
from tests.fixtures.trained_workspace import QUICK

if TYPE_CHECKING:
    from click.testing import Result

    from boathouse.lifecycle.chain import AuditRecord

__all__ = ["empty_store", "workspace"]

NAME = "test.models.missed_payment"
TASKS = ("evaluation", "gates", "passed", "approval", "deployment")
# Three hundred customers prove little, and few resamples less; what is asked here is which version is meant.
OVERLAY: dict[str, Any] = {
    **QUICK,
    "evaluation": {
        "bootstrap": {"samples": 20},
        "comparison": {"samples": 40},
        "explanation": {"max_rows": 50},
        "behaviour": {"entities": 20},
    },
    "promotion": {
        "load": {"repetitions": 3},
        "gates": {
            "modes": {
                "beats_baseline": "warn",
                "minimum_roc_auc": "warn",
                "not_worse_than_champion": "warn",
                "behaviour": "warn",
                "documentation": "enforce",
                "approval": "enforce",
            },
            "required_documents": ["description", "owner", "training_window", "model_digest", "model_card"],
        },
    },
    "governance": {"approvals": {"needed": 1, "carry_out": False}},
}


@dataclass(frozen=True)
class Bank:
    """A lakehouse in which versions are trained, and the configuration that judges them."""

    data: Path
    conf: Path
    patch: pytest.MonkeyPatch

    def job(self, name: str, **parameters: str) -> JobRun:
        """Return a run of a job of the bundle that has not begun."""
        variables = {
            "bundle.target": "test",
            "workspace.file_path": self.conf.parent.as_posix(),
            "var.landing": self.data.as_posix(),
            "var.catalog": "test",
            "var.schema_prefix": "",
        }
        return JobRun(read_job(name), variables, parameters)

    def train(self, count: int = 1) -> None:
        for _ in range(count):
            run = self.job("training")
            assert run.run(self.patch) == {"training": SUCCESS}, run.results["training"].output

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--env", "test", "--conf-source", str(self.conf)])

    def records(self, version: str, table: str = PROMOTIONS) -> list[AuditRecord]:
        environment = open_environment("test", self.conf)
        return [each for each in open_ledger(environment.table(table)).read(NAME) if each.version == version]

    def kinds(self, version: str) -> list[str]:
        return [each.kind for each in self.records(version)]

    def champion(self) -> str:
        lakehouse = {"engine": "sail", "root": f"{self.data}/lakehouse"}
        return DecidedVersions(NAME, lakehouse, environment="test").load("champion").version


@pytest.fixture
def store(request: pytest.FixtureRequest) -> None:
    """Have the registry where the parameter says: beside the runs, or in the stand-in for Unity Catalog."""
    if request.param == "unity_catalog":
        request.getfixturevalue("workspace")


@pytest.fixture
def bank(
    store: None, prepared: SmallWorkspace, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bank:
    data = prepared.copy(tmp_path / "data").data
    (data / "mlflow.db").write_bytes(empty_store.read_bytes())
    isolate(data, monkeypatch)
    monkeypatch.setenv("BOATHOUSE_USER", "tom")
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf, ignore=shutil.ignore_patterns("local"))
    (conf / "test" / "parameters_job.yml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    return Bank(data, conf, monkeypatch)


@EACH_REGISTRY
def test_a_version_is_judged_approved_and_deployed_while_newer_ones_exist(bank: Bank) -> None:
    bank.train(3)
    run = bank.job("deployment", model_name=NAME, model_version="2")
    states = run.run(bank.patch)
    assert states == dict(zip(TASKS, [SUCCESS, SUCCESS, SUCCESS, FAILED, EXCLUDED], strict=True)), _told(run)
    assert (run.values["evaluation"], run.values["gates"]["decision"]) == ({"candidate": "2"}, "waits")
    assert "tag 'approval' is 'not set'" in run.results["approval"].output

    approved = bank.run("models", "approve", "2", "--as", "maria", "--comment", "fair")
    assert approved.exit_code == 0, approved.output
    for key in ("approval", "deployment", "deployment"):
        assert run.start(key, bank.patch).exit_code == 0, run.results[key].output
    assert run.values["deployment"] == {"model_updated": True, "model_version": "2"}
    assert bank.champion() == "2"
    assert [bank.kinds(version) for version in "13"] == [["registered"], ["registered"]]
    assert [bank.records(version, EVIDENCE) for version in "13"] == [[], []]
    assert bank.kinds("2").count("promoted") == 2, "challenger, then champion, each once"

    # What is decided is not judged again, whoever starts the job for it; what the gates made of it stands.
    again = bank.job("deployment", model_name=NAME, model_version="2")
    assert again.run(bank.patch) == {"evaluation": FAILED, **dict.fromkeys(TASKS[1:], EXCLUDED)}
    assert f"{NAME} version 2 is decided already: it is champion" in again.results["evaluation"].output
    before = bank.kinds("2")
    assert run.start("gates", bank.patch).exit_code == 0, run.results["gates"].output
    assert (run.values["gates"]["decision"], bank.kinds("2")) == ("promoted", before)


@EACH_REGISTRY
def test_two_runs_side_by_side_do_not_mix(bank: Bank) -> None:
    bank.train()
    first = bank.job("deployment", model_version="1")
    first.run(bank.patch)
    assert bank.run("models", "approve", "1", "--as", "maria", "--comment", "fair").exit_code == 0
    assert first.start("deployment", bank.patch).exit_code == 0, first.results["deployment"].output

    bank.train(2)
    runs = {version: bank.job("deployment", model_version=version) for version in "23"}
    for task in ("evaluation", "gates", "gates"):  # the second time is a retry
        for version, run in runs.items():
            assert run.start(task, bank.patch).exit_code == 0, run.results[task].output
            assert run.values["evaluation"] == {"candidate": version}
    for version, run in runs.items():
        (evaluated,) = bank.records(version, EVIDENCE)
        (checked,) = (each for each in bank.records(version) if each.kind == "checked")
        (compared,) = (each for each in bank.records(version) if each.kind == "compared")
        assert checked.read_evidence()["evaluation"] == evaluated.hash
        gates = {gate["name"]: gate for gate in checked.read_evidence()["gates"]}
        assert gates["documentation"]["passed"], gates["documentation"]["message"]
        assert (run.values["gates"]["decision"], compared.read_evidence()["outcome"]) == ("refused", "failed")
        assert run.values["gates"]["model_updated"] is False
        assert not run.judge("passed")
    assert bank.champion() == "1"


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_refused_version_ends_the_run_green_and_an_empty_one_means_the_newest_undecided(bank: Bank) -> None:
    bank.train()
    (bank.conf / "test" / "parameters_job.yml").write_text(
        yaml.safe_dump({**OVERLAY, "promotion": _set_limit(OVERLAY["promotion"], min_roc_auc=0.999)}), encoding="utf-8"
    )
    run = bank.job("deployment")
    expected = dict(zip(TASKS, [SUCCESS, SUCCESS, SUCCESS, EXCLUDED, EXCLUDED], strict=True))
    assert run.run(bank.patch) == expected, _told(run)
    assert (run.values["evaluation"]["candidate"], run.values["gates"]["decision"]) == ("1", "refused")
    assert bank.kinds("1")[-1] == "archived"
    card = (bank.data / "reports" / "test" / "promotion_card.md").read_text(encoding="utf-8")
    assert "**no: refuses** | minimum_roc_auc (enforce)" in card

    for given, expected_text in (
        ({"model_version": "9"}, f"{NAME} has no version 9. There are: 1"),
        ({"model_version": "1"}, "version 1 is decided already: it is archived"),
        ({"model_name": "test.models.missed_payment_baseline"}, f"Expected the model {NAME}"),
        ({"model_name": "prod.models.missed_payment"}, f"Expected the model {NAME}"),
    ):
        refused = bank.job("deployment", **given)
        assert refused.start("evaluation", bank.patch).exit_code == 1
        assert expected_text in refused.results["evaluation"].output
        assert "Traceback" not in refused.results["evaluation"].output


def _set_limit(promotion: dict[str, Any], **limits: float) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(promotion))
    changed["gates"]["modes"]["minimum_roc_auc"] = "enforce"
    changed["gates"] |= limits
    return changed


def _told(run: JobRun) -> str:
    return "\n".join(each.output for each in run.results.values())


def test_every_task_of_the_way_to_champion_is_of_the_deployment_job_and_of_one_version() -> None:
    training, deployment = read_job("training"), read_job("deployment")
    assert [each["task_key"] for each in training["tasks"]] == ["training"]
    given = {"evaluation": "{{job.parameters.model_version}}"}
    for task in deployment["tasks"]:
        if "python_wheel_task" in task:
            words = " ".join(task["python_wheel_task"]["parameters"])
            assert given.get(task["task_key"], "{{tasks.evaluation.values.candidate}}") in words
            assert "{{job.parameters.model_name}}" in words
    assert (deployment["max_concurrent_runs"], deployment["queue"]) == (1, {"enabled": True})
    trigger = deployment["trigger"]["model"]
    defaults = {each["name"]: each["default"] for each in deployment["parameters"]}
    assert (trigger["condition"], trigger["securable_name"]) == ("MODEL_VERSION_READY", defaults["model_name"])
