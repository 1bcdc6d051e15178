"""The life cycle of a version, move by move: what precedes each, what each step decides, what is on record."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.comments import comment_version
from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.decision import PromotionDecision, record_decision
from boathouse.lifecycle.gates import Gate
from boathouse.lifecycle.policy import Webhook
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import describe_tags
from boathouse.lifecycle.webhooks import EVENTS, derive_messages, name_events
from tests.fixtures.life_cycle import NAME, LifeCycleSetup, decision, event, options, seal

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.state import ModelState


def judge(setup: LifeCycleSetup, made: PromotionDecision, **approvals: Any) -> ModelState:
    """Record ``made`` as a run by tom does, and show it in the registry."""
    record_decision(setup.cycle("tom", options(**approvals)), made)
    return setup.cycle("tom").sync()


def moves(setup: LifeCycleSetup, version: str) -> list[tuple[str, str]]:
    """Return kind, and target, stage or result, of the records of a version."""
    found = []
    for each in setup.records():
        evidence = each.read_evidence()
        if each.version == version:
            found.append((each.kind, str(evidence.get("stage") or evidence.get("to") or evidence.get("outcome") or "")))
    return found


REGISTERED = [("registered", ""), ("requested", "staging")]
CHALLENGER = [*REGISTERED, ("checked", "passed"), ("promoted", "challenger")]


def test_one_that_is_better_passes_every_stage(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", champion="2"))
    better = [("compared", "passed"), ("requested", "production"), ("promoted", "champion")]
    assert moves(setup, "3") == [*CHALLENGER, *better]
    assert setup.registry.aliases == {"champion": "3", "previous": "2"}
    assert setup.registry.stages() == {"1": "archived", "2": "previous", "3": "champion"}


def test_one_that_loses_stays_challenger_and_its_comparison_is_failed(setup: LifeCycleSetup) -> None:
    state = judge(setup, decision("3", "kept", "2"))
    assert moves(setup, "3") == [*CHALLENGER, ("compared", "failed")]
    assert setup.registry.aliases == {"champion": "2", "challenger": "3", "previous": "1"}
    tags = setup.registry.versions["3"].tags
    assert (tags["stage"], tags["compliance"], tags["comparison"]) == ("challenger", "passed", "failed")
    assert (state.versions["3"].reason, state.open_requests) == ("kept for a reason.", ())
    assert not state.is_updated


def test_one_that_breaks_a_rule_is_rejected_and_archived_and_never_compared(setup: LifeCycleSetup) -> None:
    state = judge(setup, decision("3", "rejected", "2"))
    assert moves(setup, "3") == [*REGISTERED, ("checked", "failed"), ("rejected", ""), ("archived", "")]
    assert setup.registry.aliases == {"champion": "2", "previous": "1"}
    tags = setup.registry.versions["3"].tags
    assert (tags["stage"], tags["compliance"], "comparison" in tags) == ("archived", "failed", False)
    (request,) = [each for each in state.requests if each.version == "3"]
    assert request.closed == "rejected by the compliance check"


@pytest.mark.parametrize("needed", [0, 1])
@pytest.mark.parametrize("outcome", ["promoted", "kept", "rejected"])
def test_a_request_precedes_each_move(setup: LifeCycleSetup, outcome: str, needed: int) -> None:
    judge(setup, decision("3", outcome, "2"), needed=needed)
    if outcome == "promoted" and needed:
        setup.cycle("vera", options(needed=needed)).approve("3", comment="seen")
    reached = {"staging": "challenger", "production": "champion"}
    asked: set[str] = set()
    for kind, what in moves(setup, "3"):
        if kind == "requested":
            asked.add(reached[what])
        assert kind != "promoted" or what in asked, what
    assert setup.cycle().read().open_requests == ()


def test_a_move_by_hand_is_requested_too(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", champion="2"), needed=1)
    setup.cycle("ann").reject("3", comment="not in December")
    setup.cycle("vera").promote("3", comment="now")
    assert moves(setup, "3")[-3:] == [("rejected", "production"), ("requested", "production"), ("promoted", "champion")]
    *_, last = setup.cycle().read().requests
    assert (last.by, last.closed) == ("vera", "carried out by vera")


def test_compliance_and_comparison_are_recorded_apart_each_with_its_own_gates(setup: LifeCycleSetup) -> None:
    gates = [
        Gate(name=name, mode="enforce", passed=name != "beats_baseline", value=0.0, limit=0.0, message=f"{name}.")
        for name in ("signature", "beats_baseline", "approval")
    ]
    judge(setup, replace(decision("3", "kept", "2"), gates=gates, difference={"compared_with": "champion 2"}))
    recorded = {
        each.kind: each.read_evidence()
        for each in setup.records()
        if each.kind in {"checked", "compared"} and each.version == "3"
    }
    assert [gate["name"] for gate in recorded["checked"]["gates"]] == ["signature"]
    assert [gate["name"] for gate in recorded["compared"]["gates"]] == ["beats_baseline", "approval"]
    assert recorded["compared"]["difference"] == {"compared_with": "champion 2"}
    check = setup.cycle().read().versions["3"].check
    assert check is not None
    assert [gate["name"] for gate in check.gates] == ["signature", "beats_baseline", "approval"]


def test_the_next_challenger_takes_the_place_of_one_that_lost(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", "kept", "2"))
    setup.registry.register()
    state = judge(setup, decision("4", "kept", "2"))
    assert setup.registry.stages() == {"1": "previous", "2": "champion", "3": "archived", "4": "challenger"}
    assert setup.registry.aliases == {"champion": "2", "challenger": "4", "previous": "1"}
    assert moves(setup, "3")[-1] == ("archived", "")
    assert state.versions["3"].reason == "It failed its comparison, and 4 is challenger now."


def test_the_next_challenger_leaves_one_that_waits_for_approval(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", champion="2"), needed=1)
    setup.registry.register()
    state = judge(setup, decision("4", "kept", "2"))
    assert state.challengers == ("3", "4")
    assert [each.version for each in state.open_requests] == ["3"]
    assert setup.cycle("vera", options(needed=1)).approve("3", comment="yes").champion == "3"
    assert setup.registry.aliases == {"champion": "3", "challenger": "4", "previous": "2"}


def test_one_that_breaks_a_rule_leaves_the_challenger_alone(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", "kept", "2"))
    setup.registry.register()
    judge(setup, decision("4", "rejected", "2"))
    assert setup.registry.aliases == {"champion": "2", "challenger": "3", "previous": "1"}


def test_a_previous_champion_that_is_better_again_stays_what_rollback_goes_to_until_it_is_approved(
    setup: LifeCycleSetup,
) -> None:
    state = judge(setup, decision("1", champion="2"), needed=1)
    assert (state.previous, [each.version for each in state.open_requests]) == ("1", ["1"])
    setup.cycle("vera", options(needed=1)).approve("1", comment="yes")
    assert setup.registry.aliases == {"champion": "1", "previous": "2"}


def test_a_former_challenger_that_breaks_a_rule_now_is_archived_and_what_waits_is_rejected(
    setup: LifeCycleSetup,
) -> None:
    judge(setup, decision("3", champion="2"), needed=1)
    state = judge(setup, decision("3", "rejected", "2", salt=0.1), needed=1)
    assert (state.versions["3"].stage, state.open_requests) == ("archived", ())
    assert state.requests[-1].closed == "rejected by the compliance check"


def test_a_challenger_that_loses_a_later_comparison_waits_no_more(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", champion="2"), needed=1)
    state = judge(setup, decision("3", "kept", "2", salt=0.1), needed=1)
    assert (state.versions["3"].stage, state.open_requests) == ("challenger", ())
    assert state.requests[-1].closed == "rejected by the comparison"
    assert setup.registry.versions["3"].tags["comparison"] == "failed"


@pytest.mark.parametrize("outcome", ["promoted", "kept", "rejected"])
def test_deciding_the_same_again_records_nothing_at_all(setup: LifeCycleSetup, outcome: str) -> None:
    judge(setup, decision("3", outcome, "2"))
    before = setup.records()
    record_decision(setup.cycle("tom"), decision("3", outcome, "2"))
    assert setup.records() == before


# Events


def test_a_model_is_created_once(empty: LifeCycleSetup) -> None:
    empty.registry.register()
    empty.cycle("tom").sync()
    empty.registry.register()
    empty.cycle("tom").sync()
    assert [(each.kind, each.version) for each in empty.records()] == [
        ("created", None),
        ("registered", "1"),
        ("registered", "2"),
    ]
    assert empty.cycle().read().versions.keys() == {"1", "2"}


def test_a_comment_is_on_record_and_on_the_page_and_changes_nothing_else(setup: LifeCycleSetup) -> None:
    setup.cycle().sync()
    before = setup.cycle().read()
    state = comment_version(setup.cycle("ann"), "3", comment="Weak on small limits")
    assert replace(state.versions["3"], comments=()) == before.versions["3"]
    assert (state.aliases, state.requests) == (before.aliases, before.requests)
    *_, last = setup.records()
    assert (last.kind, last.actor, last.version, last.comment) == ("commented", "ann", "3", "Weak on small limits")
    assert "ann, 2026-03-01 09:00 UTC: Weak on small limits" in setup.registry.versions["3"].description
    assert plan_changes(state, setup.registry.read()) == []


@pytest.mark.parametrize(("version", "text", "match"), [("9", "x", "has no version 9"), ("3", "  ", "is empty")])
def test_a_comment_on_nothing_or_without_words_is_refused(
    setup: LifeCycleSetup, version: str, text: str, match: str
) -> None:
    with pytest.raises(LifeCycleError, match=match):
        comment_version(setup.cycle("ann"), version, comment=text)
    *_, last = setup.records()
    assert (last.kind, last.read_evidence()["action"]) == ("refused", "comment")


def told(setup: LifeCycleSetup, *events: str) -> list[tuple[str, str | None]]:
    """Return event and version of each message to a receiver of ``events`` about version 3, or the model."""
    records = {each.sequence: each for each in setup.records()}
    messages = derive_messages(
        records.values(), [Webhook(name="desk", kind="command", events=events, command=["true"])]
    )
    return [
        (each.event, records[each.sequence].version)
        for each in messages
        if records[each.sequence].version in {"3", None}
    ]


def test_receivers_are_told_of_every_step_by_name(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", "kept", "2"))
    comment_version(setup.cycle("ann"), "3", comment="Weak on small limits")
    told_of = [name for name, _ in told(setup, "*")]
    steps = ["transition_requested", "gates_passed", "challenger_changed", "comparison_failed", "comment"]
    assert told_of == ["model_created", "candidate_registered", *steps]
    assert set(told_of) <= set(EVENTS)


def test_a_receiver_of_former_names_is_told_as_before(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", "kept", "2"))
    assert told(setup, "champion_kept") == [("champion_kept", "3")]


def test_approval_is_needed_only_where_a_request_waits(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", champion="2"), needed=1)
    assert told(setup, "approval_needed") == [("approval_needed", "3")]
    assert [name for name, _ in told(setup, "transition_requested")] == ["transition_requested"] * 2


def test_no_approval_is_needed_for_a_request_that_the_run_carries_out(setup: LifeCycleSetup) -> None:
    judge(setup, decision("3", champion="2"))
    assert told(setup, "approval_needed") == []
    assert [name for name, _ in told(setup, "transition_requested")] == ["transition_requested"] * 2


@pytest.mark.parametrize("champion", [None, "2"])
def test_only_where_there_is_a_champion_is_one_kept(champion: str | None) -> None:
    (record,) = seal(event("compared", "3", outcome="failed", champion=champion))
    assert name_events(record) == ("comparison_failed", *(("champion_kept",) if champion else ()))


# Ledgers of before


def former(outcome: str, kind: str, *, waits: bool = False, **evidence: Any) -> list[AuditRecord]:
    """Return the records that a decision used to leave: both steps in one, and no request for staging."""
    gates = [{"name": "signature", "passed": outcome != "rejected", "mode": "enforce"}]
    checked = event("checked", "1", number=1, outcome=outcome, champion="7", gates=gates, waits_for_approval=waits)
    return seal(event("registered", "1", trained_by="tom"), checked, event(kind, "1", number=2, **evidence))


@pytest.mark.parametrize(
    ("records", "stage", "tags"),
    [
        (former("promoted", "promoted", stage="champion"), "champion", ("passed", "passed")),
        (former("kept", "kept", champion="7"), "challenger", ("passed", "failed")),
        (former("kept", "promoted", waits=True, stage="challenger"), "challenger", ("passed", "passed")),
        (former("rejected", "archived"), "archived", ("failed", None)),
    ],
)
def test_a_ledger_of_before_is_read_as_it_was_meant(
    records: list[AuditRecord], stage: str, tags: tuple[str, str | None]
) -> None:
    version = project_events(records, name=NAME).versions["1"]
    shown = describe_tags(version)
    assert (version.stage, shown["compliance"], shown.get("comparison")) == (stage, *tags)
    assert [name_events(each) for each in records[:2]] == [
        ("candidate_registered",),
        ("gates_passed",) if tags == ("passed", "passed") and stage == "champion" else ("gates_failed",),
    ]


def test_the_same_decision_again_over_a_ledger_of_before_counts_no_gate_twice(setup: LifeCycleSetup) -> None:
    lost = Gate(name="beats_baseline", mode="enforce", passed=False, value=0.0, limit=0.0, message="It is no better.")
    made = replace(decision("3", "kept", "2"), gates=[lost])
    setup.cycle().sync()
    old = event("checked", "3", outcome="kept", champion="2", gates=[{"name": "beats_baseline", "passed": False}])
    kept = event("kept", "3", number=1, champion="2")
    setup.cycle().ledger.append([replace(old, event_id=f"checked/{made.decision_id}"), kept])
    state = judge(setup, made)
    check = state.versions["3"].check
    assert check is not None
    assert (state.versions["3"].stage, check.comparison) == ("challenger", "failed")
    names = [gate["name"] for gate in check.gates]
    assert names == ["beats_baseline"]


def test_every_kind_has_a_name_for_receivers() -> None:
    evidence = {"outcome": "passed", "stage": "champion", "to": "production"}
    named = [name_events(seal(event(kind, **evidence))[0]) for kind in event_types.EVENT_TYPES]
    assert set(itertools.chain(*named)) <= set(EVENTS)
