"""States of alerts: what the events on record say, and which events follow from findings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.policy import Actor, identify_actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.monitoring.diagnosis import Diagnosis
    from boathouse.monitoring.judging import Finding

OPENED, SEEN, REOPENED = "opened", "seen", "reopened"
ACKNOWLEDGED, MUTED, UNMUTED, RESOLVED = "acknowledged", "muted", "unmuted", "resolved"
# Events that say that the figure is beyond its limit.
RAISING = (OPENED, SEEN, REOPENED)
# Every kind that says something of an alert; the table of events holds those of deliveries and retraining besides.
ALERT_KINDS = (*RAISING, ACKNOWLEDGED, MUTED, UNMUTED, RESOLVED)
# Events that only a change of the state leaves; their number is part of the id of the next one.
_CHANGING = (OPENED, REOPENED, ACKNOWLEDGED, MUTED, UNMUTED, RESOLVED)
State = Literal["open", "acknowledged", "resolved", "muted"]
# Significant digits of figures in events: the same figures from another engine may differ in the last one.
_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class AlertState:
    """One alert as its events leave it.

    Attributes:
        alert_id: Of its rule, subject and scope.
        content: What the newest raising event holds: rule, kind, metric, subject, scope, severity, value, limit, owner,
            runbook, action, message and the evidence.
        first_seen: As-of date of the first event since it was opened or opened again.
        last_seen: As-of date of the newest event that raised it.
        window_ends: Ends of the windows beyond the limit since ``first_seen``.
        phase: ``open``, ``acknowledged`` or ``resolved``.
        changed_by: Who made it so.
        comment: Why, in their words.
        resolved_on: As-of date, or day, on which it was resolved; None while it is not.
        by_person: Whether a person resolved it.
        muted_until: First day on which it is told again; None if it is not muted.
        changes: Events that changed its state.
        closed_window: End of the newest window when it was resolved; empty while it is not.
    """

    alert_id: str
    content: Mapping[str, Any] = field(default_factory=dict)
    first_seen: date = date.min
    last_seen: date = date.min
    window_ends: frozenset[str] = frozenset()
    phase: Literal["open", "acknowledged", "resolved"] = "open"
    changed_by: str = ""
    comment: str = ""
    resolved_on: date | None = None
    by_person: bool = False
    muted_until: date | None = None
    changes: int = 0
    closed_window: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is not resolved."""
        return self.phase != "resolved"

    @property
    def windows(self) -> int:
        """Windows beyond the limit since ``first_seen``."""
        return len(self.window_ends)

    def is_muted(self, day: date) -> bool:
        """Return whether it is muted on ``day``; it is told again on ``muted_until``."""
        return self.muted_until is not None and day < self.muted_until

    def name_state(self, day: date) -> State:
        """Return the state on ``day``."""
        return "muted" if self.is_active and self.is_muted(day) else self.phase

    def read(self, name: str) -> str:
        """Return a text of its content; empty if there is none."""
        return str(self.content.get(name) or "")


def project_alerts(records: Iterable[AuditRecord], *, until: date | None = None) -> dict[str, AlertState]:
    """Return every alert by its id, as ``records`` leave it.

    Events of two runs beside each other may stand in any order: an event of an earlier as-of date takes nothing back.

    Args:
        records: Of the table of events, in their order.
        until: Leaves out what followed the first event of a later as-of date; None for all.
    """
    found: dict[str, AlertState] = {}
    for record in records:
        evidence = record.read_evidence()
        day = read_as_of(evidence)
        if until is not None and day is not None and day > until:
            break
        if record.kind in ALERT_KINDS:
            before = found.get(record.subject, AlertState(alert_id=record.subject))
            found[record.subject] = _apply(before, record, evidence)
    return found


def read_as_of(evidence: Mapping[str, Any]) -> date | None:
    """Return the as-of date of an event that a run left, or None of a person's."""
    text = evidence.get("as_of")
    return date.fromisoformat(text) if text else None


def find_newest(records: Iterable[AuditRecord]) -> date | None:
    """Return the newest as-of date on record, or None."""
    return max(filter(None, (read_as_of(record.read_evidence()) for record in records)), default=None)


def _apply(state: AlertState, record: AuditRecord, evidence: Mapping[str, Any]) -> AlertState:
    day = read_as_of(evidence)
    after = replace(state, changes=state.changes + (record.kind in _CHANGING))
    who: dict[str, Any] = {"changed_by": record.actor, "comment": record.comment}
    if record.kind in RAISING and day is not None:
        after = _raise(after, record.kind, day, evidence)
    elif record.kind == RESOLVED and (day is None or day >= state.last_seen):
        closed: dict[str, Any] = {"by_person": day is None, "closed_window": max(state.window_ends, default="")}
        on = day or record.occurred_at.date()
        after = replace(after, phase="resolved", resolved_on=on, **closed, **who)
    elif record.kind == ACKNOWLEDGED and state.is_active:
        after = replace(after, phase="acknowledged", **who)
    elif record.kind in {MUTED, UNMUTED}:
        until = date.fromisoformat(str(evidence["until"])) if record.kind == MUTED else None
        after = replace(after, muted_until=until)
    return after


