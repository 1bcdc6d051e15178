"""The events of the ledger, projected onto the state of the models that they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditRecord
from boathouse.lifecycle.state import (
    ARCHIVED,
    CHALLENGER,
    CHAMPION,
    COMPLIANT,
    FAILED,
    PASSED,
    PREVIOUS,
    TARGETS,
    Approval,
    Check,
    Comment,
    ModelState,
    ModelVersion,
    Request,
    Stop,
)

Step = Callable[[ModelState, AuditRecord, dict[str, Any]], ModelState]


def project_events(records: Iterable[AuditRecord], *, name: str) -> ModelState:
    """Return the state of the model ``name`` after ``records``, which may be about other models too.

    A record of a step of a version that was never registered registers it: so a ledger that begins late can be read. A
    refusal is no step.
    """
    state = ModelState(name=name)
    for record in records:
        if record.subject == name:
            state = _add_record(state, record)
    return state


def project_since(records: Iterable[AuditRecord], shown: int, *, name: str) -> list[ModelState]:
    """Return the states of the model ``name`` that its registry may show: after ``shown`` of its records, and since.

    Of a registry that shows no record these are the states without any and with all.
    """
    states = [ModelState(name=name)]
    for record in records:
        if record.subject == name:
            states.append(_add_record(states[-1], record))
    return [states[0], states[-1]] if shown == 0 else states[min(shown, len(states) - 1) :]


def _add_record(state: ModelState, record: AuditRecord) -> ModelState:
    known = state if record.kind in event_types.NO_REGISTRATION else _know_version(state, record)
    return replace(_STEPS[record.kind](known, record, record.read_evidence()), records=state.records + 1)


def project_all_events(records: Iterable[AuditRecord]) -> dict[str, ModelState]:
    """Return the state of every model that has a version by ``records``, by name.

    A refusal may name a model that there never was.
    """
    by_name: dict[str, list[AuditRecord]] = {}
    for record in records:
        by_name.setdefault(record.subject, []).append(record)
    states = {name: project_events(own, name=name) for name, own in sorted(by_name.items())}
    return {name: state for name, state in states.items() if state.versions}


def _know_version(state: ModelState, record: AuditRecord) -> ModelState:
    if record.version is None or record.version in state.versions:
        return state
    version = ModelVersion(
        version=record.version,
        digest=record.digest,
        trained_by=record.actor,
        trained_with=record.vouched_by,
        registered_at=record.occurred_at,
        moved_at=record.occurred_at,
    )
    return replace(state, versions={**state.versions, record.version: version})


def _change(state: ModelState, version: str | None, **changes: Any) -> ModelState:  # noqa: ANN401 - fields of a version
    """Return ``state`` with fields of one version replaced; of none, or of one that is not known, as it is."""
    if version is None or version not in state.versions:
        return state
    return replace(state, versions={**state.versions, version: replace(state.versions[version], **changes)})


def _leave(state: ModelState, version: str) -> ModelState:
    """Return ``state`` with ``version`` at no alias."""
    return replace(
        state,
        challengers=tuple(each for each in state.challengers if each != version),
        champion=None if state.champion == version else state.champion,
        previous=None if state.previous == version else state.previous,
    )


def _close(state: ModelState, version: str, how: str, *, to: str | None = None) -> ModelState:
    """Return ``state`` with the open requests for ``version`` closed, all or those to ``to``."""
    closed = [
        replace(each, closed=how) if not each.closed and each.version == version and to in {None, each.to} else each
        for each in state.requests
    ]
    return replace(state, requests=tuple(closed))


def _register(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    source = f"{evidence['source']}/{evidence['source_version']}" if record.kind == event_types.COPIED else None
    return _change(
        state,
        record.version,
        digest=record.digest,
        trained_by=str(evidence.get("trained_by") or record.actor),
        trained_with=str(evidence.get("trained_with") or record.vouched_by),
        registered_at=record.occurred_at,
        source=source,
        code=evidence.get("code"),
    )


def _check(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    outcome, waits = str(evidence["outcome"]), bool(evidence.get("waits_for_approval"))
    # Records of before hold both steps in one: promoted, kept or rejected.
    former = {"promoted": PASSED, "kept": PASSED if waits else FAILED}
    check = Check(
        outcome={PASSED: COMPLIANT, FAILED: "rejected"}.get(outcome, outcome),
        champion=evidence.get("champion"),
        digest=record.digest,
        at=record.occurred_at,
        gates=tuple(evidence.get("gates", ())),
        reason=record.comment,
        waits=waits,
        comparison=former.get(outcome, ""),
    )
    return replace(_change(state, record.version, check=check), judged=record.version)


def _compare(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    """Return ``state`` with the comparison added to the version's check; a challenger has its stage for that reason."""
    version = state.versions[str(record.version)]
    checked = version.check.gates if version.check and version.check.outcome == COMPLIANT else ()
    result, waits = str(evidence["outcome"]), bool(evidence.get("waits_for_approval"))
    check = Check(
        outcome="promoted" if result == PASSED and not waits else "kept",
        champion=evidence.get("champion"),
        digest=record.digest,
        at=record.occurred_at,
        gates=(*checked, *evidence.get("gates", ())),
        reason=record.comment,
        waits=waits,
        comparison=result,
    )
    reason = record.comment if version.stage == CHALLENGER else version.reason
    return replace(_change(state, record.version, check=check, reason=reason), judged=record.version)


