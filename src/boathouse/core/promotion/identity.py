"""Who acts: what the surroundings claim, and which claim counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What can be known of the person at work.

    Attributes:
        platform: User or service principal that the platform vouches for; None outside it.
        system: Name of the system user; whoever owns the machine can choose it.
        environment: ``BOATHOUSE_USER``; anybody can set it; None if unset.
    """

    platform: str | None
    system: str
    environment: str | None = None


@dataclass(frozen=True)
class Identity:
    """Who acts.

    Attributes:
        name: User name, or application id of a service principal.
        source: ``platform``, which vouches for it, or ``system``, which does not.
    """

    name: str
    source: str


def choose_identity(claims: Claims, *, trust_environment_user: bool) -> Identity:
    """Return who acts: whom the platform names; outside it ``BOATHOUSE_USER`` where trusted, else the system user."""
    if claims.platform is not None:
        return Identity(claims.platform, "platform")
    if trust_environment_user and claims.environment:
        return Identity(claims.environment, "system")
    return Identity(claims.system, "system")
