"""An approval that was given as a tag of the version: how a deployment job of the platform asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import LifeCycleError
from boathouse.core.promotion import kinds, rules
from boathouse.core.promotion.identity import Identity

if TYPE_CHECKING:
    from boathouse.core.promotion.life import ModelLife
    from boathouse.governance.life_cycle import LifeCycle

# What the platform's button writes.
_APPROVED = "approved"


def take_approval(cycle: LifeCycle, version: str, *, tag: str) -> ModelLife:
    """Return the state once ``version`` is approved, by command or by ``tag``, which then goes on record.

    The record names the tag as who approved: the platform lets only those set it who may tag the model, and
    keeps in its own audit log who that was. An approval by tag is a request as well, where nobody made one.

    Raises:
        LifeCycleError: If neither is there.
    """
    cycle.allow("approve", version)
    life = cycle.mend()
    found = cycle.judge("approve", version, lambda: rules.find_version(life, version))
    valid, _ = rules.count_approvals(life, found, cycle.clock(), cycle.options.rules)
    if found.stage == kinds.CHAMPION or valid >= max(1, cycle.options.rules.needed):
        return life
    value = cycle.registry.read().versions[version].tags.get(tag, "")
    cycle.judge("approve", version, lambda: _check_value(version, tag, value))
    request = life.find_request(version, "production")
    if request is None or request.closed:
        cycle.request(version, to="production", comment=f"Deployment job, task {tag}.")
    return cycle.approve(version, comment=f"Tag {tag} is {value}.", by=Identity(f"tag {tag}", "tag"))


def _check_value(version: str, tag: str, value: str) -> None:
    if value.lower() != _APPROVED:
        raise LifeCycleError.not_tagged(version, tag, value)
