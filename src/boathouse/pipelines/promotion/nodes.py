"""Steps of promotion, composed of core."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from boathouse.core.audit import AuditRecord
from boathouse.core.promotion import (
    Decided,
    GateEvidence,
    GateOptions,
    PromotionDecision,
    decide_promotion,
    judge_gates,
)
from boathouse.core.promotion.decision_card import write_decision_card
from boathouse.core.promotion.fold import fold
from boathouse.core.promotion.identity import Claims, choose_identity
from boathouse.core.promotion.life import ModelLife
from boathouse.core.promotion.policy import GovernanceOptions
from boathouse.core.promotion.ruling import Ruling


def read_identity(claims: Claims, options: GovernanceOptions) -> Decided:
    """Return who runs this and when: the only clock and identity of the pipeline."""
    identity = choose_identity(claims, trust_environment_user=options.trust_environment_user)
    return Decided(datetime.now(UTC), identity.name)


def decide(
    evidence: GateEvidence, options: GateOptions, decided: Decided
) -> tuple[PromotionDecision, dict[str, Any], str]:
    """Return the decision on the evaluated candidate, the same as plain values, and as a page for who approves."""
    decision = decide_promotion(evidence.report, judge_gates(evidence, options), decided)
    return decision, decision.to_dict(), write_decision_card(decision, evidence.report)


def rule(decision: PromotionDecision, claims: Claims, options: GovernanceOptions) -> Ruling:
    """Return the decision with the rules of the environment and who runs it, for the ledger to record."""
    identity = choose_identity(claims, trust_environment_user=options.trust_environment_user)
    return Ruling(decision=decision, options=options, identity=identity)


def tell_life(decision: PromotionDecision, records: list[AuditRecord]) -> ModelLife:
    """Return the state of the decision's model, as the ledger tells it once the decision is on record."""
    return fold(records, name=decision.model)
