"""Deploy code, deploy model and hybrid over three environments of one machine."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from boathouse.cli.main import cli
from boathouse.errors import DeploymentError
from tests.fixtures.released import released
from tests.fixtures.small_workspace import CONF, ROOT, SmallWorkspace
from tests.fixtures.trained_workspace import QUICK

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

__all__ = ["released"]

ENVIRONMENTS = ("dev", "staging", "prod")
# So few customers show no advantage over the rule; what the gates decide is tested elsewhere.
WARN = dict.fromkeys(
    ("minimum_roc_auc", "beats_baseline", "not_worse_than_champion", "demographic_parity", "equalized_odds"), "warn"
)
# Rules are part of the configuration: for one run alone they cannot be given in prod.
RULES: dict[str, dict[str, Any]] = {
    "promotion": {"gates": {"modes": WARN}},
    "governance": {"approvals": {"needed": 0}},
}
PARAMETERS = QUICK | {
    "evaluation": {"bootstrap": {"samples": 20}, "explanation": {"max_rows": 50}},
}


@dataclass(frozen=True)
class Bank:
    """Three environments with features; one configuration, one pattern."""

    conf: Path
    store: str

    def run(self, env: str, *pipelines: str, **options: object) -> None:
        """Run pipelines in an environment."""
        with KedroSession.create(
            project_path=ROOT, env=env, conf_source=str(self.conf), runtime_params=PARAMETERS
        ) as session:
            session.run(pipeline_names=list(pipelines), **options)

    def command(self, *words: str) -> Result:
        """Run a command of the project."""
        return CliRunner().invoke(cli, [*words, "--conf-source", str(self.conf)])

    def copy(self, source: str, target: str) -> None:
        """Copy the first version of model and baseline."""
        for name in ("missed_payment", "missed_payment_baseline"):
            done = self.command(
                "models", "copy", name, "1", "--env", source, "--to", target, "--comment", "On it goes."
            )
            assert done.exit_code == 0, done.output

    def judge(self, env: str) -> None:
        """Make test rows of the environment's own customers, and have the copy judged on them."""
        self.run(env, "training", to_nodes=["training.build_training_set"])
        self.run(env, "evaluation", "promotion")

    def tags(self, env: str) -> dict[str, str]:
        """Return the tags of the environment's first version."""
        client = mlflow.MlflowClient(self.store, self.store)
        return dict(client.get_model_version(f"{env}.models.missed_payment", "1").tags)

    def kinds(self, env: str) -> list[str]:
        """Return what happened to the model there, in order."""
        done = self.command("trace", "1", "--env", env, "--json")
        return [each["kind"] for each in json.loads(done.stdout)["events"]]


def soften(layer: Path) -> None:
    """Write ``RULES`` into the files of one environment's layer."""
    for group, wanted in RULES.items():
        path = layer / group / f"parameters_{group}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        known = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {group: {}}
        path.write_text(yaml.safe_dump(merge(known, {group: wanted})), encoding="utf-8")


def merge(known: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return ``known`` with the values of ``wanted``, group by group."""
    both = {name: merge(known.get(name) or {}, each) for name, each in wanted.items() if isinstance(each, dict)}
    return {**known, **wanted, **both}


@pytest.fixture
def bank(
    request: pytest.FixtureRequest,
    prepared: SmallWorkspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    released: None,
) -> Bank:
    """Return three environments with the same features, under the pattern that the test names."""
    data = tmp_path / "data"
    for name in ENVIRONMENTS:
        shutil.copytree(prepared.data / "lakehouse" / "test", data / "lakehouse" / name)
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf, ignore=shutil.ignore_patterns("local"))
    settings = conf / "base" / "globals.yml"
    text = settings.read_text(encoding="utf-8")
    assert "pattern: code" in text
    settings.write_text(text.replace("pattern: code", f"pattern: {request.param}"), encoding="utf-8")
    for name in ENVIRONMENTS:
        soften(conf / name)
    monkeypatch.setenv("BOATHOUSE_DATA", str(data))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = f"sqlite:///{data / 'mlflow.db'}"
    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    configure_project("boathouse")
    return Bank(conf, store)


@pytest.mark.parametrize("bank", ["code"], indirect=True)
def test_deploy_code_trains_in_every_environment(bank: Bank) -> None:
    for name in ENVIRONMENTS:
        bank.run(name, "training")
        assert bank.tags(name)["environment"] == name
        assert f"{name}.features.spending@0" in bank.tags(name)["table_versions"]
        assert "copied_from" not in bank.tags(name)
    bank.run("prod", "evaluation", "promotion")
    assert bank.kinds("prod")[:3] == ["registered", "requested", "checked"]


@pytest.mark.parametrize("bank", ["model"], indirect=True)
def test_deploy_model_trains_once_and_copies_on(bank: Bank) -> None:
    bank.run("dev", "training")
    for name in ENVIRONMENTS[1:]:
        with pytest.raises(DeploymentError, match=f"'{name}' does not train"):
            bank.run(name, "training")
        assert mlflow.MlflowClient().search_model_versions(f"name = '{name}.models.missed_payment'") == []
    bank.copy("dev", "staging")
    done = bank.command("models", "copy", "missed_payment", "1", "--env", "dev", "--to", "prod", "--comment", "Quick.")
    assert (done.exit_code, "takes versions from 'staging'" in done.output) == (1, True)
    bank.copy("staging", "prod")
    bank.copy("staging", "prod")
    tags = {name: bank.tags(name) for name in ENVIRONMENTS}
    assert len({each["model_digest"] for each in tags.values()}) == 1
    assert {each["environment"] for each in tags.values()} == {"dev"}
    assert tags["prod"]["copied_from"] == "staging.models.missed_payment/1"
    bank.judge("prod")
    assert bank.kinds("prod")[:3] == ["copied", "requested", "checked"]
    traced = json.loads(bank.command("trace", "1", "--env", "prod", "--json").stdout)
    assert traced["source"] == "dev.models.missed_payment/1"
    assert "dev.features.spending" in {each["table"] for each in traced["tables"]}
    assert len(mlflow.MlflowClient().search_model_versions("name = 'prod.models.missed_payment'")) == 1


@pytest.mark.parametrize("bank", ["hybrid"], indirect=True)
def test_hybrid_trains_in_staging_and_copies_to_prod(bank: Bank) -> None:
    bank.run("staging", "training")
    with pytest.raises(DeploymentError, match="models copy missed_payment VERSION --env staging --to prod"):
        bank.run("prod", "training")
    bank.copy("staging", "prod")
    assert (bank.tags("staging")["environment"], bank.tags("prod")["environment"]) == ("staging", "staging")
    bank.judge("prod")
    assert bank.kinds("prod")[:3] == ["copied", "requested", "checked"]
