"""Which version evaluation and promotion are about: what is decided, what is chosen, what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import LifeCycleError
from boathouse.lifecycle.candidate import CandidateOptions, choose_version, is_decided, name_outcome, require_undecided
from boathouse.lifecycle.chain import seal_events
from boathouse.lifecycle.decision import record_decision
from tests.fixtures.life_cycle import NAME, LifeCycleSetup, decision, event, options

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.state import ModelState

NEEDS_ONE = options(needed=1)


@dataclass(frozen=True)
class Model:
    """Name and version of a loaded model, which are all that is looked at."""

    version: str
    name: str = NAME


def after(setup: LifeCycleSetup, **decided: Any) -> ModelState:
    """Return the state once version 3 was decided on; version 2 is champion before."""
    record_decision(setup.cycle("tom", NEEDS_ONE), decision("3", champion="2", **decided))
    return setup.cycle().read()


def reject_by_hand(setup: LifeCycleSetup) -> ModelState:
    after(setup)
    return setup.cycle("ann", NEEDS_ONE).reject("3", comment="unfair")


@pytest.mark.parametrize(
    ("decide", "decided", "outcome"),
    [
        (lambda setup: setup.cycle().read(), False, "refused"),
        (after, False, "waits"),
        (lambda setup: after(setup, outcome="kept", waits=True), False, "waits"),
        (lambda setup: after(setup, outcome="kept"), True, "refused"),
        (lambda setup: after(setup, outcome="rejected"), True, "refused"),
        (reject_by_hand, True, "refused"),
    ],
    ids=["registered", "passed", "waits", "kept", "rejected", "rejected by a person"],
)
def test_what_is_decided_is_refused_archived_or_was_champion(
    setup: LifeCycleSetup, decide: Any, decided: bool, outcome: str
) -> None:
    state = decide(setup)
    assert (is_decided(state, "3"), name_outcome(state, "3")) == (decided, outcome)
    assert (is_decided(state, "2"), name_outcome(state, "2")) == (True, "promoted")


def test_the_newest_undecided_version_is_chosen_else_the_newest(setup: LifeCycleSetup) -> None:
    waiting = after(setup)
    assert choose_version(waiting, ["1", "2", "3"]) == "3"
    assert choose_version(waiting, ["1", "2", "3", "4"]) == "4", "which the ledger does not know yet"
    setup.registry.register()
    setup.cycle().sync()
    record_decision(setup.cycle("tom"), decision("4", "rejected", champion="2"))
    assert choose_version(setup.cycle().read(), ["1", "2", "3", "4"]) == "3"
    done = reject_version(setup, "3")
    assert choose_version(done, ["1", "2", "3", "4"]) == "4"
    assert choose_version(done, []) is None


def reject_version(setup: LifeCycleSetup, version: str) -> ModelState:
    return setup.cycle("ann", NEEDS_ONE).reject(version, comment="unfair")


def records(evaluation: str = "") -> list[AuditRecord]:
    """Return a ledger in which version 1 was refused, decided from ``evaluation``, and version 2 is registered."""
    return seal_events(
        [
            event("registered", "1"),
            event("registered", "2"),
            event("checked", "1", number=1, outcome="failed", gates=[], evaluation=evaluation),
            event("archived", "1", number=2, **{"from": "registered", "why": "compliance"}),
        ]
    )


@pytest.mark.parametrize("model", [None, NAME, "late"])
@pytest.mark.parametrize("version", [None, 2, "2"])
def test_what_was_asked_for_passes(model: str | None, version: int | str | None) -> None:
    candidate: Any = Model("2")
    assert require_undecided(candidate, CandidateOptions(model, version), records()) is candidate


def test_a_version_that_was_not_named_is_never_refused() -> None:
    candidate: Any = Model("1")
    assert require_undecided(candidate, CandidateOptions(), records()) is candidate


@pytest.mark.parametrize(
    ("asked", "found", "expected"),
    [
        (CandidateOptions("test.models.other"), "2", f"Expected the model {NAME}.*found test.models.other"),
        (CandidateOptions("prod.models.late"), "2", f"Expected the model {NAME}.*found prod.models.late"),
        (CandidateOptions(NAME, 3), "2", r"Expected version 3 .*found 2.*--params candidate\.version=3"),
        (CandidateOptions(NAME, 1), "1", "version 1 is decided already: it is archived .*models show"),
    ],
    ids=["other model", "other catalog", "only in a file", "decided"],
)
def test_anything_else_is_refused_with_what_to_do(asked: CandidateOptions, found: str, expected: str) -> None:
    candidate: Any = Model(found)
    with pytest.raises(LifeCycleError, match=expected):
        require_undecided(candidate, asked, records())


def test_the_decision_may_be_made_again_from_the_evaluation_that_it_was_made_from() -> None:
    candidate: Any = Model("1")
    asked = CandidateOptions(NAME, "1")
    assert require_undecided(candidate, asked, records("aa"), evaluation="aa") is candidate
    for recorded in ("bb", ""):
        with pytest.raises(LifeCycleError, match="decided already"):
            require_undecided(candidate, asked, records(recorded), evaluation="aa")
