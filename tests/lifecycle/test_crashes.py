"""Killed before or after any step that changes something, and called again: ledger, registry and outbox agree."""

from __future__ import annotations

import shutil
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import LifeCycleError, ModelError
from boathouse.lifecycle import ledger
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.deployment import copy_version
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Webhook
from boathouse.lifecycle.stop import stop_champion
from boathouse.lifecycle.webhooks import derive_messages
from tests.fixtures.life_cycle import Fuse, KilledError, LifeCycleSetup, MemoryRegistry, decision, options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERYTHING = Webhook(name="all", kind="command", events=["*"], command=["true"])


def decide(setup: LifeCycleSetup) -> None:
    record_decision(setup.cycle("tom"), decision("3", champion="2"))
    setup.cycle("tom").sync()


def ask(setup: LifeCycleSetup) -> None:
    """Leave version 3 judged, challenger, and requested for production."""
    record_decision(setup.cycle("tom", options(needed=1)), decision("3", champion="2"))
    setup.cycle("tom").sync()


OPERATIONS: dict[str, tuple[Callable[[LifeCycleSetup], Any], Callable[[LifeCycleSetup], Any]]] = {
    "decide": (lambda setup: setup.cycle().sync(), decide),
    "promote": (ask, lambda setup: setup.cycle("ann").promote("3", comment="now")),
    "approve": (ask, lambda setup: setup.cycle("ann", options(needed=1)).approve("3", comment="yes")),
    "rollback": (ask, lambda setup: setup.cycle("ann").rollback(comment="worse")),
    "stop": (ask, lambda setup: stop_champion(setup.cycle("ann"), comment="worse")),
    "request": (
        lambda setup: setup.cycle().sync(),
        lambda setup: setup.cycle().request("3", to="staging", comment="x"),
    ),
}
# Asked again, these answer that it was done: there is no doing them twice.
ANSWERED = ("approve", "request", "archive")
OPERATIONS["archive"] = (ask, lambda setup: setup.cycle().archive("3", comment="x"))


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[LifeCycleSetup, Fuse], None]:
    """Return what puts a fuse into the ledger's commits and the registry's changes."""
    add = ledger.PathTable.add

    def put(setup: LifeCycleSetup, fuse: Fuse) -> None:
        setup.registry.fuse = fuse
        monkeypatch.setattr(
            ledger.PathTable, "add", lambda self, rows, *, after: fuse.burn(lambda: add(self, rows, after=after))
        )

    return put


def copy_setup(setup: LifeCycleSetup, folder: Path) -> LifeCycleSetup:
    """Return the same environment, in another folder."""
    shutil.copytree(setup.environment.lakehouse["root"], folder)
    registry = MemoryRegistry(
        versions=dict(setup.registry.versions),
        aliases=dict(setup.registry.aliases),
        digests=dict(setup.registry.digests),
        shown=setup.registry.shown,
    )
    return LifeCycleSetup(
        replace(setup.environment, lakehouse={**setup.environment.lakehouse, "root": folder.as_posix()}), registry
    )


def begin(name: str, template: LifeCycleSetup, folder: Path) -> LifeCycleSetup:
    """Return an environment in which the operation can be made."""
    setup = copy_setup(template, folder)
    OPERATIONS[name][0](setup)
    return setup


def state(setup: LifeCycleSetup) -> tuple[Any, ...]:
    """Return what has to be the same whether there was a crash or not."""
    records = [(each.kind, each.version, each.actor) for each in setup.records() if each.kind != "refused"]
    messages = [each.event for each in derive_messages(setup.records(), [EVERYTHING]) if each.event != "refused"]
    return setup.registry.aliases, setup.registry.versions, records, messages


