"""Why there is no champion, and the commands that lead to one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.stop import stop_champion
from boathouse.lifecycle.vacancy import NoChampion, explain_no_champion
from tests.fixtures.life_cycle import START, LifeCycleSetup, decision, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from boathouse.lifecycle.policy import GovernanceOptions

PROD = options(needed=1, four_eyes=True)
RESUME = "boathouse models rollback --to 1 --comment WHY --env test"
TRAIN = "kedro run --pipelines training,evaluation,promotion --env test"


def explain(setup: LifeCycleSetup, rules: GovernanceOptions | None = None, **later: float) -> NoChampion:
    state = setup.cycle().read()
    assert state.champion is None
    return explain_no_champion(state, rules or PROD, now=START + timedelta(**later))


def decide(setup: LifeCycleSetup, version: str = "1", outcome: str = "promoted", *, waits: bool = False) -> None:
    setup.registry.register()
    record_decision(setup.cycle("tom", PROD), decision(version, outcome, waits=waits))
    setup.cycle("tom", PROD).sync()


def stop(setup: LifeCycleSetup) -> None:
    setup.registry.register()
    record_decision(setup.cycle("tom"), decision("1"))
    stop_champion(setup.cycle("ann"), comment="Rejects everybody.")


def reject(setup: LifeCycleSetup) -> None:
    decide(setup)
    setup.cycle("ann", PROD).reject("1", comment="unfair")


def approve_without_carrying_out(setup: LifeCycleSetup) -> None:
    decide(setup)
    setup.cycle("ann", options(needed=1, carry_out=False)).approve("1", comment="seen")


def register(setup: LifeCycleSetup) -> None:
    setup.registry.register()
    setup.cycle().sync()


@pytest.mark.parametrize(
    ("make", "reason", "commands"),
    [
        (lambda _: None, "no version is on record.", [TRAIN]),
        (
            register,
            "the gates have not decided on version 1.",
            ["kedro run --pipelines evaluation,promotion --env test"],
        ),
        (
            decide,
            "version 1 passed the gates and waits for one approval by somebody else than tom, who trained it.",
            ["boathouse models show 1 --env test", "boathouse models approve 1 --as NAME --comment WHY --env test"],
        ),
        (
            approve_without_carrying_out,
            "version 1 passed the gates and waits for somebody to promote it.",
            ["boathouse models show 1 --env test", "boathouse models promote 1 --comment WHY --env test"],
        ),
        (
            lambda setup: decide(setup, outcome="rejected"),
            "version 1 was refused. rejected for a reason.",
            ["boathouse models show 1 --env test", TRAIN],
        ),
        (
            reject,
            "version 1 is challenger. Its request is closed: rejected by ann.",
            [
                "boathouse models show 1 --env test",
                "boathouse models request 1 --to production --comment WHY --env test",
            ],
        ),
        (stop, "version 1 was stopped by ann at 2026-03-01 09:00 UTC: Rejects everybody.", [RESUME]),
    ],
    ids=["nothing", "registered", "waiting", "approved", "refused", "rejected", "stopped"],
)
def test_reason_and_next_steps(
    empty: LifeCycleSetup, make: Callable[[LifeCycleSetup], object], reason: str, commands: list[str]
) -> None:
    make(empty)
    found = explain(empty)
    assert found.reason == reason
    *steps, scoring = [command for _, command in found.steps]
    assert steps == commands
    assert scoring == "kedro run --pipelines batch_inference,monitoring --env test"
    assert not found
    text = str(found).splitlines()
    assert text[0] == f"No model is champion in environment 'test': {reason}"
    assert len(text) == len(found.steps) + 1


def test_a_version_that_waits_while_another_is_stopped_names_both_ways(empty: LifeCycleSetup) -> None:
    stop(empty)
    decide(empty, "2", "kept", waits=True)
    found = explain(empty)
    assert "version 1 was stopped by ann" in found.reason
    assert "version 2 passed the gates and waits for one approval" in found.reason
    commands = {command for _, command in found.steps}
    assert {RESUME, "boathouse models approve 2 --as NAME --comment WHY --env test"} <= commands


def test_what_was_compared_with_a_stopped_champion_is_judged_again(setup: LifeCycleSetup) -> None:
    """Its approval could not be carried out: the comparison is with a champion that is not there."""
    record_decision(setup.cycle("tom", PROD), decision("3", "kept", "2", waits=True))
    stop_champion(setup.cycle(), comment="x")
    found = explain(setup)
    assert "version 3 was compared with champion 2: have it judged again." in found.reason
    assert "kedro run --pipelines evaluation,promotion --env test" in [command for _, command in found.steps]


@pytest.mark.parametrize(
    ("rules", "approve"),
    [
        (options({"approve": ("tom", "vera")}, needed=1, four_eyes=True), "--as vera --comment WHY"),
        (options(needed=1), "--comment WHY"),
        (
            options(
                {"approve": ("vera",)},
                needed=1,
                four_eyes=True,
                accepted_assurance={"on_platform": ("platform",), "elsewhere": ("system",)},
            ),
            "--comment WHY",
        ),
    ],
    ids=["a name by role", "anybody", "an account only"],
)
def test_the_command_to_approve_names_whom_the_rules_let_approve(
    empty: LifeCycleSetup, rules: GovernanceOptions, approve: str
) -> None:
    decide(empty)
    assert ("approve it", f"boathouse models approve 1 {approve} --env test") in explain(empty, rules).steps


def test_an_approval_that_expired_is_named(empty: LifeCycleSetup) -> None:
    approve_without_carrying_out(empty)
    found = explain(empty, days=400)
    assert "waits for one approval" in found.reason
    assert "The approval of ann from 2026-03-01 expired" in found.reason


def test_with_a_previous_version_going_back_comes_first(setup: LifeCycleSetup) -> None:
    stop_champion(setup.cycle(), comment="x")
    assert [command for _, command in explain(setup).steps][:2] == [
        "boathouse models rollback --comment WHY --env test",
        "boathouse models rollback --to 2 --comment WHY --env test",
    ]
