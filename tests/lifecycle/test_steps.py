"""Every step of a model's life: what it does, whom it refuses, and the record of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import LifeCycleError, UntrustedModelError
from boathouse.lifecycle.registry import plan_changes
from boathouse.lifecycle.steps import record_decision
from tests.fixtures.life_cycle import LifeSetup, decision, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from boathouse.lifecycle.state import ModelState

ASKED = options(needed=1, four_eyes=True)


def judge(
    house: LifeSetup, version: str = "3", outcome: str = "promoted", *, salt: float = 0.0, **rules: Any
) -> ModelState:
    """Have the gates decide on ``version`` against the champion there is."""
    champion = house.life().read().champion
    life = record_decision(house.life("tom", options(**rules)), decision(version, outcome, champion, salt))
    house.life("tom").mend()
    return life


def refused(
    house: LifeSetup, match: str, step: Callable[[], object], *, action: str, error: Any = LifeCycleError
) -> None:
    """Expect that ``step`` is refused, changes nothing, and leaves one record that says so."""
    house.life().mend()
    before, aliases = house.life().read(), dict(house.registry.aliases)
    records = len(house.records())
    with pytest.raises(error, match=match) as caught:
        step()
    after = house.life().read()
    assert (after.aliases, after.versions, after.requests) == (before.aliases, before.versions, before.requests)
    assert house.registry.aliases == aliases
    *_, last = house.records()
    assert len(house.records()) == records + 1
    assert (last.kind, last.comment) == ("refused", str(caught.value))
    assert last.read_evidence()["action"] == action


def shown(house: LifeSetup) -> bool:
    """Return whether the registry shows what the ledger says."""
    return plan_changes(house.life().read(), house.registry.read()) == []


# Decisions of the gates


def test_the_first_two_that_pass_take_charge_one_after_the_other(house: LifeSetup) -> None:
    assert house.registry.aliases == {"champion": "2", "previous": "1"}
    assert house.registry.stages() == {"1": "previous", "2": "champion", "3": "registered"}
    assert shown(house)


def test_one_that_passes_takes_charge_where_nothing_has_to_be_approved(house: LifeSetup) -> None:
    judge(house)
    assert house.registry.aliases == {"champion": "3", "previous": "2"}
    assert house.registry.stages() == {"1": "archived", "2": "previous", "3": "champion"}
    assert house.registry.versions["3"].tags["comparison"] == "passed"
    assert "passed: minimum_roc_auc is 0.7" in house.registry.versions["3"].description


def test_one_that_passes_waits_where_it_has_to_be_approved(house: LifeSetup) -> None:
    life = judge(house, needed=1)
    assert house.registry.aliases == {"champion": "2", "challenger": "3", "previous": "1"}
    assert [(each.version, each.to, each.by) for each in life.open_requests] == [("3", "production", "tom")]


def test_one_that_lacks_nothing_but_an_approval_waits_for_it(house: LifeSetup) -> None:
    """Also where the gates ask for an approval and the rules of the environment do not."""
    record_decision(house.life("tom"), decision("3", "kept", "2", waits=True))
    life = house.life("tom").mend()
    assert (life.challenger, len(life.open_requests)) == ("3", 1)
    assert house.registry.versions["3"].tags["comparison"] == "passed"
    refused(house, "has 0 valid approval", lambda: house.life().promote("3", comment="x"), action="promote")
    assert house.life("vera").approve("3", comment="seen").champion == "3"


def test_one_that_is_no_better_becomes_challenger(house: LifeSetup) -> None:
    judge(house, outcome="kept")
    assert house.registry.aliases == {"champion": "2", "challenger": "3", "previous": "1"}
    assert house.registry.versions["3"].tags["comparison"] == "failed"


def test_one_that_a_gate_refuses_is_archived(house: LifeSetup) -> None:
    judge(house, outcome="rejected")
    assert house.registry.stages()["3"] == "archived"
    assert house.registry.aliases == {"champion": "2", "previous": "1"}
    assert "refused: minimum_roc_auc" in house.registry.versions["3"].description
    assert house.registry.versions["3"].tags["gates"] == '{"passed":0,"failed":["minimum_roc_auc"]}'


def test_deciding_the_same_again_is_recorded_once(house: LifeSetup) -> None:
    judge(house, outcome="kept")
    before = house.records()
    judge(house, outcome="kept")
    assert house.records() == before


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("outcome", ["kept", "rejected"])
def test_a_decision_on_what_is_in_charge_or_was_is_only_put_on_record(
    house: LifeSetup, version: str, outcome: str
) -> None:
    judge(house, version, outcome)
    assert house.registry.aliases == {"champion": "2", "previous": "1"}
    assert [each.kind for each in house.records()][-1] == "checked"


def test_a_decision_against_a_former_champion_is_refused(house: LifeSetup) -> None:
    refused(
        house,
        "held against champion 1, but 2 is champion now",
        lambda: record_decision(house.life("tom"), decision("3", champion="1")),
        action="promote",
    )


def test_what_was_rolled_back_does_not_come_back_by_the_next_decision(house: LifeSetup) -> None:
    house.life().rollback(comment="worse")
    judge(house, "2", salt=0.1)
    assert house.registry.aliases == {"champion": "1"}
    assert [each.kind for each in house.records()][-2:] == ["checked", "refused"]


def test_a_run_by_somebody_who_may_not_promote_asks_instead(house: LifeSetup) -> None:
    rules = options({"promote": ("ann",)})
    record_decision(house.life("tom", rules), decision("3", champion="2"))
    life = house.life().mend()
    assert (life.champion, life.challenger, len(life.open_requests)) == ("2", "3", 1)
    assert [each.kind for each in house.records()][-4:] == ["checked", "promoted", "requested", "refused"]
    house.life("ann", rules).approve("3", comment="fine")
    assert house.registry.aliases["champion"] == "3"


# Requests and approvals


def test_a_request_to_staging_is_carried_out_by_its_approval(house: LifeSetup) -> None:
    house.life("tom").request("3", to="staging", comment="to be looked at")
    life = house.life("vera").approve("3", comment="go ahead")
    assert (life.challenger, life.versions["3"].approved_by) == ("3", "vera")
    assert life.open_requests == ()
    assert shown(house)


def test_an_approval_carries_the_request_out(house: LifeSetup) -> None:
    judge(house, needed=1)
    life = house.life("vera", ASKED).approve("3", comment="seen the report")
    assert house.registry.aliases == {"champion": "3", "previous": "2"}
    assert house.registry.versions["3"].tags["approved_by"] == "vera"
    assert life.open_requests == ()


def test_where_it_is_not_carried_out_promote_does_it(house: LifeSetup) -> None:
    judge(house, needed=1)
    rules = options(needed=1, carry_out=False)
    assert house.life("vera", rules).approve("3", comment="yes").champion == "2"
    assert house.life("vera", rules).promote("3", comment="now").champion == "3"


def test_two_approvals_of_two_persons_where_two_are_needed(house: LifeSetup) -> None:
    judge(house, needed=2)
    rules = options(needed=2)
    assert house.life("vera", rules).approve("3", comment="yes").champion == "2"
    refused(
        house,
        "vera approved version 3 already",
        lambda: house.life("vera", rules).approve("3", comment="again"),
        action="approve",
    )
    assert house.life("ann", rules).approve("3", comment="yes").champion == "3"


def test_a_rejected_request_is_closed_and_its_version_stays(house: LifeSetup) -> None:
    judge(house, needed=1)
    life = house.life("vera", ASKED).reject("3", comment="unfair to the young")
    assert life.open_requests == ()
    assert house.registry.aliases["challenger"] == "3"
    assert life.requests[-1].closed == "rejected by vera"
    refused(
        house,
        "closed: rejected by vera",
        lambda: house.life("ann", ASKED).approve("3", comment="but"),
        action="approve",
    )


def test_reject_after_approval_is_refused(house: LifeSetup) -> None:
    judge(house, needed=1)
    house.life("vera", ASKED).approve("3", comment="yes")
    refused(
        house,
        "closed: carried out by vera",
        lambda: house.life("ann", ASKED).reject("3", comment="no"),
        action="reject",
    )


def test_approve_again_after_it_was_carried_out_is_refused(house: LifeSetup) -> None:
    judge(house, needed=1)
    house.life("vera", ASKED).approve("3", comment="yes")
    refused(house, "no open request", lambda: house.life("vera", ASKED).approve("3", comment="yes"), action="approve")


@pytest.mark.parametrize("step", ["approve", "reject"])
def test_without_a_request_there_is_nothing_to_decide(house: LifeSetup, step: str) -> None:
    refused(house, "no open request", lambda: getattr(house.life(), step)("3", comment="x"), action=step)


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
def test_an_unknown_version_is_named_with_those_there_are(house: LifeSetup, step: str, given: dict[str, str]) -> None:
    refused(
        house,
        "has no version 9. There are: 1, 2, 3",
        lambda: getattr(house.life(), step)("9", comment="x", **given),
        action=step,
    )


def test_who_trained_it_may_not_approve_it(house: LifeSetup) -> None:
    judge(house, needed=1)
    refused(
        house, "tom trained version 3", lambda: house.life("tom", ASKED).approve("3", comment="x"), action="approve"
    )


def test_who_asked_may_not_approve(house: LifeSetup) -> None:
    house.life("vera", ASKED).request("3", to="staging", comment="x")
    refused(house, "vera asked for", lambda: house.life("vera", ASKED).approve("3", comment="x"), action="approve")


def test_an_expired_approval_does_not_count_and_can_be_given_again(house: LifeSetup) -> None:
    judge(house, needed=1)
    rules = options(needed=1, carry_out=False, valid_days=14)
    house.life("vera", rules).approve("3", comment="yes")
    house.clock.move(days=14)
    house.clock.move(seconds=1)
    refused(
        house,
        "0 valid approval.*vera from 2026-03-01 expired after 14 days",
        lambda: house.life("ann", rules).promote("3", comment="now"),
        action="promote",
    )
    house.life("vera", rules).approve("3", comment="still yes")
    assert house.life("ann", rules).promote("3", comment="now").champion == "3"


def test_an_approval_is_valid_to_its_last_second(house: LifeSetup) -> None:
    judge(house, needed=1)
    rules = options(needed=1, carry_out=False, valid_days=14)
    house.life("vera", rules).approve("3", comment="yes")
    house.clock.move(days=14)
    assert house.life("ann", rules).promote("3", comment="now").champion == "3"


@pytest.mark.parametrize("step", ["approve", "promote"])
def test_changed_files_are_neither_approved_nor_promoted(house: LifeSetup, step: str) -> None:
    judge(house, needed=1)
    rules = options(needed=1, carry_out=False)
    if step == "promote":
        house.life("vera", rules).approve("3", comment="yes")
    house.registry.digests["3"] = "other"
    refused(
        house,
        "digest other, recorded digest3",
        lambda: getattr(house.life("vera", rules), step)("3", comment="x"),
        action=step,
    )


def test_files_that_are_not_to_be_trusted_stop_a_step_and_are_on_record(house: LifeSetup) -> None:
    judge(house, needed=1)

    def refuse(version: str) -> str:
        raise UntrustedModelError.changed_files(["spec.json"])

    house.registry.compute_digest = refuse  # type: ignore[method-assign]
    refused(
        house,
        "spec.json",
        lambda: house.life("vera", ASKED).approve("3", comment="x"),
        action="approve",
        error=UntrustedModelError,
    )


def test_promotion_without_approval_says_how_to_get_one(house: LifeSetup) -> None:
    judge(house, needed=1)
    refused(
        house,
        "has 0 valid approval.*needs 1.*boathouse models request 3",
        lambda: house.life("ann", ASKED).promote("3", comment="x"),
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
def test_what_cannot_be_asked_for(house: LifeSetup, version: str, to: str, match: str) -> None:
    refused(house, match, lambda: house.life().request(version, to=to, comment="x"), action="request")


def test_production_cannot_be_asked_for_when_the_comparison_failed(house: LifeSetup) -> None:
    judge(house, outcome="kept")
    for step in (
        lambda: house.life().request("3", to="production", comment="x"),
        lambda: house.life().promote("3", comment="x"),
    ):
        action = "request" if house.records()[-1].kind != "refused" else "promote"
        refused(house, "decided 'kept' on version 3", step, action=action)


def test_what_is_withdrawn_cannot_be_asked_for(house: LifeSetup) -> None:
    judge(house, outcome="rejected")
    for to in ("staging", "production"):
        refused(
            house,
            r"Version 3 is archived \(rejected for a reason.\)",
            lambda to=to: house.life().request("3", to=to, comment="x"),  # type: ignore[misc]
            action="request",
        )


def test_the_same_is_asked_for_once(house: LifeSetup) -> None:
    house.life("tom").request("3", to="staging", comment="x")
    refused(
        house,
        "requested for staging already, by tom",
        lambda: house.life("ann").request("3", to="staging", comment="x"),
        action="request",
    )


# Promotion, rollback, archive


def test_promoting_what_is_champion_only_mends(house: LifeSetup) -> None:
    house.life().mend()
    before = house.records()
    house.registry.aliases["champion"] = "1"
    assert house.life().promote("2", comment="again").champion == "2"
    assert house.registry.aliases["champion"] == "2"
    assert house.records() == before


def test_of_two_that_passed_against_the_same_champion_the_second_is_told(house: LifeSetup) -> None:
    house.registry.register()
    for version in ("3", "4"):
        record_decision(house.life("tom", ASKED), decision(version, champion="2"))
    house.life("vera", ASKED).approve("3", comment="yes")
    refused(
        house,
        "held against champion 2, but 3 is champion now",
        lambda: house.life().promote("4", comment="x"),
        action="promote",
    )


def test_rollback_goes_one_step_and_typed_twice_it_is_still_one(house: LifeSetup) -> None:
    life = house.life("ann").rollback(comment="worse since noon")
    assert house.registry.aliases == {"champion": "1"}
    assert house.registry.stages()["2"] == "archived"
    assert life.rolled_back is not None
    before = house.records()
    assert house.life("bob").rollback(comment="me too").champion == "1"
    assert house.records() == before
    assert shown(house)


def test_a_rollback_is_undone_by_naming_the_version(house: LifeSetup) -> None:
    house.life().rollback(comment="worse")
    assert house.life().rollback(to="2", comment="it was the data").champion == "2"
    assert house.registry.stages() == {"1": "archived", "2": "champion", "3": "registered"}


def test_rollback_without_previous_says_where_it_can_go(house: LifeSetup) -> None:
    house.life().archive("1", comment="too old")
    refused(
        house,
        "no previous version beside champion 2. Versions in charge before: 1",
        lambda: house.life().rollback(comment="x"),
        action="rollback",
    )
    assert house.life().rollback(to="1", comment="x").champion == "1"


def test_rollback_without_champion_is_refused(bare: LifeSetup) -> None:
    bare.registry.register()
    refused(bare, "has no champion", lambda: bare.life().rollback(comment="x"), action="rollback")


def test_rollback_of_the_first_champion_is_refused(bare: LifeSetup) -> None:
    bare.registry.register()
    judge(bare, "1")
    refused(bare, "No other was ever in charge", lambda: bare.life().rollback(comment="x"), action="rollback")


@pytest.mark.parametrize(
    ("to", "match"), [("3", "was never champion"), ("2", "is champion already"), ("9", "has no version 9")]
)
def test_rollback_goes_to_former_champions_only(house: LifeSetup, to: str, match: str) -> None:
    refused(house, match, lambda: house.life().rollback(to=to, comment="x"), action="rollback")


def test_rollback_to_changed_files_is_refused(house: LifeSetup) -> None:
    house.registry.digests["1"] = "other"
    refused(house, "digest other, recorded digest1", lambda: house.life().rollback(comment="x"), action="rollback")


def test_the_champion_cannot_be_archived(house: LifeSetup) -> None:
    refused(
        house, "is champion and cannot be archived", lambda: house.life().archive("2", comment="x"), action="archive"
    )


def test_what_is_archived_cannot_be_archived_again(house: LifeSetup) -> None:
    house.life().archive("3", comment="not needed")
    refused(house, "archived already", lambda: house.life().archive("3", comment="x"), action="archive")


# Roles


@pytest.mark.parametrize(
    ("action", "step"),
    [
        ("request", lambda life: life.request("3", to="staging", comment="x")),
        ("approve", lambda life: life.approve("3", comment="x")),
        ("promote", lambda life: life.promote("3", comment="x")),
        ("rollback", lambda life: life.rollback(comment="x")),
        ("archive", lambda life: life.archive("3", comment="x")),
    ],
)
def test_only_those_named_may(house: LifeSetup, action: str, step: Callable[[Any], object]) -> None:
    rules = options({action: ("ann", "app-17")})
    refused(
        house,
        f"vera may not {action} models here; allowed: ann, app-17",
        lambda: step(house.life("vera", rules)),
        action=action,
    )


def test_who_may_not_approve_may_not_reject(house: LifeSetup) -> None:
    house.life("tom").request("3", to="staging", comment="x")
    rules = options({"approve": ()})
    refused(house, "allowed: nobody", lambda: house.life("vera", rules).reject("3", comment="x"), action="reject")


def test_records_tell_who_why_and_what_vouches_for_the_name(house: LifeSetup) -> None:
    house.life("ann").archive("3", comment="not needed")
    last = house.records()[-1]
    assert (last.actor, last.comment, last.version) == ("ann", "not needed", "3")
    assert last.read_evidence() == {"from": "registered", "identity": "system", "why": "by hand"}
