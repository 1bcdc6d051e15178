"""Nodes of promotion: gather what the gates judge, decide, record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from boathouse.lifecycle.candidate import CandidateOptions, require_undecided
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.decision import Decided, DecisionRecord, PromotionDecision, decide_promotion
from boathouse.lifecycle.decision_card import write_decision_card
from boathouse.lifecycle.evidence import (
    MODEL_CARD,
    ApprovalState,
    CandidateFacts,
    CodeState,
    GateEvidence,
    TableQuality,
    describe_model,
    gather_evidence,
)
from boathouse.lifecycle.fresh_process import LoadOptions, check_scores, load_in_fresh_process
from boathouse.lifecycle.gates import GateOptions, judge_gates
from boathouse.lifecycle.policy import Claims, GovernanceOptions, choose_identity
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.rules import find_approval_state
from boathouse.lifecycle.rules_in_force import read_rules
from boathouse.lifecycle.sealed_results import (
    SealedEvaluation,
    digest_text,
    find_evaluation,
    find_quality,
    use_registered,
)
from boathouse.lifecycle.state import ModelState
from boathouse.lifecycle.version_gates import judge_code
from boathouse.modelling.result import LoadedModel
from boathouse.problem.spec import UseCase
from boathouse.scoring.feature_spec import FeatureSpec


def read_identity(claims: Claims) -> Decided:
    """Return who runs this and when: the only clock and identity of the pipeline."""
    identity = choose_identity(claims)
    return Decided(datetime.now(UTC), identity.name, identity.assurance)


def check_candidate(
    candidate: LoadedModel, options: CandidateOptions, records: list[AuditRecord], evidence: list[AuditRecord]
) -> LoadedModel:
    """Return the candidate, if its newest evaluation may be decided on.

    Raises:
        LifeCycleError: If it is another than was asked for, or was decided already from another evaluation.
        AuditError: If no evaluation of it is on record.
    """
    evaluation = find_evaluation(evidence, candidate.name, candidate.version)
    return require_undecided(candidate, options, records, evaluation=evaluation.record)


def read_evaluation(candidate: LoadedModel, evidence: list[AuditRecord]) -> SealedEvaluation:
    """Return the newest evaluation of the candidate, as it was recorded; the files of reports are not read.

    Raises:
        AuditError: If none is on record.
    """
    return find_evaluation(evidence, candidate.name, candidate.version)


def describe_candidate(
    candidate: LoadedModel,
    card: str,
    evaluation: SealedEvaluation,
    records: list[AuditRecord],
    options: LoadOptions,
    *,
    use_case: UseCase,
) -> CandidateFacts:
    """Return what the candidate is by the ledger, and how it loads and scores in a process of its own.

    A card that is not the one that was written with the evaluation does not count, unless it is that of another
    version, which was evaluated since: then it is the card as it was recorded.
    """
    registered = use_registered(candidate, records)
    load = load_in_fresh_process(candidate.files, options)
    features = candidate.scorer.spec.features
    card = evaluation.choose_card(card)
    is_same_card = digest_text(card) == evaluation.card_digest
    facts = describe_model(
        registered,
        declared=FeatureSpec.describe(features, use_case.current_views, use_case.on_demand),
        load=check_scores(load, candidate.scorer, candidate.files, options),
        card=card if is_same_card else "",
    )
    return facts if is_same_card else replace(facts, changed_documents=(MODEL_CARD,))


def read_approval(
    candidate: LoadedModel, records: list[AuditRecord], options: GovernanceOptions, decided: Decided
) -> ApprovalState:
    """Return whether these very files are approved for production, by the ledger."""
    state = project_events(records, name=candidate.name)
    return find_approval_state(state, candidate.version, now=decided.at, options=options.rules)


def read_code(candidate: LoadedModel, records: list[AuditRecord], options: GovernanceOptions) -> CodeState:
    """Return whether released code made the candidate, by the ledger and by the rule of this environment."""
    known = project_events(records, name=candidate.name).versions.get(candidate.version)
    return judge_code(known.code if known else None, options.released_code)


def read_quality(evidence: list[AuditRecord]) -> list[TableQuality]:
    """Return the newest counts of each table, of all rules together, as they were recorded."""
    return find_quality(evidence)


def collect_evidence(
    evaluation: SealedEvaluation,
    facts: CandidateFacts,
    quality: list[TableQuality],
    approval: ApprovalState,
    code: CodeState,
    *,
    decided: Decided,
) -> GateEvidence:
    """Return everything that the gates judge.

    Raises:
        PromotionError: If the evaluation is of another model than the candidate at hand.
    """
    return gather_evidence(evaluation.report, facts, quality, approval=approval, code=code, judged_at=decided.at)


def decide(
    evidence: GateEvidence,
    options: GateOptions,
    decided: Decided,
    evaluation: SealedEvaluation,
    *,
    use_case: UseCase,
) -> tuple[PromotionDecision, dict[str, Any], str]:
    """Return the decision on the evaluated candidate, the same as plain values, and as a page for who approves."""
    task = use_case.task
    gates = judge_gates(evidence, options, task=task)
    decision = decide_promotion(evidence.report, gates, decided, task=task, off=options.off)
    decision = replace(decision, evaluation=evaluation.record)
    return decision, decision.to_dict(), write_decision_card(decision, evidence.report)


def make_record(
    decision: PromotionDecision, claims: Claims, options: GovernanceOptions, gates: GateOptions
) -> DecisionRecord:
    """Return the decision with the rules of the environment and who runs it, for the ledger to record."""
    in_force = read_rules(options, gates, claims.conf)
    return DecisionRecord(decision=decision, options=options, identity=choose_identity(claims), in_force=in_force)


def project_state(decision: PromotionDecision, records: list[AuditRecord]) -> ModelState:
    """Return the state of the decision's model, by the ledger, once the decision is recorded.

    It is that after this decision, also where another version was judged at the same time.
    """
    return replace(project_events(records, name=decision.model), judged=decision.candidate)
