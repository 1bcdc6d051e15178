"""The decision on a candidate, with every gate and number that led to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from boathouse.errors import LifeCycleError
from boathouse.evaluation.model_card import BehaviourView, view_behaviour
from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.gates import GATES, TIMED, Gate
from boathouse.lifecycle.policy import ApprovalOptions, GovernanceOptions, Identity
from boathouse.lifecycle.state import ModelState, VersionState
from boathouse.modelling.task import BINARY, Task
from boathouse.reports.rendering import render_markdown

APPROVAL = "approval"
OUTCOMES = ("promoted", "kept", "rejected")


@dataclass(frozen=True)
class Decided:
    """When and by whom.

    Attributes:
        at: Time in UTC.
        by: Identity of the platform, else the system user.
    """

    at: datetime
    by: str


@dataclass(frozen=True, kw_only=True)
class PromotionDecision:
    """What becomes of a candidate.

    Attributes:
        model: Registered name.
        candidate: Version decided on.
        champion: Version in charge before, or None.
        outcome: ``promoted``, ``kept`` or ``rejected``.
        reason: Why, in one sentence.
        gates: All that are not off.
        decided: When and by whom.
        waits_for_approval: Whether it is kept only because nobody has approved it yet.
    """

    model: str
    candidate: str
    champion: str | None
    outcome: str
    reason: str
    gates: Sequence[Gate]
    decided: Decided
    waits_for_approval: bool = False

    @property
    def decision_id(self) -> str:
        """Digest of everything but clock and person: deciding the same again is the same decision.

        Of a gate that measures time only the verdict counts: no two measurements are alike.
        """
        gates = [_without_clock(gate) for gate in self.gates]
        content = [self.model, self.candidate, self.champion, self.outcome, json.dumps(gates, sort_keys=True)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as plain values for JSON."""
        when = {"at": self.decided.at.isoformat(), "by": self.decided.by}
        return {**asdict(self), "decided": when, "decision_id": self.decision_id}

    def _gates_json(self) -> str:
        return json.dumps([asdict(gate) for gate in self.gates], sort_keys=True)


def _without_clock(gate: Gate) -> dict[str, Any]:
    told = asdict(gate)
    return {**told, "value": None, "message": ""} if gate.name in TIMED else told


def decide_promotion(
    report: EvaluationReport, gates: Sequence[Gate], decided: Decided, *, task: Task = BINARY
) -> PromotionDecision:
    """Return the decision: rejected if a gate refuses, kept if it does not beat the champion, else promoted.

    A candidate that lacks nothing but the approval of a person is kept, since it may still take charge. Better than
    the champion means that the whole interval of the paired difference in the task's decisive metric (for a binary task
    ROC AUC) lies on the better side of zero, so a tie keeps the champion. The version in charge itself stays in charge.
    """
    outcome, reason, waits = _judge(report, gates, task)
    return PromotionDecision(
        model=report.subject.name,
        candidate=report.subject.version,
        champion=report.champion.subject.version if report.champion else None,
        outcome=outcome,
        reason=reason,
        gates=tuple(gates),
        decided=decided,
        waits_for_approval=waits,
    )


def _judge(report: EvaluationReport, gates: Sequence[Gate], task: Task) -> tuple[str, str, bool]:
    refusing = [gate for gate in gates if gate.refuses]
    if any(gate.name != APPROVAL for gate in refusing):
        return "rejected", " ".join(gate.message for gate in refusing), False
    outcome, reason = _compare(report, task)
    if refusing and outcome == "promoted":
        return "kept", f"It may take charge once it is approved. {reason} {refusing[0].message}", True
    return outcome, reason, False


def _compare(report: EvaluationReport, task: Task) -> tuple[str, str]:
    if report.champion is None:
        return "promoted", "There was no champion, and every enforced gate is passed."
    gain = report.champion.difference[task.decisive]
    more = task.compared[task.decisive]
    side = "above" if more else "below"
    metric = task.words.metrics[task.decisive]
    shown = f"{metric} differs from the champion's by {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    if gain.low > 0 if more else gain.high < 0:
        return "promoted", f"{shown}, all {side} zero."
    return "kept", f"{shown}, not all {side} zero: the champion stays."


# A decision moves a version only from here; what is in charge, or was withdrawn, it only puts on record.
_MOVABLE = (event_types.NONE, event_types.CHALLENGER, event_types.PREVIOUS)


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """A decision to be carried out.

    Attributes:
        decision: Of the gates.
        options: Rules of the environment.
        identity: Who runs it.
    """

    decision: PromotionDecision
    options: GovernanceOptions
    identity: Identity


