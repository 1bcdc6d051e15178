"""Whether a candidate may take charge: gates that refuse unless shown otherwise, and the decision."""

from boathouse.core.promotion.decision import Decided, PromotionDecision, decide_promotion
from boathouse.core.promotion.evidence import ApprovalState, GateEvidence, TableQuality, gather_evidence
from boathouse.core.promotion.gates import Gate, GateOptions, judge_gates

__all__ = [
    "ApprovalState",
    "Decided",
    "Gate",
    "GateEvidence",
    "GateOptions",
    "PromotionDecision",
    "TableQuality",
    "decide_promotion",
    "gather_evidence",
    "judge_gates",
]
