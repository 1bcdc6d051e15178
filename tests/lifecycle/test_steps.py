"""Every step of a model's state: what it does, whom it refuses, and the record of both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import LifeCycleError, RegistryRefusedError, UntrustedModelError
from boathouse.lifecycle.comparison import plan_changes
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.stop import stop_champion
from tests.fixtures.life_cycle import LifeCycleSetup, decision, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from boathouse.lifecycle.state import ModelState

ASKED = options(needed=1, four_eyes=True)


def judge(
    setup: LifeCycleSetup, version: str = "3", outcome: str = "promoted", *, salt: float = 0.0, **rules: Any
) -> ModelState:
    """Have the gates decide on ``version`` against the champion there is."""
    champion = setup.cycle().read().champion
    state = record_decision(setup.cycle("tom", options(**rules)), decision(version, outcome, champion, salt))
    setup.cycle("tom").sync()
    return state


def refused(
    setup: LifeCycleSetup, match: str, step: Callable[[], object], *, action: str, error: Any = LifeCycleError
) -> None:
    """Expect that ``step`` is refused, changes nothing, and leaves one record that says so."""
    setup.cycle().sync()
    before, aliases = setup.cycle().read(), dict(setup.registry.aliases)
    records = len(setup.records())
    with pytest.raises(error, match=match) as caught:
        step()
    after = setup.cycle().read()
    assert (after.aliases, after.versions, after.requests) == (before.aliases, before.versions, before.requests)
    assert setup.registry.aliases == aliases
    *_, last = setup.records()
    assert len(setup.records()) == records + 1
    assert (last.kind, last.comment) == ("refused", str(caught.value))
    assert last.read_evidence()["action"] == action


def shown(setup: LifeCycleSetup) -> bool:
    """Return whether the registry shows what the ledger says."""
    return plan_changes(setup.cycle().read(), setup.registry.read()) == []


# Decisions of the gates


def test_the_first_two_that_pass_take_charge_one_after_the_other(setup: LifeCycleSetup) -> None:
    assert setup.registry.aliases == {"champion": "2", "previous": "1"}
    assert setup.registry.stages() == {"1": "previous", "2": "champion", "3": "registered"}
    assert shown(setup)


def test_one_that_passes_takes_charge_where_nothing_has_to_be_approved(setup: LifeCycleSetup) -> None:
    judge(setup)
    assert setup.registry.aliases == {"champion": "3", "previous": "2"}
    assert setup.registry.stages() == {"1": "archived", "2": "previous", "3": "champion"}
    assert setup.registry.versions["3"].tags["comparison"] == "passed"
    assert "passed: minimum_roc_auc is 0.7" in setup.registry.versions["3"].description


def test_one_that_passes_waits_where_it_has_to_be_approved(setup: LifeCycleSetup) -> None:
    state = judge(setup, needed=1)
    assert setup.registry.aliases == {"champion": "2", "challenger": "3", "previous": "1"}
    assert [(each.version, each.to, each.by) for each in state.open_requests] == [("3", "production", "tom")]


def test_one_that_lacks_nothing_but_an_approval_waits_for_it(setup: LifeCycleSetup) -> None:
    """Also where the gates ask for an approval and the rules of the environment do not."""
    record_decision(setup.cycle("tom"), decision("3", "kept", "2", waits=True))
    state = setup.cycle("tom").sync()
    assert (state.challenger, len(state.open_requests)) == ("3", 1)
    assert setup.registry.versions["3"].tags["comparison"] == "passed"
    refused(setup, "has 0 valid approval", lambda: setup.cycle().promote("3", comment="x"), action="promote")
    assert setup.cycle("vera").approve("3", comment="seen").champion == "3"


def test_one_that_is_no_better_becomes_challenger(setup: LifeCycleSetup) -> None:
    judge(setup, outcome="kept")
    assert setup.registry.aliases == {"champion": "2", "challenger": "3", "previous": "1"}
    assert setup.registry.versions["3"].tags["comparison"] == "failed"


def test_one_that_a_gate_refuses_is_archived(setup: LifeCycleSetup) -> None:
    judge(setup, outcome="rejected")
    assert setup.registry.stages()["3"] == "archived"
    assert setup.registry.aliases == {"champion": "2", "previous": "1"}
    assert "refused: minimum_roc_auc" in setup.registry.versions["3"].description
    assert setup.registry.versions["3"].tags["gates"] == '{"passed":0,"failed":["minimum_roc_auc"]}'


def test_deciding_the_same_again_is_recorded_once(setup: LifeCycleSetup) -> None:
    judge(setup, outcome="kept")
    before = setup.records()
    judge(setup, outcome="kept")
    assert setup.records() == before


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("outcome", ["kept", "rejected"])
def test_a_decision_on_what_is_in_charge_or_was_is_only_put_on_record(
    setup: LifeCycleSetup, version: str, outcome: str
) -> None:
    judge(setup, version, outcome)
    assert setup.registry.aliases == {"champion": "2", "previous": "1"}
    assert [each.kind for each in setup.records()][-1] == ("compared" if outcome == "kept" else "checked")


def test_a_decision_against_a_former_champion_is_refused(setup: LifeCycleSetup) -> None:
    refused(
        setup,
        "held against champion 1, but 2 is champion now",
        lambda: record_decision(setup.cycle("tom"), decision("3", champion="1")),
        action="promote",
    )


def test_what_was_rolled_back_does_not_come_back_by_the_next_decision(setup: LifeCycleSetup) -> None:
    setup.cycle().rollback(comment="worse")
    judge(setup, "2", salt=0.1)
    assert setup.registry.aliases == {"champion": "1"}
    assert [each.kind for each in setup.records()][-3:] == ["checked", "compared", "refused"]


def test_a_run_by_somebody_who_may_not_promote_asks_instead(setup: LifeCycleSetup) -> None:
    rules = options({"promote": ("ann",)})
    record_decision(setup.cycle("tom", rules), decision("3", champion="2"))
    state = setup.cycle().sync()
    assert (state.champion, state.challenger, len(state.open_requests)) == ("2", "3", 1)
    asked = ["checked", "promoted", "compared", "requested", "refused"]
    assert [each.kind for each in setup.records()][-5:] == asked
    setup.cycle("ann", rules).approve("3", comment="fine")
    assert setup.registry.aliases["champion"] == "3"


# Requests and approvals


def test_a_request_to_staging_is_carried_out_by_the_compliance_check_and_by_no_approval(setup: LifeCycleSetup) -> None:
    setup.cycle("ann").request("3", to="staging", comment="to be looked at")
    for action, step in (
        ("approve", lambda: setup.cycle("vera").approve("3", comment="go ahead")),
        ("promote", lambda: setup.cycle("vera").promote("3", to="staging", comment="go ahead")),
    ):
        refused(setup, "The gates have not decided on test.models.late version 3", step, action=action)
    state = judge(setup, outcome="kept")
    assert (state.challenger, state.open_requests) == ("3", ())
    assert [(each.by, each.closed) for each in state.requests if each.version == "3"] == [("ann", "carried out by tom")]
    assert shown(setup)


def test_an_approval_carries_the_request_out(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    state = setup.cycle("vera", ASKED).approve("3", comment="seen the report")
    assert setup.registry.aliases == {"champion": "3", "previous": "2"}
    assert setup.registry.versions["3"].tags["approved_by"] == "vera"
    assert state.open_requests == ()


def test_who_approves_needs_no_right_in_the_registry(setup: LifeCycleSetup) -> None:
    """Persons write the ledger of prod, and the service principal alone its models."""
    judge(setup, needed=1)
    aliases, told = dict(setup.registry.aliases), []
    setup.registry.read_only = True
    state = replace(setup.cycle("vera", ASKED), tell=told.append).approve("3", comment="seen the report")
    assert (state.champion, setup.registry.aliases) == ("3", aliases)
    assert [each.version for each in setup.records("promoted")][-1] == "3"
    assert len(told) == 1
    assert "does not show yet what is on record of test.models.late" in told[0]
    assert "boathouse models sync" in told[0]
    # Asked again, also with the registry behind the ledger, it says that it was done.
    with pytest.raises(LifeCycleError, match="closed: carried out by vera"):
        setup.cycle("ann", ASKED).approve("3", comment="yes")
    setup.registry.read_only = False
    # As the task of the deployment job that follows.
    assert setup.cycle("tom", ASKED).promote("3", comment="deployment").champion == "3"
    assert setup.registry.aliases == {"champion": "3", "previous": "2"}
    assert shown(setup)


def test_who_rejects_needs_no_right_in_the_registry(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    setup.registry.read_only = True
    state = setup.cycle("vera", ASKED).reject("3", comment="unfair to the young")
    assert state.requests[-1].closed == "rejected by vera"


def test_who_moves_a_version_needs_the_right_and_hears_that_it_is_missing(setup: LifeCycleSetup) -> None:
    setup.cycle().sync()
    setup.registry.read_only = True
    with pytest.raises(RegistryRefusedError, match="PERMISSION_DENIED"):
        setup.cycle().rollback(comment="worse")


def test_where_it_is_not_carried_out_promote_does_it(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    rules = options(needed=1, carry_out=False)
    assert setup.cycle("vera", rules).approve("3", comment="yes").champion == "2"
    assert setup.cycle("vera", rules).promote("3", comment="now").champion == "3"


def test_two_approvals_of_two_persons_where_two_are_needed(setup: LifeCycleSetup) -> None:
    judge(setup, needed=2)
    rules = options(needed=2)
    assert setup.cycle("vera", rules).approve("3", comment="yes").champion == "2"
    refused(
        setup,
        "vera approved version 3 already",
        lambda: setup.cycle("vera", rules).approve("3", comment="again"),
        action="approve",
    )
    assert setup.cycle("ann", rules).approve("3", comment="yes").champion == "3"


def test_a_rejected_request_is_closed_and_its_version_stays(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    state = setup.cycle("vera", ASKED).reject("3", comment="unfair to the young")
    assert state.open_requests == ()
    assert setup.registry.aliases["challenger"] == "3"
    assert state.requests[-1].closed == "rejected by vera"
    refused(
        setup,
        "closed: rejected by vera",
        lambda: setup.cycle("ann", ASKED).approve("3", comment="but"),
        action="approve",
    )


def test_reject_after_approval_is_refused(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    setup.cycle("vera", ASKED).approve("3", comment="yes")
    refused(
        setup,
        "closed: carried out by vera",
        lambda: setup.cycle("ann", ASKED).reject("3", comment="no"),
        action="reject",
    )


def test_approve_again_after_it_was_carried_out_is_refused(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    setup.cycle("vera", ASKED).approve("3", comment="yes")
    refused(setup, "no open request", lambda: setup.cycle("vera", ASKED).approve("3", comment="yes"), action="approve")


@pytest.mark.parametrize("step", ["approve", "reject"])
def test_without_a_request_there_is_nothing_to_decide(setup: LifeCycleSetup, step: str) -> None:
    refused(setup, "no open request", lambda: getattr(setup.cycle(), step)("3", comment="x"), action=step)


@pytest.mark.parametrize(
    ("step", "given"),
    [
        ("approve", {}),
        ("reject", {}),
        ("promote", {}),
        ("archive", {}),
        ("request", {"to": "staging"}),
        ("request", {"to": "production"}),
    ],
)
def test_an_unknown_version_is_named_with_those_there_are(
    setup: LifeCycleSetup, step: str, given: dict[str, str]
) -> None:
    refused(
        setup,
        "has no version 9. There are: 1, 2, 3",
        lambda: getattr(setup.cycle(), step)("9", comment="x", **given),
        action=step,
    )


def test_who_trained_it_may_not_approve_it(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    refused(
        setup, "tom trained version 3", lambda: setup.cycle("tom", ASKED).approve("3", comment="x"), action="approve"
    )


def test_who_asked_may_not_approve(setup: LifeCycleSetup) -> None:
    setup.cycle("vera", ASKED).request("3", to="staging", comment="x")
    refused(setup, "vera asked for", lambda: setup.cycle("vera", ASKED).approve("3", comment="x"), action="approve")


def test_an_expired_approval_does_not_count_and_can_be_given_again(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    rules = options(needed=1, carry_out=False, valid_days=14)
    setup.cycle("vera", rules).approve("3", comment="yes")
    setup.clock.move(days=14)
    setup.clock.move(seconds=1)
    refused(
        setup,
        "0 valid approval.*vera from 2026-03-01 expired after 14 days",
        lambda: setup.cycle("ann", rules).promote("3", comment="now"),
        action="promote",
    )
    setup.cycle("vera", rules).approve("3", comment="still yes")
    assert setup.cycle("ann", rules).promote("3", comment="now").champion == "3"


def test_an_approval_is_valid_to_its_last_second(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    rules = options(needed=1, carry_out=False, valid_days=14)
    setup.cycle("vera", rules).approve("3", comment="yes")
    setup.clock.move(days=14)
    assert setup.cycle("ann", rules).promote("3", comment="now").champion == "3"


@pytest.mark.parametrize("step", ["approve", "promote"])
def test_changed_files_are_neither_approved_nor_promoted(setup: LifeCycleSetup, step: str) -> None:
    judge(setup, needed=1)
    rules = options(needed=1, carry_out=False)
    if step == "promote":
        setup.cycle("vera", rules).approve("3", comment="yes")
    setup.registry.digests["3"] = "other"
    refused(
        setup,
        "digest other, recorded digest3",
        lambda: getattr(setup.cycle("vera", rules), step)("3", comment="x"),
        action=step,
    )


def test_files_that_are_not_to_be_trusted_stop_a_step_and_are_on_record(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)

    def refuse(version: str) -> str:
        raise UntrustedModelError.changed_files(["spec.json"])

    setup.registry.compute_digest = refuse  # type: ignore[method-assign]
    refused(
        setup,
        "spec.json",
        lambda: setup.cycle("vera", ASKED).approve("3", comment="x"),
        action="approve",
        error=UntrustedModelError,
    )


def test_promotion_without_approval_says_how_to_get_one(setup: LifeCycleSetup) -> None:
    judge(setup, needed=1)
    refused(
        setup,
        r"0 valid approval.*needs 1.*tom asked for them.*boathouse models approve test\.models\.late 3 .*--env test",
        lambda: setup.cycle("ann", ASKED).promote("3", comment="x"),
        action="promote",
    )


@pytest.mark.parametrize(
    ("version", "to", "match"),
    [
        ("2", "staging", "is champion already"),
        ("2", "production", "is champion already"),
        ("3", "production", "The gates have not decided on test.models.late version 3"),
    ],
)
def test_what_cannot_be_asked_for(setup: LifeCycleSetup, version: str, to: str, match: str) -> None:
    refused(setup, match, lambda: setup.cycle().request(version, to=to, comment="x"), action="request")


def test_production_cannot_be_asked_for_when_the_comparison_failed(setup: LifeCycleSetup) -> None:
    judge(setup, outcome="kept")
    for step in (
        lambda: setup.cycle().request("3", to="production", comment="x"),
        lambda: setup.cycle().promote("3", comment="x"),
    ):
        action = "request" if setup.records()[-1].kind != "refused" else "promote"
        refused(setup, "Version 3 failed the comparison with champion 2", step, action=action)


def test_what_is_withdrawn_cannot_be_asked_for(setup: LifeCycleSetup) -> None:
    judge(setup, outcome="rejected")
    for to in ("staging", "production"):
        refused(
            setup,
            r"Version 3 is archived \(rejected for a reason.\)",
            lambda to=to: setup.cycle().request("3", to=to, comment="x"),  # type: ignore[misc]
            action="request",
        )


def test_the_same_is_asked_for_once(setup: LifeCycleSetup) -> None:
    setup.cycle("tom").request("3", to="staging", comment="x")
    refused(
        setup,
        "requested for staging already, by tom",
        lambda: setup.cycle("ann").request("3", to="staging", comment="x"),
        action="request",
    )


# Promotion, rollback, archive


def test_promoting_what_is_champion_only_mends(setup: LifeCycleSetup) -> None:
    setup.cycle().sync()
    before = setup.records()
    setup.registry.aliases["champion"] = "1"
    assert setup.cycle().promote("2", comment="again").champion == "2"
    assert setup.registry.aliases["champion"] == "2"
    # Who moved the alias past the ledger is not known; that it was moved, and set back, is.
    differed, synced = setup.records()[len(before) :]
    assert (differed.kind, synced.kind) == ("differed", "synced")
    assert differed.comment == "Alias champion is version 1 in the registry and version 2 in the ledger."
    assert synced.comment == "Set back: alias 'champion' set to version 2."


def test_of_two_that_passed_against_the_same_champion_the_second_is_told(setup: LifeCycleSetup) -> None:
    setup.registry.register()
    for version in ("3", "4"):
        record_decision(setup.cycle("tom", ASKED), decision(version, champion="2"))
    setup.cycle("vera", ASKED).approve("3", comment="yes")
    refused(
        setup,
        "held against champion 2, but 3 is champion now",
        lambda: setup.cycle().promote("4", comment="x"),
        action="promote",
    )


def test_rollback_goes_one_step_and_typed_twice_it_is_still_one(setup: LifeCycleSetup) -> None:
    state = setup.cycle("ann").rollback(comment="worse since noon")
    assert setup.registry.aliases == {"champion": "1"}
    assert setup.registry.stages()["2"] == "archived"
    assert state.rolled_back is not None
    before = setup.records()
    assert setup.cycle("bob").rollback(comment="me too").champion == "1"
    assert setup.records() == before
    assert shown(setup)


def test_a_rollback_is_undone_by_naming_the_version(setup: LifeCycleSetup) -> None:
    setup.cycle().rollback(comment="worse")
    assert setup.cycle().rollback(to="2", comment="it was the data").champion == "2"
    assert setup.registry.stages() == {"1": "archived", "2": "champion", "3": "registered"}


def test_rollback_without_previous_says_where_it_can_go(setup: LifeCycleSetup) -> None:
    setup.cycle().archive("1", comment="too old")
    refused(
        setup,
        "no previous version beside champion 2. Champions before: 1",
        lambda: setup.cycle().rollback(comment="x"),
        action="rollback",
    )
    assert setup.cycle().rollback(to="1", comment="x").champion == "1"


def test_rollback_without_champion_is_refused(empty: LifeCycleSetup) -> None:
    empty.registry.register()
    refused(empty, "has no champion", lambda: empty.cycle().rollback(comment="x"), action="rollback")


# Stop


def test_a_stop_leaves_no_champion_and_typed_twice_it_is_still_one(setup: LifeCycleSetup) -> None:
    state = stop_champion(setup.cycle("ann"), comment="rejects everybody")
    assert setup.registry.aliases == {"previous": "1"}
    assert setup.registry.stages() == {"1": "previous", "2": "archived", "3": "registered"}
    assert "Stopped by ann: rejects everybody" in setup.registry.versions["2"].description
    assert state.stopped is not None
    (record,) = setup.records("stopped")
    assert (record.version, record.actor, record.comment) == ("2", "ann", "rejects everybody")
    before = setup.records()
    assert stop_champion(setup.cycle("bob"), comment="me too").stopped == state.stopped
    assert setup.records() == before
    assert shown(setup)


def test_of_two_who_stop_at_once_the_second_changes_nothing(
    setup: LifeCycleSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = setup.cycle("bob")
    seen = second.sync()
    first = stop_champion(setup.cycle("ann"), comment="rejects everybody")
    stale = [seen]
    sync = type(second).sync
    monkeypatch.setattr(type(second), "sync", lambda cycle: stale.pop() if stale else sync(cycle))
    assert stop_champion(second, comment="me too").stopped == first.stopped
    assert [each.actor for each in setup.records("stopped")] == ["ann"]
    assert setup.records("refused") == []


def test_a_champion_without_predecessor_is_stopped_and_resumed_by_its_number(empty: LifeCycleSetup) -> None:
    empty.registry.register()
    judge(empty, "1")
    assert stop_champion(empty.cycle(), comment="x").champion is None
    refused(
        empty,
        "no previous version in place of version 1, which was stopped. Champions before: 1; go to one with --to",
        lambda: empty.cycle().rollback(comment="x"),
        action="rollback",
    )
    state = empty.cycle().rollback(to="1", comment="it was the data")
    assert (state.champion, state.stopped) == ("1", None)
    assert empty.registry.stages() == {"1": "champion"}
    assert shown(empty)


def test_after_a_stop_rollback_goes_to_the_previous_version(setup: LifeCycleSetup) -> None:
    stop_champion(setup.cycle(), comment="x")
    assert setup.cycle().rollback(comment="y").champion == "1"
    assert setup.registry.stages() == {"1": "champion", "2": "archived", "3": "registered"}


def test_a_run_does_not_end_a_stop_but_a_person_does(setup: LifeCycleSetup) -> None:
    stop_champion(setup.cycle(), comment="x")
    state = judge(setup)
    assert (state.champion, state.challenger, len(state.open_requests)) == (None, "3", 1)
    assert setup.cycle().promote("3", comment="better").champion == "3"
    assert setup.cycle().read().stopped is None


def test_who_has_not_the_role_may_not_stop(setup: LifeCycleSetup) -> None:
    rules = options({"stop": ("ann",)})
    refused(setup, "tom may not stop", lambda: stop_champion(setup.cycle("tom", rules), comment="x"), action="stop")
    assert stop_champion(setup.cycle("ann", rules), comment="x").champion is None


def test_a_stop_without_champion_is_refused(empty: LifeCycleSetup) -> None:
    empty.registry.register()
    refused(empty, "nothing to stop", lambda: stop_champion(empty.cycle(), comment="x"), action="stop")


def test_rollback_of_the_first_champion_is_refused(empty: LifeCycleSetup) -> None:
    empty.registry.register()
    judge(empty, "1")
    refused(empty, "No other ever was champion", lambda: empty.cycle().rollback(comment="x"), action="rollback")


@pytest.mark.parametrize(
    ("to", "match"), [("3", "was never champion"), ("2", "is champion already"), ("9", "has no version 9")]
)
def test_rollback_goes_to_former_champions_only(setup: LifeCycleSetup, to: str, match: str) -> None:
    refused(setup, match, lambda: setup.cycle().rollback(to=to, comment="x"), action="rollback")


def test_rollback_to_changed_files_is_refused(setup: LifeCycleSetup) -> None:
    setup.registry.digests["1"] = "other"
    refused(setup, "digest other, recorded digest1", lambda: setup.cycle().rollback(comment="x"), action="rollback")


def test_the_champion_cannot_be_archived(setup: LifeCycleSetup) -> None:
    refused(
        setup, "is champion and cannot be archived", lambda: setup.cycle().archive("2", comment="x"), action="archive"
    )


def test_what_is_archived_cannot_be_archived_again(setup: LifeCycleSetup) -> None:
    setup.cycle().archive("3", comment="not needed")
    refused(setup, "archived already", lambda: setup.cycle().archive("3", comment="x"), action="archive")


# Roles


@pytest.mark.parametrize(
    ("action", "step"),
    [
        ("request", lambda cycle: cycle.request("3", to="staging", comment="x")),
        ("approve", lambda cycle: cycle.approve("3", comment="x")),
        ("promote", lambda cycle: cycle.promote("3", comment="x")),
        ("rollback", lambda cycle: cycle.rollback(comment="x")),
        ("archive", lambda cycle: cycle.archive("3", comment="x")),
    ],
)
def test_only_those_named_may(setup: LifeCycleSetup, action: str, step: Callable[[Any], object]) -> None:
    rules = options({action: ("ann", "app-17")})
    refused(
        setup,
        f"vera may not {action} models here; allowed: ann, app-17",
        lambda: step(setup.cycle("vera", rules)),
        action=action,
    )


def test_who_may_not_approve_may_not_reject(setup: LifeCycleSetup) -> None:
    setup.cycle("tom").request("3", to="staging", comment="x")
    rules = options({"approve": ()})
    refused(setup, "allowed: no person", lambda: setup.cycle("vera", rules).reject("3", comment="x"), action="reject")


def test_records_tell_who_why_and_what_vouches_for_the_name(setup: LifeCycleSetup) -> None:
    setup.cycle("ann").archive("3", comment="not needed")
    last = setup.records()[-1]
    assert (last.actor, last.comment, last.version) == ("ann", "not needed", "3")
    assert last.read_evidence() == {"from": "registered", "identity": "system", "why": "by hand"}
