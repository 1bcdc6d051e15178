"""Steps of promotion, composed of core."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from boathouse.core.audit import AuditRecord
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.promotion import Decided, GateOptions, PromotionDecision, decide_promotion, judge_gates
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
    evaluation: dict[str, Any], options: GateOptions, decided: Decided
) -> tuple[PromotionDecision, dict[str, Any]]:
    """Return the decision on the evaluated candidate, and the same as plain values."""
    report = EvaluationReport.from_dict(evaluation)
    decision = decide_promotion(report, judge_gates(report, options), decided)
    return decision, decision.to_dict()


def rule(decision: PromotionDecision, claims: Claims, options: GovernanceOptions) -> Ruling:
    """Return the decision with the rules of the environment and who runs it, for the ledger to record."""
    identity = choose_identity(claims, trust_environment_user=options.trust_environment_user)
    return Ruling(decision=decision, options=options, identity=identity)


def tell_life(decision: PromotionDecision, records: list[AuditRecord]) -> ModelLife:
    """Return the state of the decision's model, as the ledger tells it once the decision is on record."""
    return fold(records, name=decision.model)
