"""What the gates judge: gathered once, frozen, about one version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from boathouse.errors import PromotionError
from boathouse.scoring.feature_spec import SIGNATURE_TYPES, FeatureSpec
from boathouse.scoring.files import digest_of
from boathouse.scoring.spec import BINARY_OUTPUTS

if TYPE_CHECKING:
    from boathouse.evaluation.report import EvaluationReport
    from boathouse.lifecycle.fresh_process import LoadReport
    from boathouse.modelling.result import LoadedModel, ModelSchema

# What a version of a binary task answers with, in this order: serving, batch and monitoring read it by name.
OUTPUTS = BINARY_OUTPUTS.signature
MODEL_CARD, DESCRIPTION = "model_card", "description"
# Values of a tag that say nothing.
_EMPTY = frozenset({"", "unknown", "none", "null"})
_MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class CandidateFacts:
    """One version.

    Attributes:
        version: Version as text.
        digest: SHA-256 of the manifest of its files.
        signature_faults: How its signature differs from what it takes and gives, one text each.
        feature_faults: How its feature spec differs from its inputs and from today's definitions, one text each.
        load: How it loads and scores in a process of its own.
        size_mb: Size of its files in megabytes (10^6 bytes).
        documents: Every tag and document that it has, by name; empty values are left out.
        changed_documents: Names of documents that are not what was recorded; they count as missing.
    """

    version: str
    digest: str
    signature_faults: tuple[str, ...]
    feature_faults: tuple[str, ...]
    load: LoadReport
    size_mb: float
    documents: Mapping[str, str]
    changed_documents: tuple[str, ...] = ()


def describe_model(model: LoadedModel, *, declared: FeatureSpec, load: LoadReport, card: str) -> CandidateFacts:
    """Return the facts of ``model``.

    Args:
        model: The version, its files checked.
        declared: The feature spec that today's code declares for the model's features.
        load: How it loads in a process of its own.
        card: Text of the newest model card; it counts if it is about this digest.
    """
    features = model.scorer.spec.features
    return CandidateFacts(
        version=model.version,
        digest=digest_of(model.files),
        signature_faults=tuple(
            find_signature_faults(model.schema, features, model.feature_spec, outputs=model.scorer.outputs.signature)
        ),
        feature_faults=tuple(find_feature_faults(model.feature_spec, features, declared)),
        load=load,
        size_mb=sum(map(len, model.files.values())) / _MEGABYTE,
        documents=collect_documents(model, card),
    )


def find_signature_faults(
    schema: ModelSchema | None,
    features: Sequence[str],
    spec: FeatureSpec | None = None,
    *,
    outputs: Sequence[tuple[str, str]] = OUTPUTS,
) -> list[str]:
    """Return how a signature differs from ``features`` in their kinds in and ``outputs`` out."""
    if schema is None:
        return ["it has no signature"]
    kinds = (spec or FeatureSpec(views=())).kinds_of(features)
    wanted = tuple((name, SIGNATURE_TYPES[kind]) for name, kind in kinds.items())
    return [*_compare_columns("inputs", schema.inputs, wanted), *_compare_columns("outputs", schema.outputs, outputs)]


def find_feature_faults(spec: FeatureSpec | None, features: Sequence[str], declared: FeatureSpec) -> list[str]:
    """Return which features nothing provides, and which views or on-demand features are defined otherwise today."""
    if spec is None:
        return ["it has no feature spec"]
    provided = {*spec.stored_features, *(each.name for each in spec.on_demand)}
    missing = [f"nothing provides {name}" for name in features if name not in provided]
    mine, today = _digests(spec), _digests(declared)
    changed = sorted(name for name in mine.keys() | today.keys() if mine.get(name) != today.get(name))
    return [*missing, *(f"{name} is defined otherwise today" for name in changed)]


def collect_documents(model: LoadedModel, card: str) -> dict[str, str]:
    """Return the version's tags, its description and its card, without those that say nothing."""
    digest = digest_of(model.files)
    mine = card if digest[:16] in card else ""
    found = {**model.tags, DESCRIPTION: model.description, MODEL_CARD: mine}
    return {name: value for name, value in found.items() if value.strip().lower() not in _EMPTY}


