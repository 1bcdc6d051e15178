"""Nodes of promotion: gather what the gates judge, decide, record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.decision import Decided, DecisionRecord, PromotionDecision, decide_promotion
from boathouse.lifecycle.decision_card import write_decision_card
from boathouse.lifecycle.evidence import (
    ANY_RULE,
    ApprovalState,
    CandidateFacts,
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
from boathouse.lifecycle.state import ModelState
from boathouse.modelling.result import LoadedModel
from boathouse.problem.spec import UseCase
from boathouse.scoring.feature_spec import FeatureSpec


def read_identity(claims: Claims) -> Decided:
    """Return who runs this and when: the only clock and identity of the pipeline."""
    identity = choose_identity(claims)
    return Decided(datetime.now(UTC), identity.name, identity.assurance)


def describe_candidate(candidate: LoadedModel, card: str, options: LoadOptions, *, use_case: UseCase) -> CandidateFacts:
    """Return what the candidate is, and how it loads and scores in a process of its own."""
    load = load_in_fresh_process(candidate.files, options)
    features = candidate.scorer.spec.features
    return describe_model(
        candidate,
        declared=FeatureSpec.describe(features, use_case.current_views, use_case.on_demand),
        load=check_scores(load, candidate.scorer, candidate.files, options),
        card=card,
    )


def read_approval(
    candidate: LoadedModel, records: list[AuditRecord], options: GovernanceOptions, decided: Decided
) -> ApprovalState:
    """Return whether these very files are approved for production, by the ledger."""
    state = project_events(records, name=candidate.name)
    return find_approval_state(state, candidate.version, now=decided.at, options=options.rules)


def read_quality(table: DataFrame) -> list[TableQuality]:
    """Return the newest counts of each table, of all rules together."""
    rows = table.where(table["rule"] == ANY_RULE).select("table_name", "rows", "broken_share").collect()
    return [TableQuality(table=row[0], rows=int(row[1]), broken_share=float(row[2])) for row in rows]


def collect_evidence(
    evaluation: dict[str, Any],
    facts: CandidateFacts,
    quality: list[TableQuality],
    approval: ApprovalState,
    decided: Decided,
) -> GateEvidence:
    """Return everything that the gates judge.

    Raises:
        PromotionError: If the evaluation is of another model than the candidate at hand.
    """
    report = EvaluationReport.from_dict(evaluation)
    return gather_evidence(report, facts, quality, approval=approval, judged_at=decided.at)


def decide(
    evidence: GateEvidence, options: GateOptions, decided: Decided, *, use_case: UseCase
) -> tuple[PromotionDecision, dict[str, Any], str]:
    """Return the decision on the evaluated candidate, the same as plain values, and as a page for who approves."""
    task = use_case.task
    decision = decide_promotion(evidence.report, judge_gates(evidence, options, task=task), decided, task=task)
    return decision, decision.to_dict(), write_decision_card(decision, evidence.report)


def make_record(decision: PromotionDecision, claims: Claims, options: GovernanceOptions) -> DecisionRecord:
    """Return the decision with the rules of the environment and who runs it, for the ledger to record."""
    return DecisionRecord(decision=decision, options=options, identity=choose_identity(claims))


def project_state(decision: PromotionDecision, records: list[AuditRecord]) -> ModelState:
    """Return the state of the decision's model, by the ledger, once the decision is recorded."""
    return project_events(records, name=decision.model)