def again(name: str, setup: LifeCycleSetup) -> None:
    with suppress(LifeCycleError) if name in ANSWERED else nullcontext():
        OPERATIONS[name][1](setup)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_called_again_after_a_kill_at_any_step_it_is_complete(
    name: str,
    *,
    after: bool,
    template: LifeCycleSetup,
    tmp_path: Path,
    cut_off: Callable[[LifeCycleSetup, Fuse], None],
) -> None:
    prepared, counter = begin(name, template, tmp_path / "prepared"), Fuse()
    smooth = copy_setup(prepared, tmp_path / "smooth")
    cut_off(smooth, counter)
    OPERATIONS[name][1](smooth)
    assert counter.steps >= 1
    for step in range(1, counter.steps + 1):
        cut_off(smooth, Fuse())
        setup = copy_setup(prepared, tmp_path / f"step{step}")
        cut_off(setup, Fuse(at=step, after=after))
        with pytest.raises(KilledError):
            OPERATIONS[name][1](setup)
        # A stop alone leaves none.
        assert ("champion" in setup.registry.aliases) or name == "stop"
        cut_off(setup, Fuse())
        again(name, setup)
        assert plan_changes(setup.cycle().read(), setup.registry.read()) == []
        assert open_ledger(setup.environment.table(PROMOTIONS)).verify() == []
        assert state(setup) == state(smooth)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_registry_that_does_not_answer_stops_a_step_before_its_record(
    name: str, template: LifeCycleSetup, tmp_path: Path
) -> None:
    setup = begin(name, template, tmp_path / "lake")
    before, setup.registry.down = setup.records(), True
    with pytest.raises(ModelError, match="MLflow store cannot be used"):
        OPERATIONS[name][1](setup)
    assert setup.records() == before


@pytest.mark.parametrize("name", ["decide", "promote", "rollback", "approve"])
@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_registry_that_fails_in_the_middle_is_brought_in_line_by_any_later_step(
    name: str, answers: int, template: LifeCycleSetup, tmp_path: Path
) -> None:
    setup = begin(name, template, tmp_path / "lake")
    setup.registry.down_after = answers
    with pytest.raises(ModelError, match="MLflow store cannot be used"):
        OPERATIONS[name][1](setup)
    setup.registry.down, setup.registry.down_after = False, None
    setup.cycle("somebody else").sync()
    assert plan_changes(setup.cycle().read(), setup.registry.read()) == []
    champion = {"decide": "3", "promote": "3", "approve": "3", "rollback": "1"}[name]
    assert setup.registry.aliases["champion"] == champion


class SharedRegistry(MemoryRegistry):
    """A registry of the second environment that copies out of the first."""

    source: MemoryRegistry

    def copy_from(self, source: str, version: str) -> str:
        def copy() -> str:
            made = self.register(digest=self.source.digests[version])
            tags = dict(self.source.versions[version].tags)
            self.versions[made] = replace(self.versions[made], tags=tags, source=f"models:/{source}/{version}")
            return made

        found: str = self.fuse.burn(copy)
        return found

    def delete(self, version: str) -> None:
        self.fuse.burn(lambda: self.versions.pop(version))


@pytest.fixture
def twin(tmp_path: Path) -> LifeCycleSetup:
    """Return an environment of another environment, which knows no model yet."""
    return make_twin(tmp_path / "twin")


def make_twin(folder: Path) -> LifeCycleSetup:
    from boathouse.environment import Environment

    return LifeCycleSetup(
        Environment("prod", {"engine": "sail", "root": folder.as_posix()}), SharedRegistry(name="prod.models.late")
    )


def copy(setup: LifeCycleSetup, twin: LifeCycleSetup) -> tuple[Any, str]:
    assert isinstance(twin.registry, SharedRegistry)
    twin.registry.source = setup.registry
    return copy_version(setup.environment, "test.models.late", "2", twin.cycle("ann"), comment="to prod")


@pytest.fixture
def copying(setup: LifeCycleSetup, monkeypatch: pytest.MonkeyPatch) -> LifeCycleSetup:
    """Return the environment to copy from, whose registry is found by name."""
    monkeypatch.setattr("boathouse.lifecycle.deployment.ModelRegistry", lambda name: setup.registry)
    return setup