def _digests(spec: FeatureSpec) -> dict[str, str]:
    views = {view.name: view.digest for view in spec.views}
    return views | {each.name: each.digest for each in spec.on_demand}


def _compare_columns(kind: str, found: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    if tuple(found) == tuple(wanted):
        return []
    missing = sorted({name for name, _ in wanted} - {name for name, _ in found})
    foreign = sorted({name for name, _ in found} - {name for name, _ in wanted})
    texts = [f"{kind} lack {name}" for name in missing] + [f"{kind} have {name}" for name in foreign]
    return texts or [f"{kind} have other types or another order"]


ANY_RULE = "any"


@dataclass(frozen=True, kw_only=True)
class ApprovalState:
    """Whether a person with the right to do so has approved this very version.

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


@dataclass(frozen=True)
class CodeState:
    """Whether released code made this version, by the rule of the environment where it is to act.

    Attributes:
        released: Whether it did.
        reason: What is known of the code, or why it does not count.
    """

    released: bool
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
        code: Whether released code made it.
        judged_at: Moment of the decision, UTC.
    """

    report: EvaluationReport
    facts: CandidateFacts
    quality: Mapping[str, TableQuality]
    approval: ApprovalState
    code: CodeState
    judged_at: datetime


def gather_evidence(
    report: EvaluationReport,
    facts: CandidateFacts,
    quality: Sequence[TableQuality],
    *,
    approval: ApprovalState,
    code: CodeState,
    judged_at: datetime,
) -> GateEvidence:
    """Return the evidence, after a look whether all of it is about the same model.

    Raises:
        PromotionError: If the evaluation is of another version or other files: it would prove nothing.
    """
    subject = report.subject
    if (subject.version, subject.digest) != (facts.version, facts.digest):
        evaluated, found = f"{subject.version} ({subject.digest[:16]})", f"{facts.version} ({facts.digest[:16]})"
        raise PromotionError(
            f"The evaluation of '{subject.name}' is of version {evaluated}, the candidate is version {found}. Nothing "
            "was decided. Evaluate the candidate, then decide: kedro run --pipelines evaluation,promotion"
        )
    return GateEvidence(
        report=report,
        facts=facts,
        quality={each.table: each for each in quality},
        approval=approval,
        code=code,
        judged_at=judged_at,
    )


TAG = "released_code"
UNKNOWN = "unknown"
# What git calls the commit of a repository that has none yet.
NO_COMMIT = "(initial)"
# The digest of the difference of a checkout that is as its commit.
NO_DIFFERENCE = "none"


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """Commit, changes and tag of the source, ``unknown`` where they cannot be determined.

    Attributes:
        commit: Full hash of the commit.
        branch: Branch name, or ``(detached)``.
        dirty: ``true`` if a file that decides what runs differs from the commit or is not in it, ``false``, or
            ``unknown``.
        difference: SHA-256 of what differs, files that are in no commit included; ``none`` for a clean
            checkout. Two runs with the same commit and difference ran the same code.
        tag: Newest tag of the commit, or ``unknown`` if it has none.
        is_wheel: Whether the code runs from an installed package, not from a checkout.
        changed: Files that differ from the commit, or from what the wheel installed; for a person who has to know.
    """

    commit: str = UNKNOWN
    branch: str = UNKNOWN
    dirty: str = UNKNOWN
    difference: str = UNKNOWN
    tag: str = UNKNOWN
    is_wheel: bool = False
    changed: Sequence[str] = field(default=(), compare=False)


def is_released(source: SourceState, released_code: str) -> bool:
    """Return whether ``source`` is released code by the rule ``any``, ``clean_commit``, ``tag`` or ``wheel``.

    A clean commit is a checkout without changes, or a wheel that knows its commit and was not changed since. A tag is
    a clean commit with a tag. A wheel has to know its commit too: what cannot be traced is not released.
    """
    # Only of a wheel can it stay unknown whether its files differed: its deployment says the commit.
    clean = {"false", UNKNOWN} if source.is_wheel else {"false"}
    is_clean = source.commit not in {"", UNKNOWN, NO_COMMIT} and source.dirty in clean
    return {
        "any": True,
        "clean_commit": is_clean,
        "tag": is_clean and source.tag not in {"", UNKNOWN},
        "wheel": is_clean and source.is_wheel,
    }[released_code]
