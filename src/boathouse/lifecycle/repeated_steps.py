"""A step that somebody else has made already, at once or long ago: told, not refused, since the outcome is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from boathouse.lifecycle import event_types
from boathouse.lifecycle.projection import project_events

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.state import ModelState

_MOVES = frozenset({event_types.PROMOTED, event_types.ROLLED_BACK})
Check = Callable[["ModelState"], object]
IsMade = Callable[["ModelState"], bool]


class MadeAlreadyError(Exception):
    """Somebody else was first with the same step; nothing is recorded."""


def is_at(version: str, stage: str) -> IsMade:
    """Return what says of a state whether ``version`` is at ``stage``."""
    return lambda state: version in state.versions and state.versions[version].stage == stage


def is_rolled_back(old: str, new: str) -> IsMade:
    """Return what says of a state whether its last change of champion was a rollback from ``old`` to ``new``."""
    return lambda state: state.rolled_back is not None and state.rolled_back[:2] == (old, new)


def check_records(name: str, check: Check, is_made: IsMade) -> Callable[[Sequence[AuditRecord]], None]:
    """Return what looks at the ledger before a step of the model ``name`` is recorded.

    It raises :class:`MadeAlreadyError` if the step was made, else what ``check`` raises.
    """

    def look(records: Sequence[AuditRecord]) -> None:
        state = project_events(records, name=name)
        if is_made(state):
            raise MadeAlreadyError
        check(state)

    return look


def describe_made(records: Sequence[AuditRecord], state: ModelState, version: str) -> str:
    """Return who brought ``version`` to its stage, and when."""
    moves = [each for each in records if each.version == version and each.kind in _MOVES]
    by = f", by {moves[-1].who} at {moves[-1].occurred_at:%Y-%m-%d %H:%M} UTC" if moves else ""
    return f"Version {version} is {state.versions[version].stage} already{by}. Nothing was changed."
