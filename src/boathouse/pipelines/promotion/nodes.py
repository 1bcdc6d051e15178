"""Steps of promotion, composed of core."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.decision import (
    Decided,
    DecisionRecord,
    PromotionDecision,
    decide_promotion,
    write_decision_card,
)
from boathouse.lifecycle.evidence import GateEvidence
from boathouse.lifecycle.gates import GateOptions, judge_gates
from boathouse.lifecycle.policy import Claims, GovernanceOptions, choose_identity
from boathouse.lifecycle.state import ModelState, project_events
from boathouse.problem.spec import UseCase


def read_identity(claims: Claims, options: GovernanceOptions) -> Decided:
    """Return who runs this and when: the only clock and identity of the pipeline."""
    identity = choose_identity(claims, trust_environment_user=options.trust_environment_user)
    return Decided(datetime.now(UTC), identity.name)


def decide(
    evidence: GateEvidence, options: GateOptions, decided: Decided, *, use_case: UseCase
) -> tuple[PromotionDecision, dict[str, Any], str]:
    """Return the decision on the evaluated candidate, the same as plain values, and as a page for who approves."""
    task = use_case.task
    decision = decide_promotion(evidence.report, judge_gates(evidence, options, task=task), decided, task=task)
    return decision, decision.to_dict(), write_decision_card(decision, evidence.report)


def rule(decision: PromotionDecision, claims: Claims, options: GovernanceOptions) -> DecisionRecord:
    """Return the decision with the rules of the environment and who runs it, for the ledger to record."""
    identity = choose_identity(claims, trust_environment_user=options.trust_environment_user)
    return DecisionRecord(decision=decision, options=options, identity=identity)


def project_state(decision: PromotionDecision, records: list[AuditRecord]) -> ModelState:
    """Return the state of the decision's model, as the ledger has it once the decision is on record."""
    return project_events(records, name=decision.model)
