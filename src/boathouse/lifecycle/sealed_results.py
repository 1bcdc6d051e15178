"""Results as records of ``audit.evidence``: sealed when they are made, and what a promotion is decided from.

Files of reports, tables for SQL and tags of the registry show the same to people; none of them is read for a decision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.errors import AuditError, UntrustedModelError
from boathouse.evaluation.report import EvaluationReport
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.evidence import ANY_RULE, TableQuality
from boathouse.lifecycle.policy import Actor, identify_actor
from boathouse.modelling.result import LoadedModel, NoModel
from boathouse.scoring.files import digest_of

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger

EVALUATED, JUDGED = "evaluated", "judged"
EVIDENCE_KINDS = {
    EVALUATED: "A version was evaluated; the evidence is the whole report.",
    JUDGED: "Cleaned tables were judged; the evidence is how many rows of each broke a rule.",
}
# What the records of data quality are about.
QUALITY = "audit.data_quality"
# Tags that are written when a version is registered: one that its record lacks was added by hand, and does not count.
REGISTERED_TAGS = frozenset(
    {
        "algorithm",
        "feature_spec_digest",
        "feature_views",
        "git_sha",
        "held_out",
        "model_digest",
        "released_code",
        "table_versions",
        "trained_by",
        "training_window",
    }
)


@dataclass(frozen=True, kw_only=True)
class SealedResult:
    """A result that is to be recorded.

    Attributes:
        kind: Of :data:`EVIDENCE_KINDS`.
        subject: Registered name of the model, or :data:`QUALITY`.
        version: Version concerned, or None.
        digest: SHA-256 of the version's files, or None.
        content: The result as values that JSON can hold.
    """

    kind: str
    subject: str
    content: Mapping[str, Any]
    version: str | None = None
    digest: str | None = None

    @property
    def event_id(self) -> str:
        """Name of the result: the same for the same content."""
        text = json.dumps(self.content, sort_keys=True, separators=(",", ":"))
        parts = (self.kind, self.subject, self.version or "", hashlib.sha256(text.encode()).hexdigest())
        return "/".join(part for part in parts if part)


def seal_report(report: EvaluationReport, card: str) -> SealedResult:
    """Return the whole report, and the model card that was written from it, with its digest."""
    subject = report.subject
    return SealedResult(
        kind=EVALUATED,
        subject=subject.name,
        version=subject.version,
        digest=subject.digest,
        content={"report": report.to_dict(), "card_digest": digest_text(card), "card": card},
    )


def seal_quality(counts: Mapping[str, Any]) -> SealedResult:
    """Return the counts of all judged tables, each ``QualityCounts``: the rows of ``audit.data_quality``."""
    rows = [list(row) for table in sorted(counts) for row in counts[table].to_rows()]
    return SealedResult(kind=JUDGED, subject=QUALITY, content={"rows": rows})


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text, whichever line ends and blank lines at its end a file has given it."""
    return hashlib.sha256("\n".join(text.splitlines()).rstrip().encode()).hexdigest()


def record_result(
    ledger: AuditLedger, result: SealedResult, *, actor: Actor, now: datetime | None = None
) -> AuditRecord:
    """Return the record of ``result``; the same as the newest about its subject is recorded already.

    A result that comes again after another one is a new record: the newest is what counts.
    """
    records = _about(ledger.read(), result.kind, result.subject, result.version)
    same = [record for record in records if record.event_id.partition("#")[0] == result.event_id]
    if same and same[-1] is records[-1]:
        return same[-1]
    event = AuditEvent(
        event_id=f"{result.event_id}#{len(records)}" if same else result.event_id,
        kind=result.kind,
        subject=result.subject,
        version=result.version,
        digest=result.digest,
        actor=identify_actor(actor).name,
        assurance=identify_actor(actor).assurance,
        occurred_at=now or datetime.now(UTC),
        evidence=result.content,
    )
    (record,) = ledger.append([event])
    return record


def _about(records: Iterable[AuditRecord], kind: str, subject: str, version: str | None = None) -> list[AuditRecord]:
    return [each for each in records if (each.kind, each.subject, each.version) == (kind, subject, version)]


