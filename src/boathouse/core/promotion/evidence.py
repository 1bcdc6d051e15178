"""What the gates judge: gathered once, frozen, about one version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from boathouse.core.errors import PromotionError
from boathouse.core.evaluation.report import EvaluationReport
from boathouse.core.promotion.model_facts import ModelFacts

ANY_RULE = "any"


@dataclass(frozen=True, kw_only=True)
class ApprovalState:
    """Whether somebody with the right to do so has approved this very version.

    Attributes:
        required: Whether the environment asks for approval.
        approved: Whether it was given and not taken back.
        by: Who gave it, or None.
        expires: Moment in UTC from which it counts no longer, or None.
        reason: Why it was given or refused.
    """

    required: bool
    approved: bool
    by: str | None
    expires: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class TableQuality:
    """What judging found in one table.

    Attributes:
        table: Table name, without the environment.
        rows: Rows judged.
        broken_share: Share of them that broke any rule, 0 to 1.
    """

    table: str
    rows: int
    broken_share: float


@dataclass(frozen=True, kw_only=True)
class GateEvidence:
    """Everything that is known of a candidate when it is decided on.

    Attributes:
        report: Its evaluation, with behaviour and leakage.
        facts: Its files, tags and documents, and how it loads.
        quality: Newest state of the cleaned tables, by name.
        approval: Whether it is approved.
        judged_at: Moment of the decision, UTC.
    """

    report: EvaluationReport
    facts: ModelFacts
    quality: Mapping[str, TableQuality]
    approval: ApprovalState
    judged_at: datetime


def gather_evidence(
    report: EvaluationReport,
    facts: ModelFacts,
    quality: Sequence[TableQuality],
    *,
    approval: ApprovalState,
    judged_at: datetime,
) -> GateEvidence:
    """Return the evidence, after a look whether all of it is about the same model.

    Raises:
        PromotionError: If the evaluation is of another version or other files: it would prove nothing.
    """
    subject = report.subject
    if (subject.version, subject.digest) != (facts.version, facts.digest):
        evaluated, found = f"{subject.version} ({subject.digest[:16]})", f"{facts.version} ({facts.digest[:16]})"
        raise PromotionError.other_model(subject.name, evaluated=evaluated, found=found)
    return GateEvidence(
        report=report,
        facts=facts,
        quality={each.table: each for each in quality},
        approval=approval,
        judged_at=judged_at,
    )
