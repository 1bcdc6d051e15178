"""What follows from a decision of the gates: the events to be recorded, for the state there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from boathouse.core.audit import AuditEvent
from boathouse.core.errors import LifeCycleError
from boathouse.core.promotion import kinds
from boathouse.core.promotion.decision import PromotionDecision
from boathouse.core.promotion.identity import Identity
from boathouse.core.promotion.life import ModelLife, VersionLife
from boathouse.core.promotion.policy import ApprovalOptions, GovernanceOptions

# A decision moves a version only from here; what is in charge, or was withdrawn, it only puts on record.
_MOVABLE = (kinds.NONE, kinds.CHALLENGER, kinds.PREVIOUS)


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """A decision to be carried out.

    Attributes:
        decision: Of the gates.
        options: Rules of the environment.
        identity: Who runs it.
    """

    decision: PromotionDecision
    options: GovernanceOptions
    identity: Identity


def rule_on(
    decision: PromotionDecision,
    life: ModelLife,
    *,
    identity: Identity,
    may_promote: bool,
    options: ApprovalOptions,
    now: datetime,
) -> list[AuditEvent]:
    """Return the events of ``decision``: it is always recorded; what moves depends on the outcome and the state.

    Promoted: the version takes charge, or becomes challenger with a request for production where approvals are
    needed or the person may not promote. Kept: it becomes challenger. Rejected: it is archived. The ids are made
    of the decision's, so that deciding the same again records nothing.
    """
    found = life.versions[decision.candidate]
    events = [(kinds.CHECKED, _evidence(decision), decision.reason)]
    if found.stage in _MOVABLE:
        events += _moves(decision, life, found, direct=may_promote and not options.needed)
        if decision.outcome == "promoted" and not may_promote:
            events.append((kinds.REFUSED, {"action": "promote"}, f"{identity.name} may not promote models here."))
    elif found.stage == kinds.WITHDRAWN and decision.outcome == "promoted":
        reason = str(LifeCycleError.withdrawn(found.version, found.reason))
        events.append((kinds.REFUSED, {"action": "promote"}, reason))
    return [
        AuditEvent(
            event_id=f"{kind}/{decision.decision_id}/{evidence.get('stage', '')}".rstrip("/"),
            kind=kind,
            subject=decision.model,
            version=decision.candidate,
            digest=found.digest,
            actor=identity.name,
            occurred_at=now,
            comment=comment,
            evidence={**evidence, "identity": identity.source},
        )
        for kind, evidence, comment in events
    ]


def check_champion(decision: PromotionDecision, life: ModelLife) -> None:
    """Raise if a decision to promote was made against another champion than there is.

    Raises:
        LifeCycleError: Naming both.
    """
    found = life.versions.get(decision.candidate)
    moves = decision.outcome == "promoted" and found is not None and found.stage in _MOVABLE
    if moves and decision.champion != life.champion:
        raise LifeCycleError.other_champion(decision.candidate, decision.champion, life.champion)


def _evidence(decision: PromotionDecision) -> dict[str, Any]:
    gates = [asdict(gate) for gate in decision.gates]
    return {
        "outcome": decision.outcome,
        "gates": gates,
        "champion": decision.champion,
        "decision": decision.decision_id,
    }


def _moves(
    decision: PromotionDecision, life: ModelLife, found: VersionLife, *, direct: bool
) -> Iterator[tuple[str, dict[str, Any], str]]:
    if decision.outcome == "promoted" and direct:
        yield kinds.PROMOTED, {"from": life.champion, "stage": kinds.CHAMPION}, decision.reason
    elif decision.outcome == "promoted":
        if found.stage != kinds.CHALLENGER:
            yield kinds.PROMOTED, {"from": life.champion, "stage": kinds.CHALLENGER}, decision.reason
        request = life.find_request(found.version, "production")
        if request is None or request.closed:
            yield kinds.REQUESTED, {"to": "production"}, f"The gates let it pass: {decision.reason}"
    elif found.stage == kinds.PREVIOUS:
        return
    elif decision.outcome == "kept":
        yield kinds.KEPT, {"champion": life.champion}, decision.reason
    else:
        yield kinds.ARCHIVED, {"from": found.stage, "why": "compliance"}, decision.reason