def derive_events(
    decision: PromotionDecision,
    life: ModelState,
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
    passed = decision.outcome == "promoted" or decision.waits_for_approval
    events = [(event_types.CHECKED, _evidence(decision), decision.reason)]
    if found.stage in _MOVABLE:
        events += _moves(decision, life, found, direct=may_promote and not options.needed)
        if passed and not may_promote:
            events.append((event_types.REFUSED, {"action": "promote"}, f"{identity.name} may not promote models here."))
    elif found.stage == event_types.WITHDRAWN and passed:
        reason = str(LifeCycleError.withdrawn(found.version, found.reason))
        events.append((event_types.REFUSED, {"action": "promote"}, reason))
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


def check_champion(decision: PromotionDecision, life: ModelState) -> None:
    """Raise if a decision to promote was made against another champion than there is.

    Raises:
        LifeCycleError: Naming both.
    """
    found = life.versions.get(decision.candidate)
    passed = decision.outcome == "promoted" or decision.waits_for_approval
    moves = passed and found is not None and found.stage in _MOVABLE
    if moves and decision.champion != life.champion:
        raise LifeCycleError.other_champion(decision.candidate, decision.champion, life.champion)


def _evidence(decision: PromotionDecision) -> dict[str, Any]:
    gates = [asdict(gate) for gate in decision.gates]
    return {
        "outcome": decision.outcome,
        "waits_for_approval": decision.waits_for_approval,
        "gates": gates,
        "champion": decision.champion,
        "decision": decision.decision_id,
    }


def _moves(
    decision: PromotionDecision, life: ModelState, found: VersionState, *, direct: bool
) -> Iterator[tuple[str, dict[str, Any], str]]:
    if decision.outcome == "promoted" and direct:
        yield event_types.PROMOTED, {"from": life.champion, "stage": event_types.CHAMPION}, decision.reason
    elif decision.outcome == "promoted" or decision.waits_for_approval:
        if found.stage != event_types.CHALLENGER:
            yield event_types.PROMOTED, {"from": life.champion, "stage": event_types.CHALLENGER}, decision.reason
        request = life.find_request(found.version, "production")
        if request is None or request.closed:
            yield event_types.REQUESTED, {"to": "production"}, f"The gates let it pass: {decision.reason}"
    elif found.stage == event_types.PREVIOUS:
        return
    elif decision.outcome == "kept":
        yield event_types.KEPT, {"champion": life.champion}, decision.reason
    else:
        yield event_types.ARCHIVED, {"from": found.stage, "why": "compliance"}, decision.reason


@dataclass(frozen=True, kw_only=True)
class GateView:
    """One gate: the question it asks, ``yes``, ``refused`` or ``warned``, its name and mode, what it found."""

    asks: str
    answer: str
    name: str
    mode: str
    message: str


@dataclass(frozen=True, kw_only=True)
class DecisionView:
    """What the template of the decision card shows.

    Attributes:
        champion: Champion before; empty if there was none.
        gates: What refuses first, then what warns.
    """

    model: str
    candidate: str
    outcome: str
    reason: str
    decided_at: str
    decided_by: str
    champion: str
    digest: str
    gates: tuple[GateView, ...]
    behaviour: tuple[BehaviourView, ...]


def write_decision_card(decision: PromotionDecision, report: EvaluationReport) -> str:
    """Return what was decided on the candidate, each gate as a question with its answer, and how the model behaves."""
    return render_markdown("decision_card.md.j2", decision=view_decision(decision, report))


def view_decision(decision: PromotionDecision, report: EvaluationReport) -> DecisionView:
    """Return what the card shows of ``decision``."""
    return DecisionView(
        model=decision.model,
        candidate=decision.candidate,
        outcome=decision.outcome,
        reason=decision.reason,
        decided_at=f"{decision.decided.at:%Y-%m-%d %H:%M} UTC",
        decided_by=decision.decided.by,
        champion=decision.champion or "",
        digest=report.subject.digest[:16],
        gates=tuple(map(_view_gate, sorted(decision.gates, key=_urgency))),
        behaviour=view_behaviour(report.behaviour),
    )


def _view_gate(gate: Gate) -> GateView:
    answer = "yes" if gate.passed else "refused" if gate.refuses else "warned"
    return GateView(asks=GATES[gate.name].asks, answer=answer, name=gate.name, mode=gate.mode, message=gate.message)


def _urgency(gate: Gate) -> int:
    return 0 if gate.refuses else 2 if gate.passed else 1