def test_a_copy_keeps_its_lineage_and_begins_its_own_life(copying: LifeCycleSetup, twin: LifeCycleSetup) -> None:
    state, version = copy(copying, twin)
    assert version == "1"
    assert twin.registry.aliases == {}
    tags = twin.registry.versions["1"].tags
    assert (tags["stage"], tags["copied_from"]) == ("registered", "test.models.late/2")
    assert not {"comparison", "promotion", "gates"} & set(tags)
    assert state.versions["1"].digest == "digest2"
    (record,) = twin.records("copied")
    assert record.read_evidence()["checked"] == "promoted"


def test_copied_again_it_is_the_same_copy(copying: LifeCycleSetup, twin: LifeCycleSetup) -> None:
    assert copy(copying, twin)[1] == copy(copying, twin)[1] == "1"
    assert list(twin.registry.versions) == ["1"]
    assert [each.kind for each in twin.records()] == ["created", "copied"]


def test_a_version_that_was_trained_there_is_another_one_whatever_its_files(
    copying: LifeCycleSetup, twin: LifeCycleSetup
) -> None:
    for noted in (True, False):
        twin.registry.register(digest="digest2", trained_by="ann")
        if noted:
            twin.cycle("ann").sync()
    state, version = copy(copying, twin)
    assert version == "3"
    trained = [state.versions[each] for each in ("1", "2")]
    assert [(each.source, each.trained_by) for each in trained] == [(None, "ann"), (None, "ann")]
    assert (state.versions["3"].source, state.versions["3"].trained_by) == ("test.models.late/2", "tom")
    assert copy(copying, twin)[1] == "3"


def test_two_versions_with_the_same_files_are_two_copies(copying: LifeCycleSetup, twin: LifeCycleSetup) -> None:
    copying.registry.register(digest="digest2")
    copying.cycle("tom").sync()
    twin.registry.source = copying.registry  # type: ignore[attr-defined]
    copied = [
        copy_version(copying.environment, "test.models.late", each, twin.cycle("ann"), comment="x")[1]
        for each in ("2", "4")
    ]
    assert copied == ["1", "2"]


def test_what_was_copied_to_where_models_are_judged_has_to_be_judged_there_first(
    copying: LifeCycleSetup, twin: LifeCycleSetup
) -> None:
    event = AuditEvent(
        event_id="copied/4",
        kind="copied",
        subject="test.models.late",
        version="4",
        digest="digest4",
        actor="tom",
        occurred_at=copying.clock(),
        evidence={"source": "dev.models.late", "source_version": "1", "trained_by": "tom"},
    )
    copying.registry.register()
    copying.cycle().ledger.append([event])
    with pytest.raises(LifeCycleError, match=r"have not decided on test\.models\.late version 4"):
        copy_version(copying.environment, "test.models.late", "4", twin.cycle("ann"), comment="x")
    (refusal,) = twin.records()
    # The number is the source's: in the target it would be another version's.
    assert (refusal.kind, refusal.version) == ("refused", None)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_copy_killed_at_any_step_is_completed(
    copying: LifeCycleSetup, tmp_path: Path, cut_off: Callable[[LifeCycleSetup, Fuse], None], *, after: bool
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
        assert plan_changes(twin.cycle().read(), twin.registry.read()) == []


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda setup: setup.registry.digests.update({"2": "other"}), "digest other, recorded digest2"),
        (lambda setup: setup.cycle().rollback(comment="x"), "is archived"),
    ],
)
def test_what_is_changed_or_withdrawn_is_not_copied(
    copying: LifeCycleSetup, twin: LifeCycleSetup, spoil: Callable[[LifeCycleSetup], object], match: str
) -> None:
    spoil(copying)
    with pytest.raises(Exception, match=match):
        copy(copying, twin)
    assert [each.kind for each in twin.records()] == ["refused"]
    assert twin.registry.versions == {}


def test_who_may_not_copy_into_an_environment_is_refused_there(copying: LifeCycleSetup, twin: LifeCycleSetup) -> None:
    rules = options({"copy": ("ann",)})
    with pytest.raises(Exception, match="bob may not copy models here"):
        copy_version(copying.environment, "test.models.late", "2", twin.cycle("bob", rules), comment="x")
    assert [each.kind for each in twin.records()] == ["refused"]
