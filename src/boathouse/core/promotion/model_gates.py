"""Gates that read the version itself: signature, features, loading, speed, size, documents."""

from __future__ import annotations

from boathouse.core.promotion.evidence import GateEvidence
from boathouse.core.promotion.gate_rules import GateRule, Reading, count_faults
from boathouse.core.promotion.limits import GateLimits


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
    return count_faults([f"{name} is missing" for name in missing])


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
        asks="Is it fast enough for one customer? (ms)",
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
