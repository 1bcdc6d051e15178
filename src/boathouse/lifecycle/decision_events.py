"""The events that follow from a decision: what is requested, checked, compared and moved, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.gate_rules import APPROVAL, COMPARISON, COMPLIANCE
from boathouse.lifecycle.gates import GATES
from boathouse.lifecycle.state import (
    ARCHIVED,
    CHALLENGER,
    CHAMPION,
    FAILED,
    PASSED,
    PREVIOUS,
    REGISTERED,
    ModelState,
    ModelVersion,
)

if TYPE_CHECKING:
    from boathouse.lifecycle.decision import PromotionDecision
    from boathouse.lifecycle.policy import ApprovalOptions, Identity


# A decision moves a version from these stages only; on a champion or an archived version it is only recorded.
_MOVABLE = (REGISTERED, CHALLENGER, PREVIOUS)


def derive_events(
    decision: PromotionDecision,
    state: ModelState,
    *,
    identity: Identity,
    may_promote: bool,
    options: ApprovalOptions,
    now: datetime,
) -> list[AuditEvent]:
    """Return the events of ``decision``: its steps are always recorded; what moves depends on outcome and state.

    A request precedes each move. Staging is requested and the compliance check decides on it: passed, the version
    becomes challenger; failed, the request is rejected and the version archived. A challenger that fails the comparison
    stays challenger. For one that passes production is requested: it becomes champion at once where nothing has to be
    approved and the person may promote, else it waits. The ids are made of the decision's, so that deciding the same
    again records nothing.
    """
    version = state.versions[decision.candidate]
    # A stop holds until a person ends it: no run makes the next version champion.
    stopped = state.stopped is not None
    direct = may_promote and not options.needed and not decision.waits_for_approval and not stopped
    steps = [*_check_compliance(decision, state, version)]
    if decision.comparison:
        steps += _compare_with_other(decision, state, version, direct=direct)
    if decision.comparison == PASSED and version.stage == ARCHIVED:
        steps.append(_refuse_promotion(str(LifeCycleError.archived(version.version, version.reason))))
    if decision.comparison == PASSED and version.stage in _MOVABLE and not may_promote:
        steps.append(_refuse_promotion(f"{identity.name} may not promote models here."))
    return [
        AuditEvent(
            event_id=_name_step(decision, step),
            kind=step.kind,
            subject=decision.model,
            version=step.version or version.version,
            digest=state.versions[step.version or version.version].digest,
            actor=identity.name,
            occurred_at=now,
            comment=step.comment,
            evidence={**step.evidence, **identity.to_evidence()},
            assurance=identity.assurance,
        )
        for step in steps
    ]


@dataclass(frozen=True)
class _Step:
    """One event to come; of the candidate unless it names another version."""

    kind: str
    evidence: Mapping[str, Any]
    comment: str
    version: str = ""


def _name_step(decision: PromotionDecision, step: _Step) -> str:
    """Return the id of a step's event: the same whenever the same is decided."""
    where = step.version or step.evidence.get("stage") or step.evidence.get("to") or ""
    return f"{step.kind}/{decision.decision_id}/{where}".rstrip("/")


def _refuse_promotion(why: str) -> _Step:
    return _Step(event_types.REFUSED, {"action": "promote"}, why)


def check_champion(decision: PromotionDecision, state: ModelState) -> None:
    """Raise if a decision to promote was made against another champion than there is.

    Raises:
        LifeCycleError: Naming both.
    """
    version = state.versions.get(decision.candidate)
    moves = decision.comparison == PASSED and version is not None and version.stage in _MOVABLE
    if moves and decision.champion != state.champion:
        raise LifeCycleError.other_champion(decision.candidate, decision.champion, state.champion)


def _evidence(decision: PromotionDecision, *steps: str) -> dict[str, Any]:
    """Return what the record of one step holds: its gates with their numbers, and which decision it is part of."""
    gates = [asdict(gate) for gate in decision.gates if GATES[gate.name].step in steps]
    off = [name for name in decision.off if GATES[name].step in steps]
    return {"gates": gates, "gates_off": off, "decision": decision.decision_id, "evaluation": decision.evaluation}


def _check_compliance(decision: PromotionDecision, state: ModelState, version: ModelVersion) -> Iterator[_Step]:
    """Give the first step and what follows from it: challenger, or rejected and archived."""
    waiting = state.find_request(version.version)
    request = waiting.request_id if waiting and not waiting.closed else ""
    if version.stage == REGISTERED and not request:
        asked = _Step(event_types.REQUESTED, {"to": "staging", "waits": False}, "A run asks to have it judged.")
        request = _name_step(decision, asked)
        yield asked
    failed = decision.compliance == FAILED
    passed = f"{sum(GATES[gate.name].step == COMPLIANCE for gate in decision.gates)} gates, none of them refuses."
    comment = decision.reason if failed else passed
    yield _Step(event_types.CHECKED, {"outcome": decision.compliance, **_evidence(decision, COMPLIANCE)}, comment)
    if failed and version.stage in {REGISTERED, CHALLENGER}:
        if request:
            yield _Step(event_types.REJECTED, {"request": request, "by": "the compliance check"}, comment)
        yield _Step(event_types.ARCHIVED, {"from": version.stage, "why": "compliance"}, comment)
    elif not failed and version.stage == REGISTERED:
        yield from _make_challenger(state, version, f"It passed the compliance check: {comment}")


def _make_challenger(state: ModelState, version: ModelVersion, comment: str) -> Iterator[_Step]:
    """Give the move to challenger; what is challenger although it failed its comparison makes way and is archived."""
    yield _Step(event_types.PROMOTED, {"from": state.champion, "stage": CHALLENGER}, comment)
    for other in state.challengers:
        check = state.versions[other].check
        if other != version.version and check is not None and check.comparison == FAILED:
            why = f"It failed its comparison, and {version.version} is challenger now."
            yield _Step(event_types.ARCHIVED, {"from": CHALLENGER, "why": "superseded"}, why, other)


def _compare_with_other(
    decision: PromotionDecision, state: ModelState, version: ModelVersion, *, direct: bool
) -> Iterator[_Step]:
    """Give the second step and what follows from it: a request for production, carried out if ``direct``."""
    found = {
        "outcome": decision.comparison,
        "champion": decision.champion,
        "waits_for_approval": decision.waits_for_approval,
        "difference": dict(decision.difference),
        **_evidence(decision, COMPARISON, APPROVAL),
    }
    yield _Step(event_types.COMPARED, found, decision.reason)
    if version.stage not in _MOVABLE:
        return
    request = state.find_request(version.version, "production")
    is_open = request is not None and not request.closed
    if decision.comparison == FAILED:
        if request is not None and is_open:  # it passed before, against another champion or on other rows
            lost = {"request": request.request_id, "by": "the comparison"}
            yield _Step(event_types.REJECTED, lost, decision.reason)
        return
    if not is_open:
        evidence = {"to": "production", "waits": not direct}
        yield _Step(event_types.REQUESTED, evidence, f"It passed both steps: {decision.reason}")
    if direct:
        yield _Step(event_types.PROMOTED, {"from": state.champion, "stage": CHAMPION}, decision.reason)
