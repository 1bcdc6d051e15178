"""The rules of an environment: what they take, what they refuse, what the shipped ones say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from boathouse.errors import OptionError
from boathouse.lifecycle.policy import ACTIONS, GovernanceOptions, Identity
from tests.conventions import project
from tests.fixtures.life_cycle import APPROVALS, options

GIVEN: dict[str, Any] = {
    "released_runs": "off",
    "released_code": "any",
    "approvals": {**APPROVALS, "needed": 1, "four_eyes": True},
    "roles": dict.fromkeys(ACTIONS, ("*",)),
}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"released_code": "main"}, "released_code"),
        ({"released_runs": "yes"}, "released_runs"),
        ({"roles": {"approve": ["*"]}}, "roles"),
        ({"roles": {**dict.fromkeys(ACTIONS, ("*",)), "approve": ["@risk"]}}, "roles.approve"),
        ({"roles": {**dict.fromkeys(ACTIONS, ("*",)), "delete": ["*"]}}, "roles"),
        ({"approvals": {**GIVEN["approvals"], "needed": 6}}, "needed"),
        ({"approvals": {**GIVEN["approvals"], "needed": -1}}, "needed"),
        ({"approvals": {**GIVEN["approvals"], "valid_days": 0}}, "valid_days"),
        ({"approvals": {**GIVEN["approvals"], "valid_days": 366}}, "valid_days"),
        ({"approvals": {**GIVEN["approvals"], "four_eyes": "yes"}}, "four_eyes"),
        ({"approvals": {**GIVEN["approvals"], "carry_out": 1}}, "carry_out"),
        ({"webhooks": {"desk": {"kind": "http", "events": ["*"]}}}, "desk"),
    ],
)
def test_what_is_out_of_range_is_named(change: dict[str, Any], match: str) -> None:
    with pytest.raises(OptionError, match=match):
        GovernanceOptions(**{**GIVEN, **change})


def test_a_webhook_set_to_null_is_off() -> None:
    assert GovernanceOptions(**GIVEN, webhooks={"desk": None}).hooks == ()


@pytest.mark.parametrize(
    ("named", "actor", "allowed"),
    [(["*"], "ann", True), (["ann"], "ann", True), (["ann"], "anna", False), ([], "ann", False)],
)
def test_a_role_is_a_list_of_names(named: list[str], actor: str, *, allowed: bool) -> None:
    rules = replace(options(), roles={**options().roles, "promote": named})
    assert rules.allows(Identity(actor, "system"), "promote") is allowed


GROUPS = {"engineers": ["@system", "app-1"], "risk": ["maria"]}


@pytest.mark.parametrize(
    ("named", "actor", "allowed"),
    [
        (["@engineers"], Identity("tom", "system"), True),
        (["@engineers"], Identity("app-1", "platform"), True),
        # Every account of this machine is neither a name of the platform nor one that is only declared.
        (["@engineers"], Identity("tom", "platform"), False),
        (["@engineers"], Identity("tom", "declared", "root"), False),
        (["@risk"], Identity("maria", "declared", "root"), True),
        (["@risk"], Identity("risk", "system"), False),
        (["@risk", "ann"], Identity("ann", "system"), True),
        (["@system"], Identity("tom", "system"), True),
        (["@system"], Identity("@system", "declared"), False),
        (["@risk"], Identity("@risk", "declared"), False),
    ],
)
def test_a_role_can_name_groups(named: list[str], actor: Identity, *, allowed: bool) -> None:
    rules = replace(options(), groups=GROUPS, roles={**options().roles, "promote": named})
    assert rules.allows(actor, "promote") is allowed


def test_who_may_is_said_by_name() -> None:
    rules = replace(options(), groups=GROUPS, roles={**options().roles, "promote": ["@engineers", "@risk"]})
    assert rules.say_who_may("promote") == "@system (every account of this machine, off the platform), app-1, maria"
    assert replace(options(), roles={**options().roles, "promote": []}).say_who_may("promote") == "no person"


def shipped(environment: str) -> GovernanceOptions:
    from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env=environment, **CONFIG_LOADER_ARGS)
    return GovernanceOptions(**loader["parameters"]["governance"])


def test_prod_asks_for_approval_by_somebody_else_from_named_persons() -> None:
    prod = shipped("prod")
    assert (prod.rules.needed, prod.rules.four_eyes) == (1, True)
    assert (prod.released_code, prod.release_mode) == ("clean_commit", "enforce")
    assert shipped("staging").release_mode == "warn"
    assert (shipped("dev").rules.needed, shipped("dev").release_mode) == (0, "off")
    assert not [action for action in ACTIONS if "*" in prod.list_members(action)]
    assert prod.list_members("approve") == ("maria",)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "test"])
def test_on_the_platform_its_word_alone_counts_for_approvals(environment: str) -> None:
    accepted = shipped(environment).rules.accepted_assurance
    assert {place: list(names) for place, names in accepted.items()} == {
        "on_platform": ["platform"],
        "elsewhere": ["system", "declared"],
    }
