"""The state of one registered model, told by its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.event_types import CHALLENGER, CHAMPION, NONE, PREVIOUS


@dataclass(frozen=True, kw_only=True)
class Check:
    """A decision of the gates.

    Attributes:
        outcome: ``promoted``, ``kept`` or ``rejected``.
        champion: Version it was held against, or None.
        digest: Digest of the version's files that was judged, or None if unknown.
        at: When, UTC.
        gates: Every gate that was not off, as plain values.
        reason: Why, in one sentence.
        waits: Whether it is kept only because nobody has approved it yet.
    """

    outcome: str
    champion: str | None
    digest: str | None
    at: datetime
    gates: tuple[Mapping[str, Any], ...] = ()
    reason: str = ""
    waits: bool = False

    @property
    def passed(self) -> bool:
        """Whether the gates let it become champion, once it is approved where that is asked."""
        return self.outcome == "promoted" or self.waits


@dataclass(frozen=True, kw_only=True)
class VersionState:
    """One version.

    Attributes:
        version: Version as text.
        digest: Digest of its files when it was registered, or None.
        stage: Of :data:`boathouse.lifecycle.event_types.STAGES`.
        trained_by: Who ran the training.
        registered_at: When, UTC.
        check: The newest decision of the gates, or None.
        was_champion: Whether it ever was in charge: rollback may go there.
        reason: Why it has its stage, in one sentence.
        source: Name and version that it was copied from, ``name/version``, or None.
        approved_by: Who approved the step that brought it to its stage, comma-separated, or empty.
        moved_at: When it came to its stage, UTC.
    """

    version: str
    digest: str | None
    stage: str = NONE
    trained_by: str
    registered_at: datetime
    check: Check | None = None
    was_champion: bool = False
    reason: str = ""
    source: str | None = None
    approved_by: str = ""
    moved_at: datetime


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One person's yes to a request.

    Attributes:
        by: Who.
        at: When, UTC.
        digest: Digest of the version's files that was approved, or None.
        comment: Why.
    """

    by: str
    at: datetime
    digest: str | None
    comment: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """A wish to move a version.

    Attributes:
        request_id: Id of its record.
        version: Version to be moved.
        to: ``staging`` or ``production``.
        by: Who asked.
        at: When, UTC.
        comment: Why.
        approvals: In order.
        closed: What ended it, as ``rejected by vera``; empty while it is open.
    """

    request_id: str
    version: str
    to: str
    by: str
    at: datetime
    comment: str
    approvals: tuple[Approval, ...] = ()
    closed: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """One registered model.

    Attributes:
        name: Registered name.
        versions: By version, in the order of registration.
        requests: In order, closed ones too.
        challengers: Versions that are challenger, in the order in which they became it.
        champion: Version in charge, or None.
        previous: Version that rollback goes to, or None.
        rolled_back: What the last change of champion was if it was a rollback: ``(from, to, by, at)``.
        judged: The version that the gates decided on last, or None.
        records: How many records it rests on.
    """

    name: str
    versions: Mapping[str, VersionState] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    challengers: tuple[str, ...] = ()
    champion: str | None = None
    previous: str | None = None
    rolled_back: tuple[str, str, str, datetime] | None = None
    judged: str | None = None
    records: int = 0

    @property
    def challenger(self) -> str | None:
        """The version that became challenger last and still is."""
        return self.challengers[-1] if self.challengers else None

    @property
    def aliases(self) -> dict[str, str]:
        """Aliases as the registry has to have them."""
        found = {CHAMPION: self.champion, CHALLENGER: self.challenger, PREVIOUS: self.previous}
        return {alias: version for alias, version in found.items() if version is not None}

    @property
    def is_updated(self) -> bool:
        """Whether the version that the gates decided on last is in charge: what a deployment passes on."""
        return self.judged is not None and self.judged == self.champion

    @property
    def open_requests(self) -> tuple[Request, ...]:
        """Requests that nobody has decided yet."""
        return tuple(request for request in self.requests if not request.closed)

    def find_request(self, version: str, to: str | None = None) -> Request | None:
        """Return the newest request for ``version``, of all or of those to ``to``; an open one before closed ones."""
        found = [each for each in self.requests if each.version == version and to in {None, each.to}]
        return max(found, key=lambda each: (not each.closed, each.at), default=None)


Step = Callable[[ModelState, AuditRecord, dict[str, Any]], ModelState]


def project_events(records: Iterable[AuditRecord], *, name: str) -> ModelState:
    """Return the state of the model ``name`` after ``records``, which may tell of other models too.

    A record about a version that was never registered registers it: a ledger that begins late is told as far
    as it goes.
    """
    life = ModelState(name=name)
    for record in records:
        if record.subject != name:
            continue
        evidence = record.read_evidence()
        known = _know_version(life, record) if record.kind != event_types.REFUSED else life
        life = replace(_STEPS[record.kind](known, record, evidence), records=life.records + 1)
    return life


def project_all_events(records: Iterable[AuditRecord]) -> dict[str, ModelState]:
    """Return the state of every model that ``records`` tell of, by name."""
    by_name: dict[str, list[AuditRecord]] = {}
    for record in records:
        by_name.setdefault(record.subject, []).append(record)
    return {name: project_events(found, name=name) for name, found in sorted(by_name.items())}


def _know_version(life: ModelState, record: AuditRecord) -> ModelState:
    if record.version is None or record.version in life.versions:
        return life
    found = VersionState(
        version=record.version,
        digest=record.digest,
        trained_by=record.actor,
        registered_at=record.occurred_at,
        moved_at=record.occurred_at,
    )
    return replace(life, versions={**life.versions, record.version: found})