@dataclass(frozen=True, kw_only=True)
class SealedEvaluation:
    """The newest evaluation of one version, as it was recorded.

    Attributes:
        report: The whole report.
        card_digest: Digest of the model card that was written from it; see :func:`digest_text`.
        record: Hash of the record: a decision names it.
        card: The card itself; empty in a record from before it was kept.
        other_cards: Digests of the cards of other evaluations on record.
    """

    report: EvaluationReport
    card_digest: str
    record: str
    card: str = ""
    other_cards: frozenset[str] = frozenset()

    def choose_card(self, shown: str) -> str:
        """Return the card to judge: ``shown``, the file, unless that is of another evaluation, which came since."""
        return self.card if self.card and digest_text(shown) in self.other_cards else shown


def find_evaluation(records: Sequence[AuditRecord], name: str, version: str) -> SealedEvaluation:
    """Return the newest evaluation of a version.

    Raises:
        AuditError: If none is on record.
    """
    found = _about(records, EVALUATED, name, version)
    if not found:
        raise AuditError.no_evaluation(name, version)
    content = found[-1].read_evidence()
    return SealedEvaluation(
        report=EvaluationReport.from_dict(content["report"]),
        card_digest=str(content["card_digest"]),
        record=found[-1].hash,
        card=str(content.get("card") or ""),
        other_cards=frozenset(
            str(each.read_evidence()["card_digest"]) for each in records if each.kind == EVALUATED and each != found[-1]
        ),
    )


def find_quality(records: Iterable[AuditRecord]) -> list[TableQuality]:
    """Return the newest counts of each table, of all rules together; none if none was judged."""
    newest: dict[str, TableQuality] = {}
    for record in _about(records, JUDGED, QUALITY):
        for table, rule, rows, _, broken_share in record.read_evidence()["rows"]:
            if rule == ANY_RULE:
                newest[table] = TableQuality(table=table, rows=int(rows), broken_share=float(broken_share))
    return list(newest.values())


@dataclass(frozen=True, kw_only=True)
class RegisteredFacts:
    """What the ledger holds of a version's registration.

    Attributes:
        digest: SHA-256 of its files, or None if unknown.
        tags: Tags that it was registered with; None in a record from before they were kept.
        description: What it was described as; None likewise.
    """

    digest: str | None = None
    tags: Mapping[str, str] | None = field(default=None)
    description: str | None = None


def find_registered(records: Iterable[AuditRecord], name: str, version: str) -> RegisteredFacts | None:
    """Return what is on record of a version's registration, or None if it is not."""
    for record in records:
        kinds = {event_types.REGISTERED, event_types.COPIED}
        if record.kind in kinds and (record.subject, record.version) == (name, version):
            evidence = record.read_evidence()
            return RegisteredFacts(
                digest=record.digest, tags=evidence.get("tags"), description=evidence.get("description")
            )
    return None


def use_registered(model: LoadedModel, records: Sequence[AuditRecord]) -> LoadedModel:
    """Return ``model`` with the tags and the description that the ledger has of its registration.

    Whatever was changed in the registry since counts for nothing. Other tags, which people add, stay; so does
    everything of a version whose registration is not on record.

    Raises:
        UntrustedModelError: If the files are not those that were registered, whatever digest the registry shows.
    """
    found = find_registered(records, model.name, model.version)
    if found is not None and found.digest is not None and found.digest != digest_of(model.files):
        raise UntrustedModelError.other_digest(model.name, found.digest, digest_of(model.files))
    if found is None or found.tags is None:
        return model
    others = {key: value for key, value in model.tags.items() if key not in REGISTERED_TAGS}
    return replace(model, tags={**others, **found.tags}, description=found.description or model.description)


def use_registered_or_none(model: LoadedModel | NoModel, records: Sequence[AuditRecord]) -> LoadedModel | NoModel:
    """Return the same for a model that there may not be."""
    return use_registered(model, records) if isinstance(model, LoadedModel) else model
