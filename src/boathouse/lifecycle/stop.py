"""Stopping a champion with nothing in its place: for the case that no other version is better than none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.repeated_steps import check_records
from boathouse.lifecycle.rules import check_champion

if TYPE_CHECKING:
    from boathouse.lifecycle.state import ModelState
    from boathouse.lifecycle.steps import LifeCycle


def stop_champion(cycle: LifeCycle, *, comment: str) -> ModelState:
    """Archive the champion and put none in its place; nothing scores until a person makes a version champion.

    Repeated, or by two persons at once, it is one record: its id is made of what is stopped.

    Raises:
        LifeCycleError: If there is no champion, another came in between, or the person may not.
    """
    cycle.allow("stop", None)
    state = cycle.sync()
    if state.stopped is not None:
        return state
    old = cycle.judge("stop", None, lambda: find_champion(state))
    found, who = state.versions[old], cycle.identity
    event = AuditEvent(
        event_id=f"{event_types.STOPPED}/{cycle.name}/{old}/{found.moved_at.isoformat()}",
        kind=event_types.STOPPED,
        subject=cycle.name,
        version=old,
        digest=found.digest,
        actor=who.name,
        occurred_at=cycle.clock(),
        comment=comment,
        evidence={"from": old, **who.to_evidence()},
        assurance=who.assurance,
    )
    check = check_records(cycle.name, lambda current: check_champion(current, old), lambda _: False)
    try:
        cycle.ledger.append([event], check=check)
    except LifeCycleError as error:
        cycle.refuse("stop", old, error)
        raise
    return cycle.sync()


def find_champion(state: ModelState) -> str:
    """Return the champion.

    Raises:
        LifeCycleError: If there is none.
    """
    if state.champion is None:
        raise LifeCycleError(f"{state.name} has no champion, so there is nothing to stop: nothing scores with it.")
    return state.champion
