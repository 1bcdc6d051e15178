"""The decision card: what was decided on a candidate, for those who approve it."""

from __future__ import annotations

from dataclasses import dataclass

from boathouse.evaluation.model_card import BehaviourView, view_behaviour
from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle.decision import PromotionDecision
from boathouse.lifecycle.gates import GATES, Gate
from boathouse.lifecycle.policy import mark_declared
from boathouse.reports.rendering import render_markdown


@dataclass(frozen=True, kw_only=True)
class GateView:
    """One gate: the question it asks, ``yes``, ``refused`` or ``warned``, its name and mode, its result in words."""

    asks: str
    answer: str
    name: str
    mode: str
    message: str


@dataclass(frozen=True, kw_only=True)
class DecisionView:
    """What the template of the decision card shows.

    Attributes:
        compliance: Result of the compliance check, ``passed`` or ``failed``.
        comparison: Result of the comparison, ``passed`` or ``failed``; empty if it was not made.
        compared_with: What it was compared with, ``the baseline`` or the champion.
        champion: Champion before; empty if there was none.
        gates: What refuses first, then what warns.
        off: Names of the gates that are off, comma-separated; empty if none is.
    """

    model: str
    candidate: str
    outcome: str
    reason: str
    compliance: str
    comparison: str
    compared_with: str
    decided_at: str
    decided_by: str
    champion: str
    digest: str
    gates: tuple[GateView, ...]
    off: str
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
        compliance=decision.compliance,
        comparison=decision.comparison,
        compared_with=f"champion {decision.champion}" if decision.champion else "the baseline",
        decided_at=f"{decision.decided.at:%Y-%m-%d %H:%M} UTC",
        decided_by=mark_declared(decision.decided.by, decision.decided.assurance),
        champion=decision.champion or "",
        digest=report.subject.digest[:16],
        gates=tuple(map(_view_gate, sorted(decision.gates, key=_urgency))),
        off=", ".join(decision.off),
        behaviour=view_behaviour(report.behaviour),
    )


def _view_gate(gate: Gate) -> GateView:
    answer = "yes" if gate.passed else "refused" if gate.refuses else "warned"
    return GateView(asks=GATES[gate.name].asks, answer=answer, name=gate.name, mode=gate.mode, message=gate.message)


def _urgency(gate: Gate) -> int:
    return 0 if gate.refuses else 2 if gate.passed else 1
