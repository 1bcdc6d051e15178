"""Steps that gather what the gates judge, made for a use case."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.decision import Decided
from boathouse.lifecycle.evidence import (
    ANY_RULE,
    ApprovalState,
    GateEvidence,
    ModelFacts,
    TableQuality,
    describe_model,
    gather_evidence,
)
from boathouse.lifecycle.fresh_process import LoadOptions, check_scores, load_in_fresh_process
from boathouse.lifecycle.policy import GovernanceOptions
from boathouse.lifecycle.rules import tell_approval
from boathouse.lifecycle.state import project_events
from boathouse.modelling.result import LoadedModel
from boathouse.problem.spec import UseCase
from boathouse.scoring.feature_spec import FeatureSpec


def describe_candidate(candidate: LoadedModel, card: str, options: LoadOptions, *, use_case: UseCase) -> ModelFacts:
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
    """Return whether these very files are approved for production, as the ledger tells it."""
    life = project_events(records, name=candidate.name)
    return tell_approval(life, candidate.version, now=decided.at, options=options.rules)


def read_quality(table: DataFrame) -> list[TableQuality]:
    """Return the newest counts of each table, of all rules together."""
    rows = table.where(table["rule"] == ANY_RULE).select("table_name", "rows", "broken_share").collect()
    return [TableQuality(table=row[0], rows=int(row[1]), broken_share=float(row[2])) for row in rows]


def collect_evidence(
    evaluation: dict[str, Any],
    facts: ModelFacts,
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
