"""What vouches for a name, and what that is worth where an approval is given."""

from __future__ import annotations

import pytest

from boathouse.errors import LifeCycleError, OptionError
from boathouse.lifecycle.policy import (
    ASSURANCES,
    ApprovalOptions,
    Claims,
    Identity,
    check_assurance,
    choose_identity,
    mark_declared,
)
from tests.fixtures.life_cycle import APPROVALS, options


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


@pytest.mark.parametrize(
    "accepted", [{"elsewhere": ["system"]}, {"on_platform": ["tag"], "elsewhere": []}, {"on_platform": [], "here": []}]
)
def test_what_is_no_assurance_or_no_place_is_named(accepted: dict[str, list[str]]) -> None:
    with pytest.raises(OptionError, match="accepted_assurance"):
        ApprovalOptions(**{**APPROVALS, "accepted_assurance": accepted})
