"""Killed before or after any step that changes something, and called again: ledger, registry and outbox agree."""

from __future__ import annotations

import shutil
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import LifeCycleError, ModelError
from boathouse.lifecycle import ledger
from boathouse.lifecycle.copying import copy_version
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Webhook
from boathouse.lifecycle.registry import plan_changes
from boathouse.lifecycle.steps import record_decision
from boathouse.lifecycle.webhooks import derive_messages
from tests.fixtures.life_cycle import Fuse, KilledError, LifeSetup, MemoryRegistry, decision, options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING = Webhook(name="all", kind="command", events=["*"], command=["true"])


def decide(house: LifeSetup) -> None:
    record_decision(house.life("tom"), decision("3", champion="2"))
    house.life("tom").mend()


def ask(house: LifeSetup) -> None:
    """Leave version 3 judged, challenger, and requested for production."""
    record_decision(house.life("tom", options(needed=1)), decision("3", champion="2"))
    house.life("tom").mend()


OPERATIONS: dict[str, tuple[Callable[[LifeSetup], Any], Callable[[LifeSetup], Any]]] = {
    "decide": (lambda house: house.life().mend(), decide),
    "promote": (ask, lambda house: house.life("ann").promote("3", comment="now")),
    "approve": (ask, lambda house: house.life("ann", options(needed=1)).approve("3", comment="yes")),
    "rollback": (ask, lambda house: house.life("ann").rollback(comment="worse")),
    "request": (lambda house: house.life().mend(), lambda house: house.life().request("3", to="staging", comment="x")),
}
# Asked again, these answer that it was done: there is no doing them twice.
ANSWERED = ("approve", "request", "archive")
OPERATIONS["archive"] = (ask, lambda house: house.life().archive("3", comment="x"))


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[LifeSetup, Fuse], None]:
    """Return what puts a fuse into the ledger's commits and the registry's changes."""
    add = ledger.PathTable.add

    def put(house: LifeSetup, fuse: Fuse) -> None:
        house.registry.fuse = fuse
        monkeypatch.setattr(
            ledger.PathTable, "add", lambda self, rows, *, after: fuse.burn(lambda: add(self, rows, after=after))
        )

    return put


def copy_house(house: LifeSetup, folder: Path) -> LifeSetup:
    """Return the same house, whatever has happened in it, in another folder."""
    shutil.copytree(house.house.lakehouse["root"], folder)
    registry = MemoryRegistry(
        versions=dict(house.registry.versions),
        aliases=dict(house.registry.aliases),
        digests=dict(house.registry.digests),
    )
    return LifeSetup(replace(house.house, lakehouse={**house.house.lakehouse, "root": folder.as_posix()}), registry)


def begin(name: str, furnished: LifeSetup, folder: Path) -> LifeSetup:
    """Return a house in which the operation can be made."""
    house = copy_house(furnished, folder)
    OPERATIONS[name][0](house)
    return house


def state(house: LifeSetup) -> tuple[Any, ...]:
    """Return what has to be the same whether there was a crash or not."""
    records = [(each.kind, each.version, each.actor) for each in house.records() if each.kind != "refused"]
    messages = [each.event for each in derive_messages(house.records(), [EVERYTHING]) if each.event != "refused"]
    return house.registry.aliases, house.registry.versions, records, messages


def again(name: str, house: LifeSetup) -> None:
    with suppress(LifeCycleError) if name in ANSWERED else nullcontext():
        OPERATIONS[name][1](house)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_called_again_after_a_kill_at_any_step_it_is_complete(
    name: str, *, after: bool, furnished: LifeSetup, tmp_path: Path, cut_off: Callable[[LifeSetup, Fuse], None]
) -> None:
    prepared, counter = begin(name, furnished, tmp_path / "prepared"), Fuse()
    smooth = copy_house(prepared, tmp_path / "smooth")
    cut_off(smooth, counter)
    OPERATIONS[name][1](smooth)
    assert counter.steps >= 1
    for step in range(1, counter.steps + 1):
        cut_off(smooth, Fuse())
        house = copy_house(prepared, tmp_path / f"step{step}")
        cut_off(house, Fuse(at=step, after=after))
        with pytest.raises(KilledError):
            OPERATIONS[name][1](house)
        assert list(house.registry.aliases).count("champion") == 1
        cut_off(house, Fuse())
        again(name, house)
        assert plan_changes(house.life().read(), house.registry.read()) == []
        assert open_ledger(house.house.table(PROMOTIONS)).verify() == []
        assert state(house) == state(smooth)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_registry_that_does_not_answer_stops_a_step_before_its_record(
    name: str, furnished: LifeSetup, tmp_path: Path
) -> None:
    house = begin(name, furnished, tmp_path / "lake")
    before, house.registry.down = house.records(), True
    with pytest.raises(ModelError, match="MLflow store cannot be used"):
        OPERATIONS[name][1](house)
    assert house.records() == before


