"""The decision on a candidate, with every gate and number that led to it, and its record in the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import CommitConflictError, LifeCycleError
from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.gates import TIMED, Gate
from boathouse.lifecycle.policy import UNKNOWN_ASSURANCE, ApprovalOptions, GovernanceOptions, Identity
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.rules_in_force import RulesInForce, add_rules
from boathouse.lifecycle.state import ARCHIVED, CHALLENGER, CHAMPION, PREVIOUS, REGISTERED, ModelState, ModelVersion
from boathouse.modelling.task import BINARY, Task

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.steps import LifeCycle

APPROVAL = "approval"


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
        outcome: ``promoted``, ``kept`` or ``rejected``.
        reason: Why, in one sentence.
        gates: All that are not off.
        off: Names of those that are.
        decided: When and by whom.
        waits_for_approval: Whether it is kept only because an approval is missing.
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
    evaluation: str = ""
    off: Sequence[str] = ()

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
        return {**asdict(self), "decided": when, "decision_id": self.decision_id}


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
    """Return the decision: rejected if a gate refuses, kept if it does not beat the champion, else promoted.

    A candidate that lacks nothing but the approval of a person is kept, since it may still be promoted. Better than
    the champion means that the whole interval of the paired difference in the task's decisive metric (for a binary task
    ROC AUC) lies on the better side of zero, so a tie keeps the champion. The champion itself stays champion.
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
        off=tuple(off),
    )


def _judge(report: EvaluationReport, gates: Sequence[Gate], task: Task) -> tuple[str, str, bool]:
    refusing = [gate for gate in gates if gate.refuses]
    if any(gate.name != APPROVAL for gate in refusing):
        return "rejected", " ".join(gate.message for gate in refusing), False
    outcome, reason = _compare(report, task)
    if refusing and outcome == "promoted":
        return "kept", f"It may become champion once it is approved. {reason} {refusing[0].message}", True
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


# A decision moves a version from these stages only; on a champion or an archived version it is only recorded.
_MOVABLE = (REGISTERED, CHALLENGER, PREVIOUS)


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


def derive_events(
    decision: PromotionDecision,
    state: ModelState,
    *,
    identity: Identity,
    may_promote: bool,
    options: ApprovalOptions,
    now: datetime,
) -> list[AuditEvent]:
    """Return the events of ``decision``: it is always recorded; what moves depends on the outcome and the state.

    Promoted: the version becomes champion, or challenger with a request for production where approvals are
    needed, the person may not promote or the champion was stopped. Kept: it becomes challenger. Rejected: it is
    archived. The ids are made of the decision's, so that deciding the same again records nothing.
    """
    version = state.versions[decision.candidate]
    passed = decision.outcome == "promoted" or decision.waits_for_approval
    events = [(event_types.CHECKED, _evidence(decision), decision.reason)]
    if version.stage in _MOVABLE:
        # A stop holds until a person ends it: no run makes the next version champion.
        direct = may_promote and not options.needed and state.stopped is None
        events += _moves(decision, state, version, direct=direct)
        if passed and not may_promote:
            events.append((event_types.REFUSED, {"action": "promote"}, f"{identity.name} may not promote models here."))
    elif version.stage == ARCHIVED and passed:
        reason = str(LifeCycleError.archived(version.version, version.reason))
        events.append((event_types.REFUSED, {"action": "promote"}, reason))
    return [
        AuditEvent(
            event_id=f"{kind}/{decision.decision_id}/{evidence.get('stage', '')}".rstrip("/"),
            kind=kind,
            subject=decision.model,
            version=decision.candidate,
            digest=version.digest,
            actor=identity.name,
            occurred_at=now,
            comment=comment,
            evidence={**evidence, **identity.to_evidence()},
            assurance=identity.assurance,
        )
        for kind, evidence, comment in events
    ]


def check_champion(decision: PromotionDecision, state: ModelState) -> None:
    """Raise if a decision to promote was made against another champion than there is.

    Raises:
        LifeCycleError: Naming both.
    """
    version = state.versions.get(decision.candidate)
    passed = decision.outcome == "promoted" or decision.waits_for_approval
    moves = passed and version is not None and version.stage in _MOVABLE
    if moves and decision.champion != state.champion:
        raise LifeCycleError.other_champion(decision.candidate, decision.champion, state.champion)


def _evidence(decision: PromotionDecision) -> dict[str, Any]:
    gates = [asdict(gate) for gate in decision.gates]
    return {
        "outcome": decision.outcome,
        "waits_for_approval": decision.waits_for_approval,
        "gates": gates,
        "gates_off": list(decision.off),
        "champion": decision.champion,
        "decision": decision.decision_id,
        "evaluation": decision.evaluation,
    }


def _moves(
    decision: PromotionDecision, state: ModelState, version: ModelVersion, *, direct: bool
) -> Iterator[tuple[str, dict[str, Any], str]]:
    if decision.outcome == "promoted" and direct:
        yield event_types.PROMOTED, {"from": state.champion, "stage": CHAMPION}, decision.reason
    elif decision.outcome == "promoted" or decision.waits_for_approval:
        if version.stage != CHALLENGER:
            yield event_types.PROMOTED, {"from": state.champion, "stage": CHALLENGER}, decision.reason
        request = state.find_request(version.version, "production")
        if request is None or request.closed:
            yield event_types.REQUESTED, {"to": "production"}, f"The gates let it pass: {decision.reason}"
    elif version.stage == PREVIOUS:
        return
    elif decision.outcome == "kept":
        yield event_types.KEPT, {"champion": state.champion}, decision.reason
    else:
        yield event_types.ARCHIVED, {"from": version.stage, "why": "compliance"}, decision.reason


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
