"""Gates that read the version itself: signature, features, loading, speed, size, documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boathouse.lifecycle.evidence import CodeState, GateEvidence, SourceState, is_released
from boathouse.lifecycle.gate_rules import APPROVAL, GateLimits, GateRule, Reading, count_faults


def read_signature(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001 - one signature for all
    """Read how many faults the signature has."""
    return count_faults(evidence.facts.signature_faults)


def read_feature_spec(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read how many faults the feature spec has."""
    return count_faults(evidence.facts.feature_faults)


def read_fresh_load(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read whether the version failed to load and score by itself: 0 or 1."""
    return count_faults([evidence.facts.load.problem] if evidence.facts.load.problem else [])


def read_row_latency(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the median milliseconds for one row; undefined if it did not load."""
    return Reading(evidence.facts.load.row_ms, limits.max_row_ms, digits=2)


def read_batch_latency(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the median milliseconds for a batch; undefined if it did not load."""
    return Reading(evidence.facts.load.batch_ms, limits.max_batch_ms, digits=2)


def read_size(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the megabytes of the version's files."""
    return Reading(evidence.facts.size_mb, limits.max_size_mb, digits=2)


def read_documentation(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read how many required tags and documents are missing or say nothing."""
    missing = [name for name in limits.required_documents if not evidence.facts.documents.get(name)]
    changed = evidence.facts.changed_documents
    return count_faults([f"{name} {'was changed since' if name in changed else 'is missing'}" for name in missing])


MODEL_GATES = (
    GateRule(
        name="signature",
        asks="Does its signature say exactly what it takes and what it answers?",
        bound="at most",
        read=read_signature,
    ),
    GateRule(
        name="feature_spec",
        asks="Does the feature store provide every input, as it was defined in training?",
        bound="at most",
        read=read_feature_spec,
    ),
    GateRule(
        name="fresh_load",
        asks="Does it load by itself, running no code of its own, and score the same?",
        bound="at most",
        read=read_fresh_load,
    ),
    GateRule(
        name="row_latency",
        asks="Is it fast enough for one row? (ms)",
        bound="at most",
        read=read_row_latency,
        timed=True,
    ),
    GateRule(
        name="batch_latency",
        asks="Is it fast enough for a batch? (ms)",
        bound="at most",
        read=read_batch_latency,
        timed=True,
    ),
    GateRule(name="model_size", asks="Is it small enough to be moved about? (MB)", bound="at most", read=read_size),
    GateRule(
        name="documentation",
        asks="Is it written down what it is, whose it is and what it was made from?",
        bound="at most",
        read=read_documentation,
    ),
)


_NAN = float("nan")


def read_data_quality(evidence: GateEvidence, limits: GateLimits) -> Reading:
    """Read the greatest share of broken rows of a training table; undefined if one was not judged or is empty."""
    judged = {name: evidence.quality.get(name) for name in limits.quality_tables}
    unknown = [f"{name} was not judged" for name, found in judged.items() if found is None or not found.rows]
    if unknown:
        return Reading(_NAN, limits.max_broken_share, "; ".join(unknown))
    worst = max((each for each in judged.values() if each), key=lambda each: each.broken_share)
    return Reading(worst.broken_share, limits.max_broken_share, f"in {worst.table}" if worst.broken_share else "")


def read_approval(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001 - one signature for all
    """Read whether an approval that counts is there: 0 or 1; where none is required, 1."""
    problem = _find_approval_problem(evidence)
    state = evidence.approval
    given = f"by {state.by}: {state.reason}" if state.required else "none is required here"
    return Reading(0.0 if problem else 1.0, 1.0, problem or given, digits=0)


def read_released_code(evidence: GateEvidence, limits: GateLimits) -> Reading:  # noqa: ARG001
    """Read whether released code made the version, by the rule of the environment that judges: 0 or 1."""
    return Reading(float(evidence.code.released), 1.0, evidence.code.reason, digits=0)


def judge_code(code: Mapping[str, Any] | None, rule: str) -> CodeState:
    """Return whether the code that made a version is released by ``rule``, from its record in the ledger.

    Args:
        code: Commit, dirty flag, tag and so on, as :func:`describe_code` wrote them; None if the ledger has none.
        rule: ``governance.released_code`` of the environment where the version is to act.
    """
    if rule == "any":
        return CodeState(released=True, reason="any code counts here")
    if code is None:
        return CodeState(released=False, reason="the ledger does not say which code made it; train it again")
    source = SourceState(**{name: code[name] for name in _CODE if name in code})
    known = f"{'wheel' if source.is_wheel else 'commit'} {source.commit[:12]}, dirty {source.dirty}, tag {source.tag}"
    if not is_released(source, rule):
        return CodeState(released=False, reason=f"the rule is '{rule}', it was made by {known}")
    if not code.get("conf_released"):
        return CodeState(released=False, reason=f"{known}, but with a configuration that was not the released one")
    return CodeState(released=True, reason=known)


def describe_code(source: SourceState, *, conf_released: bool) -> dict[str, Any]:
    """Return what the ledger holds of the code and the configuration that made a version."""
    return {**{name: getattr(source, name) for name in _CODE}, "conf_released": conf_released}


_CODE = ("commit", "branch", "dirty", "difference", "tag", "is_wheel")


def _find_approval_problem(evidence: GateEvidence) -> str:
    state = evidence.approval
    if not state.required:
        return ""
    if not state.approved:
        return f"refused: {state.reason}" if state.by else state.reason or "no person has approved it"
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
        step=APPROVAL,
    ),
    GateRule(
        name="released_code",
        asks="Was it made by released code?",
        bound="at least",
        read=read_released_code,
    ),
)
