"""The decision on a candidate, with every gate and number that led to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.modelling.task import BINARY, Task
from boathouse.core.promotion.gates import TIMED, Gate

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
