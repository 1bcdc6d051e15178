"""The record of alerts: one table of events, and what persons do to an alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.errors import BoathouseError
from boathouse.lifecycle.chain import AUDIT_COLUMNS, AuditEvent
from boathouse.lifecycle.ledger import open_ledger
from boathouse.lifecycle.policy import Actor, identify_actor
from boathouse.monitoring.alert_state import (
    ACKNOWLEDGED,
    MUTED,
    RESOLVED,
    UNMUTED,
    AlertState,
    project_alerts,
)
from boathouse.tables.contract import TableContract

if TYPE_CHECKING:
    from datetime import date, datetime

    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.tables.location import TableLocation

ALERT_EVENTS = TableContract(
    name="monitoring.alert_events",
    description="What happened to every alert and every retraining, and every attempt to tell somebody; append only.",
    grain="one row per event",
    columns=AUDIT_COLUMNS,
    keys=("sequence",),
    time_column="occurred_at",
)


def open_alert_ledger(location: TableLocation) -> AuditLedger:
    """Return the table of events at ``location``.

    It is appended to like the audit tables, one writer at a time and each event once; its head is anchored nowhere,
    since nothing is decided about a model from it.
    """
    return open_ledger(location, ())


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a person does to an alert.

    Attributes:
        actor: Who.
        now: When, UTC.
        comment: Why.
    """

    actor: Actor
    now: datetime
    comment: str = ""


def find_alert(states: dict[str, AlertState], alert_id: str) -> AlertState:
    """Return the alert whose id is, or begins with, ``alert_id``.

    Raises:
        BoathouseError: If there is none, or more than one; lists those that are not resolved.
    """
    found = [state for name, state in states.items() if alert_id and name.startswith(alert_id)]
    if len(found) == 1:
        return found[0]
    active = ", ".join(sorted(name for name, state in states.items() if state.is_active)) or "none"
    problem = "no alert" if not found else f"{len(found)} alerts"
    raise BoathouseError(
        f"Expected the id of one alert, found {problem} for '{alert_id}'. Open: {active}. "
        "All of them: boathouse alerts list --all"
    )


def acknowledge(ledger: AuditLedger, alert_id: str, step: Step) -> AlertState:
    """Record that somebody looks after an alert; it is not told again until it is resolved and comes back.

    Raises:
        BoathouseError: If there is no such alert, or it is resolved.
    """
    return _record(ledger, alert_id, ACKNOWLEDGED, step, {})


def mute(ledger: AuditLedger, alert_id: str, step: Step, *, until: date) -> AlertState:
    """Record that an alert is told to no person before ``until``; it is measured and listed all the same.

    Raises:
        BoathouseError: If there is no such alert, or ``until`` is not after the day of the step.
    """
    if until <= step.now.date():
        raise BoathouseError(
            f"Expected a day after {step.now.date()} to mute until, found {until}: nothing would be muted. "
            "To end it now: boathouse alerts mute ID --off"
        )
    return _record(ledger, alert_id, MUTED, step, {"until": until.isoformat()})


def unmute(ledger: AuditLedger, alert_id: str, step: Step) -> AlertState:
    """Record that a muted alert is told again.

    Raises:
        BoathouseError: If there is no such alert, or it is not muted.
    """
    return _record(ledger, alert_id, UNMUTED, step, {})


def resolve(ledger: AuditLedger, alert_id: str, step: Step) -> AlertState:
    """Record that an alert is done with; a newer window beyond the limit opens it again.

    Raises:
        BoathouseError: If there is no such alert, or it is resolved.
    """
    return _record(ledger, alert_id, RESOLVED, step, {})


def _record(ledger: AuditLedger, alert_id: str, kind: str, step: Step, evidence: dict[str, Any]) -> AlertState:
    """Append the event unless the alert is in that state already, and return the alert after it."""
    states = project_alerts(ledger.read())
    state = find_alert(states, alert_id)
    if _is_done(state, kind, step, evidence):
        return state
    _require_step(state, kind, step)
    who = identify_actor(step.actor)
    event = AuditEvent(
        event_id=f"{state.alert_id}/{kind}/{state.changes}",
        kind=kind,
        subject=state.alert_id,
        actor=who.name,
        assurance=who.assurance,
        occurred_at=step.now,
        comment=step.comment,
        evidence=evidence,
    )
    ledger.append([event])
    return project_alerts(ledger.read())[state.alert_id]


def _is_done(state: AlertState, kind: str, step: Step, evidence: dict[str, Any]) -> bool:
    if kind == ACKNOWLEDGED:
        return state.phase == "acknowledged" and state.changed_by == identify_actor(step.actor).name
    until = state.muted_until.isoformat() if state.muted_until else ""
    return kind == MUTED and evidence["until"] == until


def _require_step(state: AlertState, kind: str, step: Step) -> None:
    """Raise if the state does not allow the step.

    Raises:
        BoathouseError: Naming the state and who made it so.
    """
    if kind == UNMUTED and not state.is_muted(step.now.date()):
        raise BoathouseError(f"Expected a muted alert, found {state.alert_id} not muted. Nothing was recorded.")
    if kind in {ACKNOWLEDGED, RESOLVED} and not state.is_active:
        raise BoathouseError(
            f"Expected an alert that is not resolved, found {state.alert_id} resolved on {state.resolved_on} by "
            f"{state.changed_by}. Nothing was recorded; it opens again by itself if it comes back."
        )
