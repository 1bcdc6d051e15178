"""The state of a model in MLflow's own registry, on SQLite and in Unity Catalog, with real files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mlflow
import pytest

from boathouse.environment import Environment
from boathouse.errors import LifeCycleError, ModelError, UntrustedModelError
from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.datasets import CandidateDataset
from boathouse.lifecycle.decided_versions import DecidedVersions
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.deployment import copy_version
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Identity
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.steps import open_life_cycle
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.rehearsal.workspace.answers import ServiceError
from tests.fixtures.life_cycle import NAME, decision, options
from tests.fixtures.model_store import EACH_REGISTRY, empty_store, find_stored, make_model, store, workspace

if TYPE_CHECKING:
    from pathlib import Path

    from boathouse.lifecycle.steps import LifeCycle

__all__ = ["empty_store", "store", "workspace"]

pytestmark = EACH_REGISTRY


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


def test_a_copy_goes_into_another_catalog_under_the_same_short_name_with_its_signature(setup: Environment) -> None:
    staging = replace(setup, name="staging", catalog="bank", schema_prefix="stage_")
    prod = replace(setup, name="prod", catalog="ml_prod")
    source, target = (each.namespace.full_name("models.late") for each in (staging, prod))
    assert (source, target) == ("bank.stage_models.late", "ml_prod.models.late")
    ModelVersionDataset(name=source).save(make_model(0.6))
    record_decision(cycle(staging, "tom", source), replace(decision("1"), model=source))
    cycle(staging, name=source).sync()
    into = cycle(prod, name=target)
    for _ in range(2):
        state, copied = copy_version(staging, source, "1", into, comment="to prod")
        assert (copied, list(state.versions), state.versions["1"].source) == ("1", ["1"], f"{source}/1")
    first, twin = (ModelVersionDataset(name=name, version="1").load() for name in (source, target))
    assert twin.schema == first.schema
    assert [name for name, _ in twin.schema.outputs][:2] == ["probability", "decision"]
    assert ModelRegistry(source).read().aliases == {"champion": "1"}
    records = open_ledger(prod.table(PROMOTIONS)).read()
    assert {each.subject for each in records} == {target}
    assert open_ledger(staging.table(PROMOTIONS)).read(target) == []


def test_versions_beyond_the_first_page_of_a_search_are_read(setup: Environment) -> None:
    for number in range(11):
        train(0.5 + number / 100)
    assert sorted(ModelRegistry(NAME).read().versions, key=int) == [str(number) for number in range(1, 12)]
    assert list(cycle(setup).sync().versions) == [str(number) for number in range(1, 12)]
    dataset = CandidateDataset(name=NAME, lakehouse=setup.lakehouse)
    assert dataset.load().version == "11"  # type: ignore[union-attr] # there are versions


def test_of_two_promotions_at_once_one_is_made_and_the_registry_shows_it(setup: Environment) -> None:
    for number in range(3):
        train(0.6 + number / 100)
    judge(setup, "1", None)
    for version in "23":
        record_decision(cycle(setup, "tom", needed=1), decision(version, champion="1"))
    cycle(setup).sync()

    def promote(version: str) -> str:
        try:
            return str(cycle(setup).promote(version, comment="now").champion)
        except LifeCycleError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip("23", pool.map(promote, "23"), strict=True))
    (winner,) = (version for version, answer in answers.items() if answer == version)
    (loser,) = answers.keys() - {winner}
    assert f"was held against champion 1, but {winner} is champion now" in answers[loser]
    assert ModelRegistry(NAME).read().aliases["champion"] == winner == cycle(setup).read().champion
    assert DecidedVersions.of(setup, NAME).load("champion").version == winner


def test_files_changed_after_the_check_are_not_promoted(setup: Environment, store: Path) -> None:
    train(0.6)
    record_decision(cycle(setup, "tom", needed=1), decision("1"))
    cycle(setup).sync()
    spec = find_stored("spec.json", store)
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
    manifest = find_stored(MANIFEST, store)
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


def test_a_store_that_cannot_be_used_is_named(setup: Environment, request: pytest.FixtureRequest, store: Path) -> None:
    if "workspace" in request.fixturenames:
        gone = ServiceError("TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable.")
        request.getfixturevalue("workspace").refusals["SearchModelVersions"] = gone
    else:
        store.write_bytes(b"no database")
    with pytest.raises(ModelError, match="MLflow store cannot be used"):
        cycle(setup).sync()
    assert open_ledger(setup.table(PROMOTIONS)).read() == []


def test_a_model_that_is_not_registered_has_no_state(setup: Environment) -> None:
    state = ModelRegistry("test.models.other").read()
    assert (state.versions, state.aliases) == ({}, {})
