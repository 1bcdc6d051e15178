"""Who trains and who takes copies, under each pattern."""

from __future__ import annotations

from contextlib import suppress

import pytest

from boathouse.errors import DeploymentError, OptionError
from boathouse.lifecycle.deployment import DeploymentOptions, check_source, check_training, find_role

CHAIN = ("dev", "staging", "prod")


@pytest.mark.parametrize(
    ("pattern", "sources"),
    [
        ("code", {"dev": None, "staging": None, "prod": None}),
        ("model", {"dev": None, "staging": "dev", "prod": "staging"}),
        ("hybrid", {"dev": None, "staging": None, "prod": "staging"}),
    ],
)
def test_each_environment_has_its_part(pattern: str, sources: dict[str, str | None]) -> None:
    options = DeploymentOptions(pattern=pattern, chain=CHAIN)
    roles = {name: find_role(name, options) for name in CHAIN}
    assert {name: role.source for name, role in roles.items()} == sources
    assert {name for name, role in roles.items() if role.trains} == {name for name in CHAIN if sources[name] is None}


def test_an_environment_outside_the_chain_trains_for_itself() -> None:
    assert find_role("sandbox", DeploymentOptions(pattern="model", chain=CHAIN)).trains


def test_training_where_copies_are_taken_is_refused_with_the_way_to_go() -> None:
    role = find_role("prod", DeploymentOptions(pattern="hybrid", chain=CHAIN))
    with pytest.raises(DeploymentError, match=r"(?s)'prod' does not train.*'hybrid'.*come from 'staging'") as refused:
        check_training(role, ["copy it", "judge it"])
    assert str(refused.value).endswith("Instead:\n  copy it\n  judge it")
    check_training(find_role("staging", DeploymentOptions(pattern="hybrid", chain=CHAIN)), [])


# Where a version may come from, under each pattern: no environment is left out on the way to production, and only
# one that trains takes a version back.
ALLOWED = {
    "code": {"dev": {"staging", "prod"}, "staging": {"dev", "prod"}, "prod": {"staging"}},
    "model": {"dev": {"staging", "prod"}, "staging": {"dev"}, "prod": {"staging"}},
    "hybrid": {"dev": {"staging", "prod"}, "staging": {"dev", "prod"}, "prod": {"staging"}},
}


@pytest.mark.parametrize("pattern", ALLOWED)
def test_a_copy_leaves_out_no_environment_of_the_chain(pattern: str) -> None:
    options = DeploymentOptions(pattern=pattern, chain=CHAIN)
    for target in CHAIN:
        found = set()
        for source in (*CHAIN, "sandbox"):
            with suppress(DeploymentError):
                check_source(find_role(target, options), source, CHAIN)
                found.add(source)
        assert found == ALLOWED[pattern][target]


@pytest.mark.parametrize(
    ("target", "source", "match"),
    [
        ("prod", "dev", r"takes versions from 'staging' \(deployment.pattern 'code'.*not from 'dev'. Copy it to 'stag"),
        ("prod", "sandbox", r"takes versions from 'staging'.*not from 'sandbox'"),
        ("dev", "sandbox", r"takes versions back from later ones alone.*kedro run --pipeline training --env dev"),
        ("prod", "prod", "is in 'prod' already"),
    ],
)
def test_a_copy_the_wrong_way_says_the_right_one(target: str, source: str, match: str) -> None:
    with pytest.raises(DeploymentError, match=match):
        check_source(find_role(target, DeploymentOptions(pattern="code", chain=CHAIN)), source, CHAIN)


def test_an_environment_outside_the_chain_takes_copies_from_anywhere() -> None:
    for source in CHAIN:
        check_source(find_role("sandbox", DeploymentOptions(pattern="code", chain=CHAIN)), source, CHAIN)


@pytest.mark.parametrize(
    ("pattern", "chain", "match"),
    [
        ("both", CHAIN, r"'deployment.pattern' is 'both'; allowed: code, hybrid, model"),
        ("code", (), "deployment.chain"),
        ("code", ("dev", "dev"), "deployment.chain"),
    ],
)
def test_wrong_options_are_refused(pattern: str, chain: tuple[str, ...], match: str) -> None:
    with pytest.raises(OptionError, match=match):
        DeploymentOptions(pattern=pattern, chain=chain)
