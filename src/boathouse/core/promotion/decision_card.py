"""The decision as a page of Markdown, for the person who approves or asks why."""

from __future__ import annotations

from boathouse.core.evaluation.model_card import describe_behaviour
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.promotion.decision import PromotionDecision
from boathouse.core.promotion.gates import GATES, Gate

_VERDICTS = {"promoted": "takes charge", "kept": "does not take charge", "rejected": "is refused"}


def write_decision_card(decision: PromotionDecision, report: EvaluationReport) -> str:
    """Return what was decided on the candidate, each gate as a question with its answer, and how the model behaves."""
    lines = [
        f"# {decision.model}, version {decision.candidate}: {_VERDICTS[decision.outcome]}",
        "",
        decision.reason,
        "",
        f"Decided on {decision.decided.at:%Y-%m-%d %H:%M} UTC by {decision.decided.by};",
        f"in charge before: {decision.champion or 'no version'}. Digest `{report.subject.digest[:16]}`.",
        "",
        "## Gates",
        "",
        "Enforced gates refuse; gates that warn are recorded and do not. A number that is undefined passes no gate.",
        "",
        "| question | answer | gate | found and needed |",
        "|---|---|---|---|",
        *(_row(gate) for gate in sorted(decision.gates, key=_urgency)),
        "",
    ]
    return "\n".join([*lines, *describe_behaviour(report.behaviour)])


def _urgency(gate: Gate) -> int:
    """Put what refuses first, then what warns."""
    return 0 if gate.refuses else 2 if gate.passed else 1


def _row(gate: Gate) -> str:
    answer = "yes" if gate.passed else "**no: refuses**" if gate.refuses else "no: warning"
    asks = GATES[gate.name].asks
    return f"| {asks} | {answer} | {gate.name} ({gate.mode}) | {gate.message} |"