def _request(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    request = Request(
        request_id=record.event_id,
        version=str(record.version),
        to=str(evidence["to"]),
        by=record.actor,
        at=record.occurred_at,
        comment=record.comment,
        assurance=record.vouched_by,
    )
    return replace(state, requests=(*state.requests, request))


def _approve(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    approval = Approval(
        by=record.actor,
        at=record.occurred_at,
        digest=record.digest,
        comment=record.comment,
        assurance=record.vouched_by,
        account=str(evidence.get("account") or ""),
    )
    approved = [
        replace(each, approvals=(*each.approvals, approval)) if each.request_id == evidence["request"] else each
        for each in state.requests
    ]
    return replace(state, requests=tuple(approved))


def _reject(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    how = f"rejected by {evidence.get('by') or record.who}"
    closed = [replace(each, closed=how) if each.request_id == evidence["request"] else each for each in state.requests]
    return replace(state, requests=tuple(closed))


def _promote(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    version, stage = str(record.version), str(evidence["stage"])
    target = next(target for target, reached in TARGETS.items() if reached == stage)
    request = state.find_request(version, target)
    approved_by = ", ".join(each.who for each in request.approvals) if request and not request.closed else ""
    # A champion needs no staging any more.
    state = _close(state, version, f"carried out by {record.who}", to=target if stage == CHALLENGER else None)
    state = _change(state, version, approved_by=approved_by)
    if stage == CHALLENGER:
        return _make_challenger(state, record)
    return _make_champion(state, record, previous=state.previous if state.champion == version else state.champion)


def _keep(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    return _make_challenger(state, record)


def _make_challenger(state: ModelState, record: AuditRecord) -> ModelState:
    version = str(record.version)
    state = _leave(state, version)
    state = replace(state, challengers=(*state.challengers, version))
    return _stage(state, version, CHALLENGER, record)


def _make_champion(state: ModelState, record: AuditRecord, *, previous: str | None) -> ModelState:
    """Return ``state`` with the record's version as champion and ``previous`` as what rollback goes to.

    The version that was previous before is archived: rollback goes one step.
    """
    version, older = str(record.version), state.previous
    state = _leave(state, version)
    state = replace(state, champion=version, previous=previous, rolled_back=None, stopped=None)
    if older is not None and older != version:
        state = _stage(state, older, ARCHIVED, record, reason=f"Superseded when {version} became champion.")
    if previous is not None:
        state = _stage(state, previous, PREVIOUS, record, reason=f"Replaced by {version}.")
    return _change(_stage(state, version, CHAMPION, record), version, was_champion=True)


def _stage(
    state: ModelState, version: str, stage: str, record: AuditRecord, *, reason: str | None = None
) -> ModelState:
    why = record.comment if reason is None else reason
    return _change(state, version, stage=stage, reason=why, moved_at=record.occurred_at)


def _archive(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    version = str(record.version)
    state = _close(_leave(state, version), version, f"version archived by {record.who}")
    return _stage(state, version, ARCHIVED, record)


def _roll_back(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:
    # After a stop there is no champion to roll back from: the evidence names the stopped version, archived already.
    old, new, present = str(evidence["from"]), str(evidence["to"]), state.champion
    state = _make_champion(_close(state, old, f"rolled back by {record.who}"), record, previous=None)
    # They are the same but for a record that no rule of ours let pass.
    for replaced in {old, present} - {new, None}:
        why = f"Archived by a rollback to {new}: {record.comment}"
        state = _stage(_leave(state, str(replaced)), str(replaced), ARCHIVED, record, reason=why)
    return replace(state, rolled_back=(old, new, record.who, record.occurred_at))


def _stop(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    version = str(record.version)
    stop = Stop(version=version, by=record.who, at=record.occurred_at, reason=record.comment)
    state = _close(_leave(state, version), version, f"stopped by {record.who}")
    state = _stage(state, version, ARCHIVED, record, reason=f"Stopped by {record.who}: {record.comment}")
    return replace(state, stopped=stop if state.champion is None else None, rolled_back=None)


def _comment(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    comment = Comment(by=record.who, at=record.occurred_at, text=record.comment)
    return _change(state, record.version, comments=(*state.versions[str(record.version)].comments, comment))


def _ignore(state: ModelState, record: AuditRecord, evidence: dict[str, Any]) -> ModelState:  # noqa: ARG001 - a step
    return state


_STEPS: dict[str, Step] = {
    event_types.CREATED: _ignore,
    event_types.REGISTERED: _register,
    event_types.CHECKED: _check,
    event_types.COMPARED: _compare,
    event_types.REQUESTED: _request,
    event_types.APPROVED: _approve,
    event_types.REJECTED: _reject,
    event_types.PROMOTED: _promote,
    event_types.KEPT: _keep,
    event_types.ARCHIVED: _archive,
    event_types.ROLLED_BACK: _roll_back,
    event_types.STOPPED: _stop,
    event_types.COPIED: _register,
    event_types.COMMENTED: _comment,
    event_types.REFUSED: _ignore,
    event_types.DIFFERED: _ignore,
    event_types.SYNCED: _ignore,
}