def _change(life: ModelState, version: str | None, **changes: Any) -> ModelState:  # noqa: ANN401 - fields of a version
    """Return ``life`` with fields of one version replaced; of none, or of one that is not known, as it is."""
    if version is None or version not in life.versions:
        return life
    return replace(life, versions={**life.versions, version: replace(life.versions[version], **changes)})


def _leave(life: ModelState, version: str) -> ModelState:
    """Return ``life`` with ``version`` at no alias."""
    return replace(
        life,
        challengers=tuple(each for each in life.challengers if each != version),
        champion=None if life.champion == version else life.champion,
        previous=None if life.previous == version else life.previous,
    )


def _close(life: ModelState, version: str, how: str, *, to: str | None = None) -> ModelState:
    """Return ``life`` with the open requests for ``version`` closed, all or those to ``to``."""
    closed = [
        replace(each, closed=how) if not each.closed and each.version == version and to in {None, each.to} else each
        for each in life.requests
    ]
    return replace(life, requests=tuple(closed))


def _register(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    source = f"{evidence['source']}/{evidence['source_version']}" if record.kind == event_types.COPIED else None
    return _change(
        life,
        record.version,
        digest=record.digest,
        trained_by=str(evidence.get("trained_by") or record.actor),
        registered_at=record.occurred_at,
        source=source,
    )


def _check(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    check = Check(
        outcome=str(evidence["outcome"]),
        champion=evidence.get("champion"),
        digest=record.digest,
        at=record.occurred_at,
        gates=tuple(evidence.get("gates", ())),
        reason=record.comment,
        waits=bool(evidence.get("waits_for_approval")),
    )
    return replace(_change(life, record.version, check=check), judged=record.version)


def _request(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    request = Request(
        request_id=record.event_id,
        version=str(record.version),
        to=str(evidence["to"]),
        by=record.actor,
        at=record.occurred_at,
        comment=record.comment,
    )
    return replace(life, requests=(*life.requests, request))


def _approve(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    approval = Approval(by=record.actor, at=record.occurred_at, digest=record.digest, comment=record.comment)
    approved = [
        replace(each, approvals=(*each.approvals, approval)) if each.request_id == evidence["request"] else each
        for each in life.requests
    ]
    return replace(life, requests=tuple(approved))


def _reject(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    closed = [
        replace(each, closed=f"rejected by {record.actor}") if each.request_id == evidence["request"] else each
        for each in life.requests
    ]
    return replace(life, requests=tuple(closed))


def _promote(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    version, stage = str(record.version), str(evidence["stage"])
    target = next(target for target, reached in event_types.TARGETS.items() if reached == stage)
    request = life.find_request(version, target)
    approved_by = ", ".join(each.by for each in request.approvals) if request and not request.closed else ""
    life = _close(life, version, f"carried out by {record.actor}", to=target)
    life = _change(life, version, approved_by=approved_by)
    if stage == event_types.CHALLENGER:
        return _make_challenger(life, record)
    return _put_in_charge(life, record, previous=life.previous if life.champion == version else life.champion)


def _keep(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    return _make_challenger(life, record)


def _make_challenger(life: ModelState, record: AuditRecord) -> ModelState:
    version = str(record.version)
    life = _leave(life, version)
    life = replace(life, challengers=(*life.challengers, version))
    return _stage(life, version, event_types.CHALLENGER, record)


def _put_in_charge(life: ModelState, record: AuditRecord, *, previous: str | None) -> ModelState:
    """Return ``life`` with the record's version as champion and ``previous`` as what rollback goes to.

    Whoever was previous before is archived: rollback goes one step.
    """
    version, older = str(record.version), life.previous
    life = _leave(life, version)
    life = replace(life, champion=version, previous=previous, rolled_back=None)
    if older is not None and older != version:
        life = _stage(life, older, event_types.WITHDRAWN, record, reason=f"Superseded when {version} took charge.")
    if previous is not None:
        life = _stage(life, previous, event_types.PREVIOUS, record, reason=f"Replaced by {version}.")
    return _change(_stage(life, version, event_types.CHAMPION, record), version, was_champion=True)


def _stage(life: ModelState, version: str, stage: str, record: AuditRecord, *, reason: str | None = None) -> ModelState:
    why = record.comment if reason is None else reason
    return _change(life, version, stage=stage, reason=why, moved_at=record.occurred_at)


def _archive(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    version = str(record.version)
    life = _close(_leave(life, version), version, f"version archived by {record.actor}")
    return _stage(life, version, event_types.WITHDRAWN, record)


def _roll_back(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    old, new, present = str(evidence["from"]), str(evidence["to"]), life.champion
    life = _put_in_charge(_close(life, old, f"rolled back by {record.actor}"), record, previous=None)
    # They are the same but for a record that no rule of ours let pass.
    for withdrawn in {old, present} - {new, None}:
        why = f"Withdrawn by a rollback to {new}: {record.comment}"
        life = _stage(_leave(life, str(withdrawn)), str(withdrawn), event_types.WITHDRAWN, record, reason=why)
    return replace(life, rolled_back=(old, new, record.actor, record.occurred_at))


def _ignore(life: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    return life


_STEPS: dict[str, Step] = {
    event_types.REGISTERED: _register,
    event_types.CHECKED: _check,
    event_types.REQUESTED: _request,
    event_types.APPROVED: _approve,
    event_types.REJECTED: _reject,
    event_types.PROMOTED: _promote,
    event_types.KEPT: _keep,
    event_types.ARCHIVED: _archive,
    event_types.ROLLED_BACK: _roll_back,
    event_types.COPIED: _register,
    event_types.REFUSED: _ignore,
}
