"""A decision of the gates on record, with what follows from it, in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.errors import CommitConflictError, LifeCycleError
from boathouse.core.promotion.fold import fold
from boathouse.core.promotion.ruling import check_champion, rule_on

if TYPE_CHECKING:
    from boathouse.core.audit import AuditRecord
    from boathouse.core.promotion.decision import PromotionDecision
    from boathouse.core.promotion.life import ModelLife
    from boathouse.governance.life_cycle import LifeCycle

# Others would have to change the same model this often while one decision is recorded.
_ATTEMPTS = 20


class StateMovedError(Exception):
    """Another record came in between; what follows from the decision has to be worked out anew."""


def record_decision(cycle: LifeCycle, decision: PromotionDecision) -> ModelLife:
    """Record ``decision`` and return the state after it; the registry is left for the next step.

    Raises:
        LifeCycleError: If the decision was made against another champion than there is now.
    """
    cycle.note_registrations()
    for _ in range(_ATTEMPTS):
        life = cycle.read()
        try:
            _append(cycle, decision, life)
        except StateMovedError:
            continue
        except LifeCycleError as error:
            cycle.refuse("promote", decision.candidate, error)
            raise
        return cycle.read()
    raise CommitConflictError.after_retries(cycle.name, _ATTEMPTS)


def _append(cycle: LifeCycle, decision: PromotionDecision, life: ModelLife) -> None:
    events = rule_on(
        decision,
        life,
        identity=cycle.identity,
        may_promote=cycle.options.allows(cycle.identity.name, "promote"),
        options=cycle.options.rules,
        now=cycle.clock(),
    )

    def check(records: list[AuditRecord]) -> None:
        state = fold(records, name=cycle.name)
        check_champion(decision, state)
        if state.records != life.records:
            raise StateMovedError

    cycle.ledger.append(events, check=check)
