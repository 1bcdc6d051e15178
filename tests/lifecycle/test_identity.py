"""What vouches for a name, and what that is worth where an approval is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boathouse.errors import LifeCycleError, OptionError
from boathouse.lifecycle.decision import record_decision
from boathouse.lifecycle.policy import (
    ASSURANCES,
    ApprovalOptions,
    Claims,
    Identity,
    check_assurance,
    choose_identity,
    mark_declared,
)
from tests.fixtures.life_cycle import APPROVALS, LifeCycleSetup, decision, options


@pytest.mark.parametrize(
    ("platform", "declared", "expected"),
    [
        (None, None, Identity("tom", "system")),
        (None, "", Identity("tom", "system")),
        (None, "vera", Identity("vera", "declared", "tom")),
        # Who declares the name of the own account is that account.
        (None, "tom", Identity("tom", "system")),
        ("ann@bank", "vera", Identity("ann@bank", "platform")),
        ("ann@bank", None, Identity("ann@bank", "platform")),
    ],
)
def test_the_platform_before_a_declared_name_before_the_account(
    platform: str | None, declared: str | None, expected: Identity
) -> None:
    assert choose_identity(Claims(platform=platform, system="tom", declared=declared)) == expected


def test_a_declared_name_is_marked_and_says_which_account_declared_it() -> None:
    assert [mark_declared("vera", each) for each in ASSURANCES] == ["vera", "vera", "vera (declared)"]
    assert Identity("vera", "declared", "tom").to_evidence() == {"identity": "declared", "account": "tom"}
    assert Identity("vera", "system").to_evidence() == {"identity": "system"}


@pytest.mark.parametrize("assurance", ASSURANCES)
@pytest.mark.parametrize("on_platform", [True, False])
def test_what_counts_for_an_approval_depends_on_the_place(
    monkeypatch: pytest.MonkeyPatch, assurance: str, *, on_platform: bool
) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    if on_platform:
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    identity = Identity("vera", assurance)
    if assurance in ({"platform"} if on_platform else {"system", "declared"}):
        check_assurance(identity, options().rules)
    else:
        with pytest.raises(LifeCycleError, match=f"by vera rests on assurance '{assurance}'"):
            check_assurance(identity, options().rules)


STRICT = {"on_platform": ("platform",), "elsewhere": ("system",)}


def test_a_name_that_does_not_count_approves_nothing_and_the_try_is_on_record(setup: LifeCycleSetup) -> None:
    strict, lenient = (options(needed=1, **more) for more in ({"accepted_assurance": STRICT}, {}))
    record_decision(setup.cycle("tom", strict), decision("3", champion="2"))
    maria = replace(setup.cycle(rules=strict), identity=Identity("maria", "declared", "tom"))
    with pytest.raises(LifeCycleError, match="by maria rests on assurance 'declared'"):
        maria.approve("3", comment="seen")
    refused = setup.records("refused")[-1]
    assert (refused.actor, refused.assurance, refused.who) == ("maria", "declared", "maria (declared)")
    assert refused.read_evidence()["account"] == "tom"
    assert setup.records("approved") == []
    # Where it counts, it is the second person by name alone, and marked.
    state = replace(maria, options=lenient).approve("3", comment="seen")
    assert (state.champion, state.versions["3"].approved_by) == ("3", "maria (declared)")


def test_an_approval_that_counted_where_it_was_given_does_not_count_where_it_is_judged(setup: LifeCycleSetup) -> None:
    lenient = options(needed=1, carry_out=False)
    record_decision(setup.cycle("tom", lenient), decision("3", champion="2"))
    replace(setup.cycle(rules=lenient), identity=Identity("maria", "declared", "tom")).approve("3", comment="seen")
    strict = options(needed=1, carry_out=False, accepted_assurance=STRICT)
    with pytest.raises(LifeCycleError, match="0 valid approval.*by maria rests on assurance 'declared'"):
        setup.cycle("ann", strict).promote("3", comment="now")
    assert setup.cycle("ann", lenient).promote("3", comment="now").champion == "3"


@pytest.mark.parametrize(
    "accepted", [{"elsewhere": ["system"]}, {"on_platform": ["tag"], "elsewhere": []}, {"on_platform": [], "here": []}]
)
def test_what_is_no_assurance_or_no_place_is_named(accepted: dict[str, list[str]]) -> None:
    with pytest.raises(OptionError, match="accepted_assurance"):
        ApprovalOptions(**{**APPROVALS, "accepted_assurance": accepted})