def _raise(state: AlertState, kind: str, day: date, evidence: Mapping[str, Any]) -> AlertState:
    again = kind == REOPENED and not state.is_active
    ends = frozenset() if again else state.window_ends
    newest = day >= state.last_seen
    return replace(
        state,
        content=dict(evidence) if newest else state.content,
        first_seen=day if again or not state.content else min(state.first_seen, day),
        last_seen=max(state.last_seen, day),
        window_ends=ends | {str(evidence["window_end"])},
        phase="open" if again else state.phase,
        resolved_on=None if again else state.resolved_on,
        by_person=state.by_person and not again,
        changed_by="" if again else state.changed_by,
        comment="" if again else state.comment,
        closed_window="" if again else state.closed_window,
    )


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """The run that judges.

    Attributes:
        as_of: Cutoff of the data visible to it.
        now: When it runs, UTC.
        actor: Who runs it.
    """

    as_of: date
    now: datetime
    actor: Actor


def plan_events(
    findings: Sequence[Finding],
    states: Mapping[str, AlertState],
    diagnoses: Mapping[str, Diagnosis],
    run: RunContext,
) -> list[AuditEvent]:
    """Return the events that follow from ``findings``; none for what the record says already.

    Ids are made of alert, as-of date and the changes before, so that of two runs beside each other, and of a run that
    was killed and its rerun, each event is recorded once.

    Args:
        findings: Of this run.
        states: The alerts as recorded so far.
        diagnoses: By alert id, for every finding that is told.
        run: The run.
    """
    events = []
    for finding in findings:
        state = states.get(finding.alert_id)
        if finding.is_told:
            evidence = describe_finding(finding, run.as_of) | diagnoses[finding.alert_id].to_evidence()
            kind = _choose_raise(state, evidence, run.as_of)
            if kind:
                events.append(_make_event(kind, finding.alert_id, state, evidence, run, finding.measure.detail))
        elif state is not None and state.is_active and state.last_seen <= run.as_of:
            evidence = {"as_of": run.as_of.isoformat(), "value": _round(finding.value), "limit": finding.rule.limit}
            events.append(_make_event(RESOLVED, finding.alert_id, state, evidence, run, _say_resolved(finding)))
    return events


def _choose_raise(state: AlertState | None, evidence: Mapping[str, Any], as_of: date) -> str:
    """Return the kind of the event, or nothing if the record says it already.

    What a person resolved is opened again by a newer window alone: the same figure was known to them.
    """
    if state is None or not state.content:
        return OPENED
    if not state.is_active:
        newer = str(evidence["window_end"]) > state.closed_window if state.by_person else True
        return REOPENED if newer else ""
    return "" if state.last_seen > as_of or dict(state.content) == dict(evidence) else SEEN


def _say_resolved(finding: Finding) -> str:
    if finding.superseded_by:
        return f"The rule {finding.superseded_by} says more of the same subject."
    return f"{finding.rule.metric} is {finding.value:.4g}, within the limit of {finding.rule.limit:g}."


def _make_event(
    kind: str,
    alert_id: str,
    state: AlertState | None,
    evidence: Mapping[str, Any],
    run: RunContext,
    comment: str,
) -> AuditEvent:
    changes = 0 if state is None else state.changes
    digest = hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest()[:8] if kind == SEEN else changes
    who = identify_actor(run.actor)
    return AuditEvent(
        event_id=f"{alert_id}/{run.as_of}/{kind}/{digest}",
        kind=kind,
        subject=alert_id,
        actor=who.name,
        assurance=who.assurance,
        occurred_at=run.now,
        comment=comment,
        evidence=evidence,
    )


def describe_finding(finding: Finding, as_of: date) -> dict[str, Any]:
    """Return what an event holds of a finding; plain values, figures to twelve significant digits."""
    rule, measure = finding.rule, finding.measure
    return {
        "as_of": as_of.isoformat(),
        "rule": rule.name,
        "kind": measure.kind,
        "metric": measure.metric,
        "subject": measure.subject,
        "scope": measure.scope,
        "severity": rule.severity,
        "bound": rule.bound,
        "direction": rule.direction,
        "limit": rule.limit,
        "value": _round(finding.value),
        "figure": _round(measure.value),
        "low": _round(measure.low),
        "high": _round(measure.high),
        "rows": measure.rows,
        "status": measure.status,
        "window_start": measure.window.start.isoformat(),
        "window_end": measure.window.end.isoformat(),
        "windows_beyond": finding.windows,
        "windows_looked_at": rule.windows,
        "model_version": measure.model_version,
        "compared_with": measure.compared_with,
        "owner": rule.owner,
        "runbook": rule.runbook,
        "action": rule.action,
        "message": measure.detail or _say_crossed(finding),
    }


def _say_crossed(finding: Finding) -> str:
    measure, rule = finding.measure, finding.rule
    where = "" if measure.scope == "all" else f" where {measure.scope}"
    return (
        f"{measure.metric} of {measure.subject}{where} is {finding.value:.4g}, {rule.direction} the limit of "
        f"{rule.limit:g}."
    )


def _round(value: float | None) -> float | None:
    """Return ``value`` to twelve significant digits; None for what JSON has no number for."""
    if value is None or value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return None
    return float(f"{value:.{_DIGITS}g}")
