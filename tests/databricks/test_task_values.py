"""What a task of a deployment job passes on, with a stand-in for the platform."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.databricks.task_values import publish_values
from boathouse.errors import LifeCycleError
from boathouse.lifecycle.datasets import RegistryAliasesDataset
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.deployment import take_approval
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import Change
from tests.fixtures.life_cycle import NAME, LifeCycleSetup, decision, event, options, seal

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = options(needed=1, four_eyes=True)


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the task values that are set from here on, on a stand-in for the platform."""
    found: dict[str, Any] = {}
    runtime = ModuleType("databricks.sdk.runtime")
    setter = SimpleNamespace(set=lambda *, key, value: found.__setitem__(key, value))
    runtime.dbutils = SimpleNamespace(jobs=SimpleNamespace(taskValues=setter))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    return found


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("promoted", {"model_updated": True, "model_version": "2", "decision": "promoted"}),
        ("kept", {"model_updated": False, "model_version": "1", "decision": "refused"}),
    ],
)
def test_the_next_task_hears_what_was_decided_whether_the_model_changed_and_which_it_is(
    values: dict[str, Any], outcome: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        event("registered", "1"),
        event("promoted", "1", stage="champion"),
        event("registered", "2"),
        event("checked", "2", outcome=outcome, gates=[]),
    ]
    events += [event("promoted", "2", stage="champion")] if outcome == "promoted" else [event("kept", "2")]
    state = project_events(seal(*events), name=NAME)
    monkeypatch.setattr("boathouse.lifecycle.datasets.sync_registry", lambda ledger, registry: state)
    place = {"table": "test.audit.promotions", "lakehouse": {"engine": "sail", "root": "/nowhere"}}
    RegistryAliasesDataset(name=NAME, **place).save(state)
    assert values == expected


def test_without_a_champion_the_version_is_an_empty_text(values: dict[str, Any]) -> None:
    assert publish_values(model_updated=False, model_version=None)
    assert values == {"model_updated": False, "model_version": ""}


def test_outside_the_platform_nothing_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    assert publish_values(model_updated=True) is False


# The approval that a deployment job's button gives


@pytest.fixture
def waiting(setup: LifeCycleSetup) -> LifeCycleSetup:
    """Return the environment with version 3 waiting for its approval."""
    record_decision(setup.cycle("tom", RULES), decision("3", champion="2"))
    setup.cycle("tom").sync()
    return setup


def tag(setup: LifeCycleSetup, value: str) -> Callable[[], Any]:
    setup.registry.apply(Change("set_tag", "3", "approval", value))
    return lambda: take_approval(setup.cycle("tom", RULES), "3", tag="approval")


def test_the_tag_approves_goes_on_record_and_carries_the_request_out(waiting: LifeCycleSetup) -> None:
    state = tag(waiting, "Approved")()
    assert (state.champion, waiting.registry.aliases["champion"]) == ("3", "3")
    (approved,) = waiting.records("approved")
    assert (approved.actor, approved.read_evidence()["identity"]) == ("tag approval", "declared")
    assert tag(waiting, "Approved")().champion == "3"
    assert len(waiting.records("approved")) == 1


def test_the_tag_is_a_request_as_well(waiting: LifeCycleSetup) -> None:
    waiting.cycle("ann").reject("3", comment="not yet")
    assert tag(waiting, "approved")().champion == "3"
    asked = [each.to for each in waiting.cycle().read().requests if each.version == "3"]
    assert asked == ["staging", "production", "production"]


@pytest.mark.parametrize("value", ["", "Rejected", "yes"])
def test_any_other_value_does_not_approve(waiting: LifeCycleSetup, value: str) -> None:
    with pytest.raises(LifeCycleError, match="tag 'approval' is .*needed 'Approved'"):
        tag(waiting, value)()
    assert waiting.records()[-1].kind == "refused"
    assert waiting.registry.aliases["champion"] == "2"


def test_an_approval_by_command_is_enough(waiting: LifeCycleSetup) -> None:
    rules = options(needed=1, carry_out=False)
    waiting.cycle("vera", rules).approve("3", comment="yes")
    assert take_approval(waiting.cycle("tom", rules), "3", tag="approval").champion == "2"


def test_who_may_not_approve_may_not_take_the_tag_either(waiting: LifeCycleSetup) -> None:
    rules = options({"approve": ("ann",)}, needed=1)
    waiting.registry.apply(Change("set_tag", "3", "approval", "Approved"))
    with pytest.raises(LifeCycleError, match="tom may not approve"):
        take_approval(waiting.cycle("tom", rules), "3", tag="approval")
    assert waiting.records("approved") == []


@pytest.mark.parametrize("carry_out", [True, False])
def test_who_may_not_approve_finds_that_somebody_has(waiting: LifeCycleSetup, carry_out: bool) -> None:
    """As in prod: the service principal runs the job, a person approves and changes nothing in the registry."""
    rules = options({"approve": ("ann",)}, needed=1, carry_out=carry_out)
    waiting.registry.read_only = True
    waiting.cycle("ann", rules).approve("3", comment="yes")
    waiting.registry.read_only = False
    state = take_approval(waiting.cycle("tom", rules), "3", tag="approval")
    assert state.champion == ("3" if carry_out else "2")
    assert waiting.registry.aliases["champion"] == state.champion
    assert waiting.records("refused") == []
