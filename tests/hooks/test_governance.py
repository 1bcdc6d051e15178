"""A run writes in its own environment only, and the models it registers go on record."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kedro.io import DatasetError

from boathouse.environment import Environment
from boathouse.errors import LifeCycleError, TableError, UndecidedModelError
from boathouse.hooks.governance import GovernanceHooks, record_registration
from boathouse.inference.datasets import RequestStreamDataset
from boathouse.lifecycle.evidence import SourceState
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Identity
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.tables.dataset import DeltaTableDataset
from boathouse.use_case import USE_CASE
from tests.fixtures.life_cycle import APPROVALS, options
from tests.fixtures.model_store import NAME, empty_store, make_model, store

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["empty_store", "store"]

GOVERNANCE: dict[str, Any] = {
    "released_runs": "off",
    "released_code": "clean_commit",
    "approvals": APPROVALS,
    "roles": options().roles,
}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment("test", {"engine": "sail", "root": (tmp_path / "lake").as_posix()})


def begin(
    environment: Environment, catalog: dict[str, Any], governance: dict[str, Any] | None = None
) -> GovernanceHooks:
    """Return hooks of a run with ``catalog``."""
    hooks = GovernanceHooks()
    names = {"catalog": environment.catalog, "schema_prefix": environment.schema_prefix}
    loader = {
        "globals": {"environment": environment.name, "lakehouse": environment.lakehouse, **names},
        "parameters": {"governance": governance or GOVERNANCE},
    }
    hooks.after_context_created(SimpleNamespace(config_loader=loader))  # type: ignore[arg-type]
    hooks.before_pipeline_run(catalog)  # type: ignore[arg-type]
    return hooks


def test_a_registered_version_is_tagged_and_on_record_before_the_next_node(
    environment: Environment, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOATHOUSE_USER", "tom")
    source = SourceState(commit="abc", branch="main", dirty="true")
    monkeypatch.setattr("boathouse.hooks.governance.read_source_state", lambda: source)
    dataset = ModelVersionDataset(name=NAME)
    hooks = begin(environment, {"models.candidate": dataset})
    hooks.before_dataset_saved("models.candidate")
    dataset.save(make_model())
    hooks.after_dataset_saved("models.candidate")
    tags = ModelRegistry(NAME).read().versions["1"].tags
    assert (tags["trained_by"], tags["released_code"], tags["git_sha"]) == ("tom", "false", "abc")
    created, record = open_ledger(environment.table(PROMOTIONS)).read()
    assert (created.kind, created.version, created.who) == ("created", None, "tom (declared)")
    assert (record.kind, record.version, record.actor, record.digest) == (
        "registered",
        "1",
        "tom",
        tags["model_digest"],
    )
    assert record.read_evidence()["released_code"] == "false"
    assert (record.assurance, record.read_evidence()["identity"]) == ("declared", "declared")
    code = record.read_evidence()["code"]
    assert (code["commit"], code["dirty"], code["is_wheel"]) == ("abc", "true", False)
    assert isinstance(code["conf_released"], bool)


@pytest.mark.parametrize(("dirty", "released"), [("false", "true"), ("true", "false"), ("unknown", "false")])
def test_the_tag_tells_whether_the_code_was_released(
    environment: Environment, store: Path, monkeypatch: pytest.MonkeyPatch, dirty: str, released: str
) -> None:
    source = SourceState(commit="abc", branch="main", dirty=dirty)
    monkeypatch.setattr("boathouse.hooks.governance.read_source_state", lambda: source)
    ModelVersionDataset(name=NAME).save(make_model())
    rules = options()
    object.__setattr__(rules, "released_code", "clean_commit")
    record_registration(environment, rules, Identity("tom", "system"), NAME, "1")
    assert ModelRegistry(NAME).read().versions["1"].tags["released_code"] == released


def test_a_model_of_another_environment_cannot_be_registered_and_the_try_is_on_record(environment: Environment) -> None:
    hooks = begin(environment, {"models.candidate": ModelVersionDataset(name="prod.models.late")})
    with pytest.raises(LifeCycleError, match="belongs to environment 'prod', not to 'test'"):
        hooks.before_dataset_saved("models.candidate")
    (record,) = open_ledger(environment.table(PROMOTIONS)).read()
    assert (record.kind, record.subject) == ("refused", "prod.models.late")


def test_a_table_of_another_environment_cannot_be_written(environment: Environment) -> None:
    table = DeltaTableDataset(table="prod.clean.rows", lakehouse=environment.lakehouse)
    own = DeltaTableDataset(table="test.clean.rows", lakehouse=environment.lakehouse)
    answers = RequestStreamDataset(
        table="prod.inference.answers",
        source="test.raw.requests",
        lakehouse=environment.lakehouse,
        checkpoints="unused",
        contract=USE_CASE.contracts["inference.stream_predictions"],
    )
    hooks = begin(environment, {"clean.rows": table, "clean.own": own, "inference.answers": answers})
    hooks.before_dataset_saved("clean.own")
    with pytest.raises(TableError, match=r"prod.clean.rows"):
        hooks.before_dataset_saved("clean.rows")
    with pytest.raises(TableError, match=r"prod.inference.answers"):
        hooks.before_dataset_saved("inference.answers")


@pytest.mark.parametrize("foreign", ["test.", "prod.dev_alice_", "bank.dev_bob_", "bank."])
def test_only_own_catalog_and_schemas_can_be_written(environment: Environment, foreign: str) -> None:
    mine = replace(environment, catalog="bank", schema_prefix="dev_alice_")
    catalog: dict[str, Any] = {}
    for key, start in (("own", "bank.dev_alice_"), ("other", foreign)):
        catalog[f"{key}.table"] = DeltaTableDataset(table=f"{start}clean.rows", lakehouse=mine.lakehouse)
        catalog[f"{key}.model"] = ModelVersionDataset(name=f"{start}models.late")
    hooks = begin(mine, catalog)
    hooks.before_dataset_saved("own.table")
    hooks.before_dataset_saved("own.model")
    with pytest.raises(TableError, match=r"clean\.rows"):
        hooks.before_dataset_saved("other.table")
    with pytest.raises(LifeCycleError, match="environment '.*', which changes its own models only|begin with bank.dev"):
        hooks.before_dataset_saved("other.model")
    assert {each.kind for each in open_ledger(mine.table(PROMOTIONS)).read()} == {"refused"}


def test_a_project_without_rules_runs_without_them(environment: Environment) -> None:
    hooks = GovernanceHooks()
    loader = {"globals": {"environment": "test", "lakehouse": environment.lakehouse}, "parameters": {}}
    hooks.after_context_created(SimpleNamespace(config_loader=loader))  # type: ignore[arg-type]
    hooks.before_pipeline_run({"models.candidate": ModelVersionDataset(name="prod.models.late")})  # type: ignore[arg-type]
    hooks.before_dataset_saved("models.candidate")
    hooks.after_pipeline_run()
    assert open_ledger(environment.table(PROMOTIONS)).read() == []
    # The same save is refused where there are rules.
    with pytest.raises(LifeCycleError, match="belongs to environment 'prod'"):
        begin(environment, {"models.candidate": ModelVersionDataset(name="prod.models.late")}).before_dataset_saved(
            "models.candidate"
        )


def test_messages_are_sent_when_there_is_news_whether_the_run_fails_or_not(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        "boathouse.lifecycle.delivery.deliver_quietly", lambda environment, options: sent.append("once")
    )
    hooks = begin(environment, {"audit.promotions": object()})
    hooks.after_pipeline_run()
    assert sent == []
    hooks.after_dataset_saved("audit.promotions")
    hooks.on_pipeline_error(RuntimeError("killed"))
    assert sent == ["once"]


def test_a_run_that_finds_the_registry_changed_past_the_ledger_sends_that(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        "boathouse.lifecycle.delivery.deliver_quietly", lambda environment, options: sent.append("once")
    )
    hooks = begin(environment, {"models.champion": object()})
    hooks.on_pipeline_error(RuntimeError("killed"))
    assert sent == []
    refusal = DatasetError("cannot be loaded")
    refusal.__cause__ = UndecidedModelError.alias_moved(NAME, "champion", "1", "2", ledger="test.audit.promotions")
    hooks.on_pipeline_error(refusal)
    assert sent == ["once"]
