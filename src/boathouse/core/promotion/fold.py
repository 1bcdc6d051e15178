"""From records to the state they tell: a pure fold, one small step for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from boathouse.core.audit import AuditRecord
from boathouse.core.promotion import kinds
from boathouse.core.promotion.life import Approval, Check, ModelLife, Request, VersionLife

Step = Callable[[ModelLife, AuditRecord, dict[str, Any]], ModelLife]


def fold(records: Iterable[AuditRecord], *, name: str) -> ModelLife:
    """Return the state of the model ``name`` after ``records``, which may tell of other models too.

    A record about a version that was never registered registers it: a ledger that begins late is told as far
    as it goes.
    """
    life = ModelLife(name=name)
    for record in records:
        if record.subject != name:
            continue
        evidence = record.read_evidence()
        known = _know_version(life, record) if record.kind != kinds.REFUSED else life
        life = replace(_STEPS[record.kind](known, record, evidence), records=life.records + 1)
    return life


def fold_all(records: Iterable[AuditRecord]) -> dict[str, ModelLife]:
    """Return the state of every model that ``records`` tell of, by name."""
    by_name: dict[str, list[AuditRecord]] = {}
    for record in records:
        by_name.setdefault(record.subject, []).append(record)
    return {name: fold(found, name=name) for name, found in sorted(by_name.items())}


def _know_version(life: ModelLife, record: AuditRecord) -> ModelLife:
    if record.version is None or record.version in life.versions:
        return life
    found = VersionLife(
        version=record.version,
        digest=record.digest,
        trained_by=record.actor,
        registered_at=record.occurred_at,
        moved_at=record.occurred_at,
    )
    return replace(life, versions={**life.versions, record.version: found})


def _change(life: ModelLife, version: str | None, **changes: Any) -> ModelLife:  # noqa: ANN401 - fields of a version
    """Return ``life`` with fields of one version replaced; of none, or of one that is not known, as it is."""
    if version is None or version not in life.versions:
        return life
    return replace(life, versions={**life.versions, version: replace(life.versions[version], **changes)})


def _leave(life: ModelLife, version: str) -> ModelLife:
    """Return ``life`` with ``version`` at no alias."""
    return replace(
        life,
        challengers=tuple(each for each in life.challengers if each != version),
        champion=None if life.champion == version else life.champion,
        previous=None if life.previous == version else life.previous,
    )


def _close(life: ModelLife, version: str, how: str, *, to: str | None = None) -> ModelLife:
    """Return ``life`` with the open requests for ``version`` closed, all or those to ``to``."""
    closed = [
        replace(each, closed=how) if not each.closed and each.version == version and to in {None, each.to} else each
        for each in life.requests
    ]
    return replace(life, requests=tuple(closed))


def _register(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    source = f"{evidence['source']}/{evidence['source_version']}" if record.kind == kinds.COPIED else None
    return _change(
        life,
        record.version,
        digest=record.digest,
        trained_by=str(evidence.get("trained_by") or record.actor),
        registered_at=record.occurred_at,
        source=source,
    )


def _check(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    check = Check(
        outcome=str(evidence["outcome"]),
        champion=evidence.get("champion"),
        digest=record.digest,
        at=record.occurred_at,
        gates=tuple(evidence.get("gates", ())),
        reason=record.comment,
    )
    return replace(_change(life, record.version, check=check), judged=record.version)


def _request(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    request = Request(
        request_id=record.event_id,
        version=str(record.version),
        to=str(evidence["to"]),
        by=record.actor,
        at=record.occurred_at,
        comment=record.comment,
    )
    return replace(life, requests=(*life.requests, request))


def _approve(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    approval = Approval(by=record.actor, at=record.occurred_at, digest=record.digest, comment=record.comment)
    approved = [
        replace(each, approvals=(*each.approvals, approval)) if each.request_id == evidence["request"] else each
        for each in life.requests
    ]
    return replace(life, requests=tuple(approved))


def _reject(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    closed = [
        replace(each, closed=f"rejected by {record.actor}") if each.request_id == evidence["request"] else each
        for each in life.requests
    ]
    return replace(life, requests=tuple(closed))


def _promote(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    version, stage = str(record.version), str(evidence["stage"])
    target = next(target for target, reached in kinds.TARGETS.items() if reached == stage)
    request = life.find_request(version, target)
    approved_by = ", ".join(each.by for each in request.approvals) if request and not request.closed else ""
    life = _close(life, version, f"carried out by {record.actor}", to=target)
    life = _change(life, version, approved_by=approved_by)
    if stage == kinds.CHALLENGER:
        return _make_challenger(life, record)
    return _put_in_charge(life, record, previous=life.previous if life.champion == version else life.champion)


def _keep(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:  # noqa: ARG001 - a step
    return _make_challenger(life, record)


def _make_challenger(life: ModelLife, record: AuditRecord) -> ModelLife:
    version = str(record.version)
    life = _leave(life, version)
    life = replace(life, challengers=(*life.challengers, version))
    return _stage(life, version, kinds.CHALLENGER, record)


def _put_in_charge(life: ModelLife, record: AuditRecord, *, previous: str | None) -> ModelLife:
    """Return ``life`` with the record's version as champion and ``previous`` as what rollback goes to.

    Whoever was previous before is archived: rollback goes one step.
    """
    version, older = str(record.version), life.previous
    life = _leave(life, version)
    life = replace(life, champion=version, previous=previous, rolled_back=None)
    if older is not None and older != version:
        life = _stage(life, older, kinds.WITHDRAWN, record, reason=f"Superseded when {version} took charge.")
    if previous is not None:
        life = _stage(life, previous, kinds.PREVIOUS, record, reason=f"Replaced by {version}.")
    return _change(_stage(life, version, kinds.CHAMPION, record), version, was_champion=True)


def _stage(life: ModelLife, version: str, stage: str, record: AuditRecord, *, reason: str | None = None) -> ModelLife:
    why = record.comment if reason is None else reason
    return _change(life, version, stage=stage, reason=why, moved_at=record.occurred_at)


def _archive(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:  # noqa: ARG001 - a step
    version = str(record.version)
    life = _close(_leave(life, version), version, f"version archived by {record.actor}")
    return _stage(life, version, kinds.WITHDRAWN, record)


def _roll_back(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:
    old, new, present = str(evidence["from"]), str(evidence["to"]), life.champion
    life = _put_in_charge(_close(life, old, f"rolled back by {record.actor}"), record, previous=None)
    # They are the same but for a record that no rule of ours let pass.
    for withdrawn in {old, present} - {new, None}:
        why = f"Withdrawn by a rollback to {new}: {record.comment}"
        life = _stage(_leave(life, str(withdrawn)), str(withdrawn), kinds.WITHDRAWN, record, reason=why)
    return replace(life, rolled_back=(old, new, record.actor, record.occurred_at))


def _ignore(life: ModelLife, record: AuditRecord, evidence: dict[str, Any]) -> ModelLife:  # noqa: ARG001 - a step
    return life


_STEPS: dict[str, Step] = {
    kinds.REGISTERED: _register,
    kinds.CHECKED: _check,
    kinds.REQUESTED: _request,
    kinds.APPROVED: _approve,
    kinds.REJECTED: _reject,
    kinds.PROMOTED: _promote,
    kinds.KEPT: _keep,
    kinds.ARCHIVED: _archive,
    kinds.ROLLED_BACK: _roll_back,
    kinds.COPIED: _register,
    kinds.REFUSED: _ignore,
}
