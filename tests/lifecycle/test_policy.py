"""The rules of an environment: what they take, what they refuse, what the shipped ones say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from boathouse.errors import OptionError
from boathouse.lifecycle.policy import ACTIONS, GovernanceOptions
from tests.conventions import project
from tests.fixtures.life_cycle import options

GIVEN: dict[str, Any] = {
    "trust_environment_user": False,
    "released_code": "any",
    "approvals": {"needed": 1, "valid_days": 14, "four_eyes": True, "carry_out": True},
    "roles": dict.fromkeys(ACTIONS, ("*",)),
}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"released_code": "main"}, "released_code"),
        ({"roles": {"approve": ["*"]}}, "roles"),
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
    assert rules.allows(actor, "promote") is allowed


def shipped(environment: str) -> GovernanceOptions:
    from boathouse.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

    loader = CONFIG_LOADER_CLASS(conf_source=str(project.CONF), env=environment, **CONFIG_LOADER_ARGS)
    return GovernanceOptions(**loader["parameters"]["governance"])


def test_prod_asks_for_approval_by_somebody_else_and_trusts_no_variable() -> None:
    prod = shipped("prod")
    assert (prod.rules.needed, prod.rules.four_eyes, prod.trust_environment_user) == (1, True, False)
    assert prod.released_code == "clean_commit"
    assert not shipped("staging").trust_environment_user
    assert shipped("dev").rules.needed == 0
