"""The state of a model in MLflow's own registry, on SQLite, with real files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import pytest

from boathouse.environment import Environment
from boathouse.errors import ModelError, UntrustedModelError
from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.decided_versions import DecidedVersions
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.deployment import copy_version
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Identity
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.steps import open_life_cycle
from boathouse.registry.dataset import ModelVersionDataset
from tests.fixtures.life_cycle import NAME, decision, options
from tests.fixtures.model_store import empty_store, make_model, store

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.lifecycle.steps import LifeCycle

__all__ = ["empty_store", "store"]


@pytest.fixture
def setup(tmp_path: Path, store: Path) -> Environment:
    return Environment("test", {"engine": "sail", "root": (tmp_path / "lake").as_posix()})


def cycle(setup: Environment, actor: str = "vera", name: str = NAME, **approvals: Any) -> LifeCycle:
    return open_life_cycle(setup, name, options(**approvals), Identity(actor, "system"))


def train(risk: float) -> None:
    ModelVersionDataset(name=NAME).save(make_model(risk))


def judge(setup: Environment, version: str, champion: str | None) -> None:
    record_decision(cycle(setup, "tom"), decision(version, champion=champion))
    cycle(setup).sync()


def test_a_life_from_registration_to_rollback_and_copy(setup: Environment) -> None:
    for number, risk in enumerate((0.6, 0.7), 1):
        train(risk)
        judge(setup, str(number), str(number - 1) if number > 1 else None)
    client = mlflow.MlflowClient()
    assert ModelRegistry(NAME).read().aliases == {"champion": "2", "previous": "1"}
    page = client.get_model_version(NAME, "2").description
    assert "Gates: promoted." in page
    cycle(setup).rollback(comment="worse since noon")
    loaded = DecidedVersions.of(setup, NAME).load("champion")
    assert loaded.version == "1"
    assert client.get_model_version(NAME, "2").tags["stage"] == "archived"
    assert plan_changes(cycle(setup).read(), ModelRegistry(NAME).read()) == []

    prod = Environment("prod", setup.lakehouse)
    state, copied = copy_version(setup, NAME, "1", cycle(prod, name="prod.models.late"), comment="to prod")
    assert (copied, state.versions["1"].source) == ("1", f"{NAME}/1")
    twin = ModelVersionDataset(name="prod.models.late").load()
    assert (twin.files, twin.tags["stage"]) == (loaded.files, "registered")
    assert ModelRegistry("prod.models.late").read().aliases == {}
    assert open_ledger(setup.table(PROMOTIONS)).verify() == open_ledger(prod.table(PROMOTIONS)).verify() == []


def test_files_changed_after_the_check_are_not_promoted(setup: Environment, store: Path) -> None:
    train(0.6)
    record_decision(cycle(setup, "tom", needed=1), decision("1"))
    cycle(setup).sync()
    (spec,) = store.parent.rglob("spec.json")
    spec.write_bytes(spec.read_bytes() + b" ")
    with pytest.raises(UntrustedModelError, match=r"spec\.json"):
        cycle(setup, needed=1).approve("1", comment="yes")
    assert open_ledger(setup.table(PROMOTIONS)).read()[-1].kind == "refused"


def test_files_with_a_new_manifest_of_their_own_are_still_other_files(setup: Environment, store: Path) -> None:
    """Whoever changes file and manifest together is found by the digest on record."""
    from boathouse.scoring.files import MANIFEST, seal_files

    train(0.6)
    record_decision(cycle(setup, "tom", needed=1), decision("1"))
    cycle(setup).sync()
    (manifest,) = store.parent.rglob(MANIFEST)
    files = {path.name: path.read_bytes() for path in manifest.parent.iterdir() if path.name != MANIFEST}
    files["spec.json"] += b" "
    for name, content in seal_files(files).items():
        (manifest.parent / name).write_bytes(content)
    with pytest.raises(Exception, match="are not those on record"):
        cycle(setup, needed=1).approve("1", comment="yes")


def test_a_version_registered_past_the_ledger_is_noted_by_the_next_step(setup: Environment) -> None:
    train(0.6)
    assert open_ledger(setup.table(PROMOTIONS)).read() == []
    assert list(cycle(setup).sync().versions) == ["1"]
    assert [record.kind for record in open_ledger(setup.table(PROMOTIONS)).read()] == ["created", "registered"]


def test_a_store_that_cannot_be_used_is_named(setup: Environment, store: Path) -> None:
    store.write_bytes(b"no database")
    with pytest.raises(ModelError, match="MLflow store cannot be used"):
        cycle(setup).sync()
    assert open_ledger(setup.table(PROMOTIONS)).read() == []


def test_a_model_that_is_not_registered_has_no_state(setup: Environment) -> None:
    state = ModelRegistry("test.models.other").read()
    assert (state.versions, state.aliases) == ({}, {})
