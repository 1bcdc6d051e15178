"""The fold: records in, state out, for each kind and for sequences of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boathouse.lifecycle import event_types
from boathouse.lifecycle.projection import project_all_events, project_events
from boathouse.lifecycle.state import Stop
from tests.fixtures.life_cycle import NAME, START, event, seal

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditEvent
    from boathouse.lifecycle.state import ModelState


def registered(*versions: str) -> list[AuditEvent]:
    return [event("registered", version, actor="tom", trained_by="tom") for version in versions]


def promoted(version: str, number: int, stage: str = "champion") -> AuditEvent:
    return event("promoted", version, number=number, stage=stage)


def tell(*events: AuditEvent) -> ModelState:
    return project_events(seal(*events), name=NAME)


def stages(state: ModelState) -> dict[str, str]:
    return {version: found.stage for version, found in state.versions.items()}


def test_nothing_is_no_model() -> None:
    state = tell()
    assert (state.champion, state.aliases, state.versions) == (None, {}, {})


def test_a_registered_version_has_no_alias() -> None:
    state = tell(*registered("1"))
    assert stages(state) == {"1": "registered"}
    assert state.aliases == {}
    assert (state.versions["1"].trained_by, state.versions["1"].digest) == ("tom", "digest1")


def test_three_champions_in_a_row_leave_one_previous() -> None:
    state = tell(*registered("1", "2", "3"), promoted("1", 1), promoted("2", 2), promoted("3", 3))
    assert stages(state) == {"1": "archived", "2": "previous", "3": "champion"}
    assert state.aliases == {"champion": "3", "previous": "2"}


def test_the_newest_challenger_has_the_alias_and_leaves_it_when_it_takes_charge() -> None:
    steps = [*registered("1", "2"), event("kept", "1", number=1), promoted("2", 2, "challenger")]
    assert tell(*steps).aliases == {"challenger": "2"}
    state = tell(*steps, promoted("2", 3))
    assert state.aliases == {"champion": "2", "challenger": "1"}


def test_rollback_puts_the_previous_back_and_withdraws_the_other() -> None:
    steps = [*registered("1", "2"), promoted("1", 1), promoted("2", 2)]
    state = tell(*steps, event("rolled_back", "1", number=3, **{"from": "2", "to": "1"}))
    assert stages(state) == {"1": "champion", "2": "archived"}
    assert state.aliases == {"champion": "1"}
    assert state.rolled_back is not None
    assert state.rolled_back[:3] == ("2", "1", "vera")
    assert "rollback to 1" in state.versions["2"].reason
    assert tell(*steps, promoted("2", 4)).rolled_back is None


def test_a_stop_leaves_no_champion_until_one_takes_charge() -> None:
    steps = [*registered("1", "2"), promoted("1", 1), promoted("2", 2), event("stopped", "2", number=3, actor="ann")]
    state = tell(*steps)
    assert stages(state) == {"1": "previous", "2": "archived"}
    assert state.aliases == {"previous": "1"}
    assert state.stopped == Stop(version="2", by="ann", at=START + timedelta(minutes=3), reason="why")
    assert state.versions["2"].reason == "Stopped by ann: why"
    for end in (promoted("1", 4), event("rolled_back", "2", number=4, **{"from": "2", "to": "2"})):
        resumed = tell(*steps, end)
        assert (resumed.stopped, resumed.champion) == (None, end.version)


def test_a_request_is_open_until_it_is_decided_carried_out_or_its_version_archived() -> None:
    ask = event("requested", "1", number=1, to="production")
    assert [each.by for each in tell(*registered("1"), ask).open_requests] == ["vera"]
    ends = {
        "rejected by ann": event("rejected", "1", number=2, actor="ann", request=ask.event_id, to="production"),
        "carried out by vera": promoted("1", 2),
        "version archived by vera": event("archived", "1", number=2),
    }
    for closed, end in ends.items():
        (request,) = tell(*registered("1"), ask, end).requests
        assert request.closed == closed


def test_an_approval_belongs_to_its_request_and_its_digest() -> None:
    ask = event("requested", "1", number=1, to="production")
    state = tell(*registered("1"), ask, event("approved", "1", number=2, actor="ann", request=ask.event_id))
    ((approval,),) = (each.approvals for each in state.requests)
    assert (approval.by, approval.digest) == ("ann", "digest1")
    carried_out = tell(
        *registered("1"), ask, event("approved", "1", number=2, actor="ann", request=ask.event_id), promoted("1", 3)
    )
    assert carried_out.versions["1"].approved_by == "ann"


def test_a_decision_is_remembered_and_moves_nothing() -> None:
    state = tell(*registered("1"), event("checked", "1", number=1, outcome="promoted", gates=[], champion=None))
    assert stages(state) == {"1": "registered"}
    assert state.versions["1"].check is not None
    assert (state.judged, state.is_updated) == ("1", False)


def test_a_copy_knows_its_source() -> None:
    state = tell(event("copied", "1", source="staging.models.late", source_version="4", trained_by="tom"))
    assert state.versions["1"].source == "staging.models.late/4"
    assert state.versions["1"].trained_by == "tom"


def test_a_refusal_changes_nothing_not_even_which_versions_there_are() -> None:
    state = tell(*registered("1"), event("refused", "99", number=1, action="promote"))
    assert stages(state) == {"1": "registered"}


def test_each_model_has_its_own_state() -> None:
    assert list(project_all_events(seal(*registered("1")))) == [NAME]
    assert project_events(seal(*registered("1")), name="test.models.other").versions == {}


def test_every_kind_is_told_and_an_unknown_one_is_not_passed_over() -> None:
    with pytest.raises(KeyError):
        tell(event("sneezed", "1"))
    evidence: dict[str, Any] = {
        "outcome": "kept",
        "to": "production",
        "request": "x",
        "stage": "champion",
        "source": "a.b.c",
        "source_version": "1",
        "from": "2",
    }
    for kind in event_types.EVENT_TYPES:
        assert tell(event(kind, "1", **evidence)).records == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["champion", "challenger", "kept", "archived", "rolled_back", "stopped"]), st.integers(1, 4)
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_aliases_and_stages_always_agree(steps: list[tuple[str, int]]) -> None:
    """Whatever order of legal and illegal steps: one champion at most, and each alias at a version of that stage."""
    events = registered("1", "2", "3", "4")
    for number, (step, version) in enumerate(steps, 1):
        if step in {"champion", "challenger"}:
            events.append(promoted(str(version), number, step))
        elif step == "rolled_back":
            events.append(event(step, str(version), number=number, **{"from": "4", "to": str(version)}))
        elif step == "stopped" or tell(*events).champion != str(version):
            events.append(event(step, str(version), number=number))
    state = tell(*events)
    for alias, version in state.aliases.items():
        assert state.versions[version].stage == alias
    assert [found.stage for found in state.versions.values()].count("champion") == (state.champion is not None)
    assert [found.stage for found in state.versions.values()].count("previous") == (state.previous is not None)
    assert state.stopped is None or state.champion is None
    assert sorted(state.challengers) == sorted(v for v, found in state.versions.items() if found.stage == "challenger")
