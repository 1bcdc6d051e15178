"""Comments on a version: on record and on its page, and nothing else changes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.repeated_steps import check_records
from boathouse.lifecycle.rules import find_version

if TYPE_CHECKING:
    from boathouse.lifecycle.state import ModelState
    from boathouse.lifecycle.steps import LifeCycle


def comment_version(cycle: LifeCycle, version: str, *, comment: str) -> ModelState:
    """Record a comment on ``version``; everybody who can write the ledger may write one.

    Raises:
        LifeCycleError: If the version is unknown or the comment empty.
    """
    cycle.sync()
    who = cycle.identity
    event = AuditEvent(
        event_id=f"{event_types.COMMENTED}/{uuid.uuid4()}",
        kind=event_types.COMMENTED,
        subject=cycle.name,
        version=version,
        actor=who.name,
        occurred_at=cycle.clock(),
        comment=comment,
        evidence=who.to_evidence(),
        assurance=who.assurance,
    )
    check = check_records(cycle.name, lambda state: check_comment(state, version, comment), lambda _: False)
    try:
        cycle.ledger.append([event], check=check)
    except LifeCycleError as error:
        cycle.refuse("comment", version, error)
        raise
    return cycle.sync()


def check_comment(state: ModelState, version: str, comment: str) -> None:
    """Raise unless ``comment`` says something about a version that there is.

    Raises:
        LifeCycleError: If not.
    """
    find_version(state, version)
    if not comment.strip():
        raise LifeCycleError(f"The comment on version {version} is empty. Say it with --comment TEXT.")
