"""Whose word counts."""

from __future__ import annotations

import pytest

from boathouse.lifecycle.policy import Claims, Identity, choose_identity


@pytest.mark.parametrize(
    ("platform", "environment", "trusted", "expected"),
    [
        (None, None, False, Identity("tom", "system")),
        (None, "vera", False, Identity("tom", "system")),
        (None, "vera", True, Identity("vera", "system")),
        (None, "", True, Identity("tom", "system")),
        ("ann@bank", "vera", True, Identity("ann@bank", "platform")),
        ("ann@bank", None, False, Identity("ann@bank", "platform")),
    ],
)
def test_the_platform_before_the_environment_where_trusted_before_the_system(
    platform: str | None, environment: str | None, *, trusted: bool, expected: Identity
) -> None:
    claims = Claims(platform=platform, system="tom", environment=environment)
    assert choose_identity(claims, trust_environment_user=trusted) == expected
