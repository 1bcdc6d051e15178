"""Steps of promotion, composed of core."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from boathouse.core.promotion import (
    Decided,
    GateEvidence,
    GateOptions,
    PromotionDecision,
    decide_promotion,
    judge_gates,
)
from boathouse.core.promotion.decision import PROMOTIONS
from boathouse.core.promotion.decision_card import write_decision_card


def read_identity() -> Decided:
    """Return who runs this and when: the only clock and identity of the pipeline."""
    return Decided(datetime.now(UTC), getpass.getuser())


def decide(
    evidence: GateEvidence, options: GateOptions, decided: Decided
) -> tuple[PromotionDecision, dict[str, Any], str]:
    """Return the decision on the evaluated candidate, the same as plain values, and as a page for who approves."""
    decision = decide_promotion(evidence.report, judge_gates(evidence, options), decided)
    return decision, decision.to_dict(), write_decision_card(decision, evidence.report)


def record_decision(decision: PromotionDecision, lender: DataFrame) -> DataFrame:
    """Return the row of ``audit.promotions``; ``lender`` only lends its session."""
    schema = ", ".join(f"{column.name} {column.dtype}" for column in PROMOTIONS.columns)
    return lender.sparkSession.createDataFrame([decision.to_row()], schema)


def move_aliases(decision: PromotionDecision, recorded: DataFrame) -> PromotionDecision:  # noqa: ARG001 - only after the record
    """Return the decision for the registry, once it is on record."""
    return decision