@pytest.mark.parametrize("name", ["decide", "promote", "rollback", "approve"])
@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_registry_that_fails_in_the_middle_is_brought_in_line_by_any_later_step(
    name: str, answers: int, furnished: LifeSetup, tmp_path: Path
) -> None:
    house = begin(name, furnished, tmp_path / "lake")
    house.registry.down_after = answers
    with pytest.raises(ModelError, match="MLflow store cannot be used"):
        OPERATIONS[name][1](house)
    house.registry.down, house.registry.down_after = False, None
    house.life("somebody else").mend()
    assert plan_changes(house.life().read(), house.registry.read()) == []
    champion = {"decide": "3", "promote": "3", "approve": "3", "rollback": "1"}[name]
    assert house.registry.aliases["champion"] == champion


class SharedRegistry(MemoryRegistry):
    """A registry of the second environment that copies out of the first."""

    source: MemoryRegistry

    def copy_from(self, source: str, version: str) -> str:
        def copy() -> str:
            made = self.register(digest=self.source.digests[version])
            self.versions[made] = replace(self.versions[made], tags=dict(self.source.versions[version].tags))
            return made

        found: str = self.fuse.burn(copy)
        return found

    def delete(self, version: str) -> None:
        self.fuse.burn(lambda: self.versions.pop(version))


@pytest.fixture
def twin(tmp_path: Path) -> LifeSetup:
    """Return a house of another environment, which knows no model yet."""
    return make_twin(tmp_path / "twin")


def make_twin(folder: Path) -> LifeSetup:
    from boathouse.environment import Environment

    return LifeSetup(
        Environment("prod", {"engine": "sail", "root": folder.as_posix()}), SharedRegistry(name="prod.models.late")
    )


def copy(house: LifeSetup, twin: LifeSetup) -> tuple[Any, str]:
    assert isinstance(twin.registry, SharedRegistry)
    twin.registry.source = house.registry
    return copy_version(house.house, "test.models.late", "2", twin.life("ann"), comment="to prod")


@pytest.fixture
def copying(house: LifeSetup, monkeypatch: pytest.MonkeyPatch) -> LifeSetup:
    """Return the house to copy from, whose registry is found by name."""
    monkeypatch.setattr("boathouse.lifecycle.copying.ModelRegistry", lambda name: house.registry)
    return house


def test_a_copy_keeps_its_lineage_and_begins_its_own_life(copying: LifeSetup, twin: LifeSetup) -> None:
    life, version = copy(copying, twin)
    assert version == "1"
    assert twin.registry.aliases == {}
    tags = twin.registry.versions["1"].tags
    assert (tags["stage"], tags["copied_from"]) == ("registered", "test.models.late/2")
    assert not {"comparison", "promotion", "gates"} & set(tags)
    assert life.versions["1"].digest == "digest2"
    (record,) = twin.records()
    assert record.read_evidence()["checked"] == "promoted"


def test_copied_again_it_is_the_same_copy(copying: LifeSetup, twin: LifeSetup) -> None:
    assert copy(copying, twin)[1] == copy(copying, twin)[1] == "1"
    assert list(twin.registry.versions) == ["1"]
    assert [each.kind for each in twin.records()] == ["copied"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_copy_killed_at_any_step_is_completed(
    copying: LifeSetup, tmp_path: Path, cut_off: Callable[[LifeSetup, Fuse], None], *, after: bool
) -> None:
    smooth, counter = make_twin(tmp_path / "smooth"), Fuse()
    cut_off(smooth, counter)
    copy(copying, smooth)
    for step in range(1, counter.steps + 1):
        twin = make_twin(tmp_path / f"twin{step}")
        cut_off(twin, Fuse(at=step, after=after))
        with pytest.raises(KilledError):
            copy(copying, twin)
        cut_off(twin, Fuse())
        copy(copying, twin)
        assert state(twin) == state(smooth)
        assert plan_changes(twin.life().read(), twin.registry.read()) == []


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda house: house.registry.digests.update({"2": "other"}), "digest other, recorded digest2"),
        (lambda house: house.life().rollback(comment="x"), "is archived"),
    ],
)
def test_what_is_changed_or_withdrawn_is_not_copied(
    copying: LifeSetup, twin: LifeSetup, spoil: Callable[[LifeSetup], object], match: str
) -> None:
    spoil(copying)
    with pytest.raises(Exception, match=match):
        copy(copying, twin)
    assert [each.kind for each in twin.records()] == ["refused"]
    assert twin.registry.versions == {}


def test_who_may_not_copy_into_an_environment_is_refused_there(copying: LifeSetup, twin: LifeSetup) -> None:
    rules = options({"copy": ("ann",)})
    with pytest.raises(Exception, match="bob may not copy models here"):
        copy_version(copying.house, "test.models.late", "2", twin.life("bob", rules), comment="x")
    assert [each.kind for each in twin.records()] == ["refused"]
