"""Gates that read what surrounds a version: its data, its approval, the code it was made by."""

from __future__ import annotations

from boathouse.core.promotion.evidence import GateEvidence
from boathouse.core.promotion.gate_rules import GateRule, Reading
from boathouse.core.promotion.limits import GateLimits

RELEASED_TAG = "released_code"
_NAN = float("nan")


def read_data_quality(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the greatest share of broken rows of a training table; undefined if one was not judged or is empty."""
    judged = {name: evidence.quality.get(name) for name in limits.quality_tables}
    unknown = [f"{name} was not judged" for name, found in judged.items() if found is None or not found.rows]
    if unknown:
        return Reading(_NAN, limits.max_broken_share, "; ".join(unknown))
    worst = max((each for each in judged.values() if each), key=lambda each: each.broken_share)
    return Reading(worst.broken_share, limits.max_broken_share, f"most of them in {worst.table}")


def read_approval(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001 - one signature for all
    """Read whether an approval that counts is there: 0 or 1; where none is required, 1."""
    problem = _find_approval_problem(evidence)
    state = evidence.approval
    given = f"by {state.by}: {state.reason}" if state.required else "none is required here"
    return Reading(0.0 if problem else 1.0, 1.0, problem or given, digits=0)


def read_released_code(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read whether the version's tag says that released code made it: 0 or 1; no tag is 0."""
    told = evidence.facts.documents.get(RELEASED_TAG, "")
    released = told == "true"
    return Reading(float(released), 1.0, "" if released else f"the tag {RELEASED_TAG} is {told!r}", digits=0)


def _find_approval_problem(evidence: GateEvidence) -> str:
    state = evidence.approval
    if not state.required:
        return ""
    if not state.approved:
        return f"refused: {state.reason}" if state.by else state.reason or "nobody has approved it"
    if not state.by:
        return "the approval does not say who gave it"
    if state.expires is not None and state.expires <= evidence.judged_at:
        return f"the approval by {state.by} expired on {state.expires:%Y-%m-%d}"
    return ""


GOVERNANCE_GATES = (
    GateRule(
        name="data_quality",
        asks="Was the data it learnt from sound?",
        bound="at most",
        read=read_data_quality,
    ),
    GateRule(
        name="approval",
        asks="Has a person with the right to do so approved this very version?",
        bound="at least",
        read=read_approval,
    ),
    GateRule(
        name="released_code",
        asks="Was it made by released code?",
        bound="at least",
        read=read_released_code,
    ),
)
