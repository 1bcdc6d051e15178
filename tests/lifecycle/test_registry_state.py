"""What the registry has to show, and the steps that bring it there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import (
    Change,
    ModelVersionEntry,
    RegistryState,
    describe_tags,
    describe_version,
)
from tests.fixtures.life_cycle import NAME, event, seal

GATES = [
    {"name": "auc", "mode": "enforce", "passed": True, "message": "auc is 0.7."},
    {"name": "cost", "mode": "warn", "passed": False, "message": "cost is high."},
    {"name": "age", "mode": "enforce", "passed": False, "message": "age gap is 0.3."},
]
LIFE = project_events(
    seal(
        event("registered", "1", trained_by="tom"),
        event("registered", "2", trained_by="tom"),
        event("promoted", "1", number=1, stage="champion"),
        event("checked", "2", number=2, outcome="promoted", gates=GATES, champion="1"),
        event("promoted", "2", number=3, stage="champion"),
    ),
    name=NAME,
)


def versions(**tags: str) -> dict[str, ModelVersionEntry]:
    return {version: ModelVersionEntry(version=version, tags=tags) for version in ("1", "2")}


def test_the_champion_moves_first_and_an_alias_that_is_over_goes_last() -> None:
    state = RegistryState(versions=versions(), aliases={"champion": "1", "challenger": "2", "mine": "1"})
    changes = plan_changes(LIFE, state)
    assert changes[:3] == [
        Change("set_alias", "2", "champion"),
        Change("set_alias", "1", "previous"),
        Change("delete_alias", "", "challenger"),
    ]
    assert "mine" not in {change.key for change in changes}


def test_what_is_in_line_needs_no_change() -> None:
    shown = {
        version: ModelVersionEntry(
            version=version,
            tags={**describe_tags(found), "algorithm": "xgboost"},
            description=describe_version(found),
        )
        for version, found in LIFE.versions.items()
    }
    assert plan_changes(LIFE, RegistryState(versions=shown, aliases=LIFE.aliases)) == []


def test_tags_of_an_earlier_state_go_and_others_stay() -> None:
    state = RegistryState(versions=versions(comparison="failed", algorithm="xgboost"), aliases=LIFE.aliases)
    tags = [change for change in plan_changes(LIFE, state) if change.key in {"comparison", "algorithm"}]
    assert tags == [Change("delete_tag", "1", "comparison"), Change("set_tag", "2", "comparison", "passed")]


def test_a_version_that_the_registry_lost_is_passed_over() -> None:
    state = RegistryState(versions={"1": versions()["1"]}, aliases={})
    assert {change.version for change in plan_changes(LIFE, state)} == {"1"}


def test_a_version_that_is_not_on_record_is_left_alone() -> None:
    state = RegistryState(versions={"7": ModelVersionEntry(version="7")}, aliases={})
    assert plan_changes(replace(LIFE, champion=None, previous=None), state) == []


def test_the_page_of_a_version_tells_each_gate() -> None:
    text = describe_version(LIFE.versions["2"])
    assert text.splitlines()[1] == "champion, since 2026-03-01 09:03 UTC. why"
    for line in ("- passed: auc is 0.7.", "- warned: cost is high.", "- refused: age gap is 0.3."):
        assert line in text


def test_what_people_wrote_stays_above_and_is_not_doubled() -> None:
    once = describe_version(LIFE.versions["2"], "Judges late payers.\n")
    assert once.startswith("Judges late payers.\n\n<!--")
    assert describe_version(LIFE.versions["2"], once) == once


def test_a_version_of_which_nothing_is_decided_is_not_described_by_us() -> None:
    state = project_events(seal(event("registered", "1")), name=NAME)
    assert describe_version(state.versions["1"]) == ""
    assert describe_version(state.versions["1"], "Mine.") == "Mine."


@pytest.mark.parametrize(("outcome", "comparison"), [("promoted", "passed"), ("kept", "failed"), ("rejected", None)])
def test_the_tag_of_the_comparison(outcome: str, comparison: str | None) -> None:
    state = project_events(
        seal(event("registered", "1"), event("checked", "1", number=1, outcome=outcome, gates=GATES)), name=NAME
    )
    tags = describe_tags(state.versions["1"])
    assert tags.get("comparison") == comparison
    assert tags["gates"] == '{"passed":1,"failed":["cost","age"]}'
    assert all(len(value) <= 256 for value in tags.values())
