"""Whether a candidate may take charge: gates that refuse unless shown otherwise, and the decision."""

from boathouse.core.promotion.decision import Decided, PromotionDecision, decide_promotion
from boathouse.core.promotion.gates import Gate, GateOptions, judge_gates

__all__ = ["Decided", "Gate", "GateOptions", "PromotionDecision", "decide_promotion", "judge_gates"]
