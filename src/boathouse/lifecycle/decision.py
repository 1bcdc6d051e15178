"""The decision on a candidate, with every gate and number that led to it, and its record in the ledger."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import CommitConflictError, LifeCycleError
from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle.decision_events import check_champion, derive_events
from boathouse.lifecycle.gate_rules import APPROVAL, COMPARISON, COMPLIANCE
from boathouse.lifecycle.gates import GATES, TIMED, Gate
from boathouse.lifecycle.policy import UNKNOWN_ASSURANCE, GovernanceOptions, Identity
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.rules_in_force import RulesInForce, add_rules
from boathouse.lifecycle.state import FAILED, PASSED, ModelState
from boathouse.modelling.task import BINARY, Task

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.steps import LifeCycle


@dataclass(frozen=True)
class Decided:
    """When and by whom.

    Attributes:
        at: Time in UTC.
        by: Who.
        assurance: What vouches for the name, of ``policy.ASSURANCES``.
    """

    at: datetime
    by: str
    assurance: str = UNKNOWN_ASSURANCE


@dataclass(frozen=True, kw_only=True)
class PromotionDecision:
    """What becomes of a candidate.

    Attributes:
        model: Registered name.
        candidate: Version decided on.
        champion: Champion before, or None.
        outcome: ``rejected`` if it failed the compliance check, ``kept`` if it failed the comparison or waits for an
            approval, ``promoted`` if it passed both.
        reason: Why, in one sentence.
        gates: All that are not off.
        off: Names of those that are.
        decided: When and by whom.
        waits_for_approval: Whether it is kept only because an approval is missing.
        difference: ``compared_with``, ``metric``, and the paired difference's ``value``, ``low`` and ``high``; empty
            if nothing was compared.
        evaluation: Hash of the record in ``audit.evidence`` that it was decided from; empty if it was from none.
    """

    model: str
    candidate: str
    champion: str | None
    outcome: str
    reason: str
    gates: Sequence[Gate]
    decided: Decided
    waits_for_approval: bool = False
    difference: Mapping[str, Any] = field(default_factory=dict)
    evaluation: str = ""
    off: Sequence[str] = ()

    @property
    def compliance(self) -> str:
        """Result of the compliance check, the first step: ``passed`` or ``failed``."""
        return FAILED if self.outcome == "rejected" else PASSED

    @property
    def comparison(self) -> str:
        """Result of the comparison, the second step: ``passed``, ``failed``, or empty if the first one failed."""
        if self.compliance == FAILED:
            return ""
        return PASSED if self.outcome == "promoted" or self.waits_for_approval else FAILED

    @property
    def decision_id(self) -> str:
        """Digest of everything but clock and person: deciding the same again is the same decision.

        Of a gate that measures time only the verdict counts: no two measurements are alike.
        """
        gates = [_without_clock(gate) for gate in self.gates]
        content = [self.model, self.candidate, self.champion, self.outcome, json.dumps(gates, sort_keys=True)]
        content += [*self.off]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as plain values for JSON."""
        when = {"at": self.decided.at.isoformat(), "by": self.decided.by, "assurance": self.decided.assurance}
        steps = {"compliance": self.compliance, "comparison": self.comparison}
        return {**asdict(self), **steps, "decided": when, "decision_id": self.decision_id}


def _without_clock(gate: Gate) -> dict[str, Any]:
    values = asdict(gate)
    return {**values, "value": None, "message": ""} if gate.name in TIMED else values


def decide_promotion(
    report: EvaluationReport,
    gates: Sequence[Gate],
    decided: Decided,
    *,
    task: Task = BINARY,
    off: Sequence[str] = (),
) -> PromotionDecision:
    """Return the decision of two steps: rejected by the compliance check, kept by the comparison, else promoted.

    The comparison is made only after the compliance check passed. It is passed if no gate of that step refuses and,
    where there is a champion, the whole interval of the paired difference in the task's decisive metric (for a binary
    task ROC AUC) lies on the better side of zero, so a tie keeps the champion. The champion itself stays champion. A
    candidate that lacks nothing but the approval of a person is kept, since it may still be promoted.
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
        difference={} if outcome == "rejected" else _describe_difference(report, task),
        off=tuple(off),
    )


def _judge(report: EvaluationReport, gates: Sequence[Gate], task: Task) -> tuple[str, str, bool]:
    refusing = {step: _refusing(gates, step) for step in (COMPLIANCE, COMPARISON, APPROVAL)}
    if refusing[COMPLIANCE]:
        return "rejected", " ".join(refusing[COMPLIANCE]), False
    if refusing[COMPARISON]:
        return "kept", " ".join(refusing[COMPARISON]), False
    outcome, reason = _compare(report, task)
    if refusing[APPROVAL] and outcome == "promoted":
        return "kept", f"It may become champion once it is approved. {reason} {refusing[APPROVAL][0]}", True
    return outcome, reason, False


def _refusing(gates: Sequence[Gate], step: str) -> list[str]:
    """Return what the gates of one step that refuse say."""
    return [gate.message for gate in gates if gate.refuses and GATES[gate.name].step == step]


def _describe_difference(report: EvaluationReport, task: Task) -> dict[str, Any]:
    """Return the paired difference from the champion, or from the baseline where there is none; NaN as None."""
    compared = report.champion or report.baseline
    found = compared.difference.get(task.decisive)
    numbers = {} if found is None else {name: getattr(found, name) for name in ("value", "low", "high")}
    other = f"champion {report.champion.subject.version}" if report.champion else "baseline"
    known = {name: None if math.isnan(number) else float(number) for name, number in numbers.items()}
    return {"compared_with": other, "metric": task.decisive, **known}


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


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """A decision to be recorded and carried out.

    Attributes:
        decision: Of the gates.
        options: Rules of the environment.
        identity: Who runs it.
        in_force: The rules that decided, for the record.
    """

    decision: PromotionDecision
    options: GovernanceOptions
    identity: Identity
    in_force: RulesInForce | None = None


# Others would have to change the same model this often while one decision is recorded.
_ATTEMPTS = 20


class _StateMovedError(Exception):
    """Another record came in between; the events of the decision have to be derived again."""


def record_decision(cycle: LifeCycle, decision: PromotionDecision) -> ModelState:
    """Record ``decision`` and return the state after it; the registry is left for the next step.

    Raises:
        LifeCycleError: If the decision was made against another champion than there is now.
    """
    cycle.note_registrations()
    for _ in range(_ATTEMPTS):
        state = cycle.read()
        try:
            _append(cycle, decision, state)
        except _StateMovedError:
            continue
        except LifeCycleError as error:
            cycle.refuse("promote", decision.candidate, error)
            raise
        return cycle.read()
    raise CommitConflictError.after_retries(cycle.name, _ATTEMPTS)


def _append(cycle: LifeCycle, decision: PromotionDecision, state: ModelState) -> None:
    events = derive_events(
        decision,
        state,
        identity=cycle.identity,
        may_promote=cycle.options.allows(cycle.identity, "promote"),
        options=cycle.options.rules,
        now=cycle.clock(),
    )

    def check(records: list[AuditRecord]) -> None:
        current = project_events(records, name=cycle.name)
        check_champion(decision, current)
        if current.records != state.records:
            raise _StateMovedError

    cycle.ledger.append(add_rules(events, cycle.in_force), check=check)
