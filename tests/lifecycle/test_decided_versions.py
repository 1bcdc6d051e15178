"""Versions loaded from MLflow's own registry, on SQLite, by what a real ledger decided."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
from kedro.io import DatasetError

from boathouse.environment import Environment
from boathouse.errors import ModelError, OptionError, UndecidedModelError
from boathouse.inference.models import choose_models
from boathouse.lifecycle.datasets import DecidedVersionDataset, DecidedVersionsDataset, RegistryAliasesDataset
from boathouse.lifecycle.decided_versions import DecidedVersions, LedgerVersions, note_what_differs
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.policy import Identity
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.registry_reader import read_registry
from boathouse.lifecycle.steps import open_life_cycle
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.registry.dataset import ModelVersionDataset
from boathouse.scoring.files import MANIFEST, digest_of, seal_files
from tests.fixtures.decided import decide, open_cycle
from tests.fixtures.life_cycle import NAME, decision, options
from tests.fixtures.model_store import empty_store, make_model, store

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

__all__ = ["empty_store", "store"]


@pytest.fixture
def lakehouse(store: Path) -> dict[str, str]:
    """Return a lakehouse whose ledger has champion 2 and previous 1 of two versions."""
    root = store.parent / "lakehouse"
    for version, risk in (("1", 0.6), ("2", 0.7)):
        ModelVersionDataset(name=NAME).save(make_model(risk))
        decide(root, NAME, version)
    return {"engine": "sail", "root": root.as_posix()}


def champion_entry(lakehouse: dict[str, str], **options: Any) -> DecidedVersionDataset:
    return DecidedVersionDataset(name=NAME, alias="champion", lakehouse=lakehouse, **options)


def kinds(store: Path) -> list[str]:
    return [each.kind for each in open_cycle(store.parent / "lakehouse", NAME).ledger.read()]


def test_the_champion_of_the_catalog_is_the_ledgers(lakehouse: dict[str, str]) -> None:
    entry = champion_entry(lakehouse)
    assert entry.exists()
    loaded = entry.load()
    assert isinstance(loaded, LoadedModel)
    assert (loaded.version, loaded.alias, entry.last_loaded_version) == ("2", "champion", "2")
    assert dict(loaded.files) == dict(make_model(0.7).files)
    assert DecidedVersionsDataset(name=NAME, lakehouse=lakehouse).load().load("1").version == "1"
    entry = RegistryAliasesDataset(name=NAME, table="test.audit.promotions", lakehouse=lakehouse)  # type: ignore[assignment]
    assert entry.load() == {"champion": "2", "previous": "1"}


def change_files(store: Path, version: str) -> str:
    """Replace the files of a version by others that are sealed as well; return their digest."""
    digest = str(mlflow.MlflowClient().get_model_version(NAME, version).tags["model_digest"])
    (manifest,) = (each for each in store.parent.rglob(MANIFEST) if digest_of({MANIFEST: each.read_bytes()}) == digest)
    files = {path.name: path.read_bytes() for path in manifest.parent.iterdir() if path.name != MANIFEST}
    sealed = seal_files({**files, "spec.json": files["spec.json"] + b" "})
    for name, content in sealed.items():
        (manifest.parent / name).write_bytes(content)
    return digest_of(sealed)


def move_champion(_: Path) -> None:
    mlflow.MlflowClient().set_registered_model_alias(NAME, "champion", "1")


def delete_champion(_: Path) -> None:
    mlflow.MlflowClient().delete_registered_model_alias(NAME, "champion")


def change_files_and_tag(store: Path) -> None:
    mlflow.MlflowClient().set_model_version_tag(NAME, "2", "model_digest", change_files(store, "2"))


def change_tag(_: Path) -> None:
    mlflow.MlflowClient().set_model_version_tag(NAME, "2", "model_digest", "0" * 64)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (move_champion, "Alias 'champion' of test.models.late is version 1 in the registry"),
        (delete_champion, "Alias 'champion' of test.models.late is not set in the registry"),
        (change_files_and_tag, "Version 2 of test.models.late has digest"),
        (change_tag, "Version 2 of test.models.late has digest 0000000000000000"),
    ],
)
def test_what_was_changed_past_the_ledger_is_refused_by_all_who_score(
    lakehouse: dict[str, str], store: Path, change: Any, told: str
) -> None:
    change(store)
    versions = DecidedVersions(NAME, lakehouse, environment="test")
    for load in (
        champion_entry(lakehouse).load,
        champion_entry(lakehouse, missing_ok=True).load,
        lambda: versions.load("champion"),
        lambda: versions.resolve("champion"),
        RegistryAliasesDataset(name=NAME, table="test.audit.promotions", lakehouse=lakehouse).load,
        lambda: LedgerVersions(lakehouse).find(NAME)("champion"),
    ):
        with pytest.raises((UndecidedModelError, DatasetError), match=told) as refused:
            load()
        assert isinstance(refused.value.__cause__ or refused.value, UndecidedModelError)
    # On record once, before anybody sets it back.
    assert kinds(store).count("differed") == 1
    assert kinds(store).count("synced") == 0


def test_a_tag_changed_alone_is_set_back_and_files_are_not(lakehouse: dict[str, str], store: Path) -> None:
    cycle = open_cycle(store.parent / "lakehouse", NAME)
    change_tag(store)
    (change,) = cycle.synchronize().changes
    assert str(change).startswith("tag 'model_digest' of version 2 set to")
    assert DecidedVersions(NAME, lakehouse, environment="test").load("champion").version == "2"
    change_files_and_tag(store)
    assert cycle.synchronize().changes == ()
    with pytest.raises(UndecidedModelError, match="boathouse models rollback test.models.late --env test"):
        DecidedVersions(NAME, lakehouse, environment="test").load("champion")
    cycle.rollback(comment="somebody changed its files")
    assert DecidedVersions(NAME, lakehouse, environment="test").load("champion").version == "1"


def test_another_environment_that_asks_writes_nothing_into_the_ledger(lakehouse: dict[str, str], store: Path) -> None:
    move_champion(store)
    with pytest.raises(UndecidedModelError):
        DecidedVersions(NAME, lakehouse, environment="dev").load("champion")
    assert "differed" not in kinds(store)
    assert note_what_differs(NAME, lakehouse) == [
        "Alias champion is version 1 in the registry and version 2 in the ledger."
    ]
    assert kinds(store)[-1] == "differed"


def test_a_version_that_nobody_recorded_does_not_score(lakehouse: dict[str, str]) -> None:
    ModelVersionDataset(name=NAME).save(make_model(0.9))
    with pytest.raises(UndecidedModelError, match="has no version 3.*record it: boathouse models sync"):
        DecidedVersions(NAME, lakehouse, environment="test").load("3")


def test_without_a_ledger_nothing_scores(lakehouse: dict[str, str], tmp_path: Path) -> None:
    elsewhere = {**lakehouse, "root": (tmp_path / "nowhere").as_posix()}
    with pytest.raises(DatasetError, match="test.audit.promotions decided: not set"):
        champion_entry(elsewhere).load()
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "nowhere" / "test" / "audit" / "promotions" / "_delta_log").mkdir(parents=True)
    log = tmp_path / "nowhere" / "test" / "audit" / "promotions" / "_delta_log" / f"{0:020}.json"
    log.write_text("no log", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"The ledger test.audit.promotions cannot be read \("):
        champion_entry(elsewhere).load()


def test_a_run_without_champion_is_told_who_has_to_approve(store: Path) -> None:
    root = store.parent / "lakehouse"
    ModelVersionDataset(name=NAME).save(make_model())
    cycle = replace(open_cycle(root, NAME), options=options(needed=1))
    record_decision(cycle, decision("1"))
    cycle.sync()
    found = champion_entry({"engine": "sail", "root": root.as_posix()}, missing_ok=True).load()
    assert isinstance(found, NoModel)
    with pytest.raises(ModelError, match="No model is champion in environment 'test'. Version 1 of .* waits for appro"):
        choose_models(found, None, {}, version=None, with_challenger=False, environment="test")
    with pytest.raises(DatasetError, match="boathouse requests list --env test"):
        champion_entry({"engine": "sail", "root": root.as_posix()}).load()


def test_an_unknown_alias_is_refused_before_anything_is_read() -> None:
    with pytest.raises(OptionError, match="challenger, champion, previous"):
        DecidedVersionDataset(name=NAME, alias="best", lakehouse={"engine": "sail", "root": "nowhere"})


def test_the_registry_is_read_from_its_file_as_mlflow_reads_it(lakehouse: dict[str, str], store: Path) -> None:
    client = mlflow.MlflowClient()
    client.update_model_version(NAME, "1", "Mine, with 'quotes'.")
    client.set_registered_model_alias(NAME, "mine", "1")
    ModelVersionDataset(name=NAME).save(make_model(0.9))
    client.delete_model_version(NAME, "3")
    conf = {"mlflow": {"server": {"mlflow_tracking_uri": f"sqlite:///{store}"}}}
    environment = Environment("test", lakehouse, conf)
    found = read_registry(environment, NAME)
    assert found == ModelRegistry(NAME).read()
    assert (found.shown, list(found.versions)) == (len(kinds(store)), ["1", "2"])
    assert read_registry(environment, "test.models.other") == ModelRegistry("test.models.other").read()


# Two people at once


def act(root: str, uri: str, step: str, actor: str, barrier: Barrier, answers: Queue[Any]) -> None:
    """Make a step as soon as the other process is ready; answer with the outcome and what was told."""
    mlflow.set_tracking_uri(uri)
    told: list[str] = []
    environment = Environment("test", {"engine": "sail", "root": root})
    cycle = replace(open_life_cycle(environment, NAME, options(), Identity(actor, "system")), tell=told.append)
    cycle.sync()
    barrier.wait(120)
    try:
        state = cycle.promote("3", comment="now") if step == "promote" else cycle.rollback(comment="worse")
        answers.put((actor, state.champion, told))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        answers.put((actor, f"{type(error).__name__}: {error}", told))


@pytest.mark.parametrize(("step", "kind", "champion"), [("promote", "promoted", "3"), ("rollback", "rolled_back", "1")])
def test_two_processes_at_once_have_one_effect_and_both_end_well(
    lakehouse: dict[str, str], store: Path, capfd: pytest.CaptureFixture[str], step: str, kind: str, champion: str
) -> None:
    ModelVersionDataset(name=NAME).save(make_model(0.8))
    cycle = open_cycle(store.parent / "lakehouse", NAME)
    record_decision(replace(cycle, options=options(needed=1)), decision("3", champion="2"))
    cycle.sync()
    before = kinds(store).count(kind)
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    people = [
        context.Process(
            target=act, args=(lakehouse["root"], f"sqlite:///{store}", step, actor, barrier, answers), daemon=True
        )
        for actor in ("ann", "bob")
    ]
    for each in people:
        each.start()
    found = [answers.get(timeout=240) for _ in people]
    for each in people:
        each.join(60)
    assert [outcome for _, outcome, _ in found] == [champion, champion]
    assert kinds(store).count(kind) == before + 1
    assert {"refused", "differed", "synced"}.isdisjoint(kinds(store))
    (told,) = (told for _, _, told in found if told)
    assert "already, by " in told[0]
    assert ModelRegistry(NAME).read().aliases["champion"] == champion
    written = "".join(capfd.readouterr())
    assert not [line for line in written.splitlines() if "sqlite" in line.lower() or "Traceback" in line]
