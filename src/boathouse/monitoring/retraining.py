"""When the model is to be trained again: decided from alerts, labels and time, within a cool-down and a budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from boathouse.errors import BoathouseError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.policy import Actor, identify_actor
from boathouse.monitoring.actions import STARTS_RETRAINING
from boathouse.monitoring.alert_state import OPENED, REOPENED, RESOLVED, AlertState, read_as_of
from boathouse.monitoring.judging import identify_alert
from boathouse.options import require_choice, require_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from boathouse.lifecycle.chain import AuditRecord

PROPOSED, STARTED = "retraining_proposed", "retraining_started"
SUCCEEDED, FAILED = "retraining_succeeded", "retraining_failed"
SUBJECT = "retraining"
Mode = Literal["off", "propose", "act"]
# A person starts it by its rule as well: the alert of a failed retraining.
FAILED_RULE = "retraining_failed"
FAILED_ALERT = identify_alert(FAILED_RULE, SUBJECT, "all")


@dataclass(frozen=True, kw_only=True)
class RetrainingOptions:
    """What triggers a retraining, and how often at most.

    Attributes:
        mode: ``off`` (or false, as YAML reads a bare off), ``propose`` (a person starts it), or ``act``
            (``boathouse retrain --if-proposed`` does).
        on_alerts: Whether an alert whose action is to retrain is a reason.
        new_labels: Labelled rows the champion has not seen that are a reason; 0 for never.
        new_rows: Scored rows likewise; 0 for never.
        after_days: Days since the first cohort that the champion scored that are a reason; 0 for never.
        cool_down_days: Days after a retraining was started in which none is proposed, 0 to 366.
        budget_per_quarter: Retrainings started in a calendar quarter at most, 0 to 100.
        stale_hours: Hours after which one that was started and did not end counts as failed, 1 to 168.
    """

    mode: str | bool
    on_alerts: bool
    new_labels: int
    new_rows: int
    after_days: int
    cool_down_days: int
    budget_per_quarter: int
    stale_hours: int

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_choice("retraining.mode", self.way, ("off", "propose", "act"))
        require_choice("retraining.on_alerts", str(self.on_alerts), ("True", "False"))
        for name in ("new_labels", "new_rows"):
            require_whole(f"retraining.{name}", getattr(self, name), 0, 10**12)
        require_whole("retraining.after_days", self.after_days, 0, 3_660)
        require_whole("retraining.cool_down_days", self.cool_down_days, 0, 366)
        require_whole("retraining.budget_per_quarter", self.budget_per_quarter, 0, 100)
        require_whole("retraining.stale_hours", self.stale_hours, 1, 168)

    @property
    def way(self) -> str:
        """``off``, ``propose`` or ``act``."""
        return "off" if self.mode is False else str(self.mode)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What became known since the champion was trained.

    Attributes:
        labels: Rows that it scored whose label is known.
        rows: Rows that it scored.
        since: First cohort that it scored, or None.
        version: The champion.
    """

    labels: int
    rows: int
    since: date | None
    version: str


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A retraining that is worth it.

    Attributes:
        as_of: Cutoff of the data that it was decided from.
        reasons: Why, each a sentence.
        alerts: Ids of the alerts among the reasons.
        version: Champion that it would be compared with.
    """

    as_of: date
    reasons: tuple[str, ...]
    alerts: tuple[str, ...]
    version: str

    @property
    def proposal_id(self) -> str:
        """The same for the same cutoff and champion."""
        return f"{self.as_of}/{self.version}"


def decide_retraining(
    alerts: Mapping[str, AlertState],
    records: Sequence[AuditRecord],
    known: Known,
    *,
    options: RetrainingOptions,
    as_of: date,
) -> Proposal | None:
    """Return what to propose, or None without a reason or with something in the way; see :func:`find_hindrances`.

    Days are those of the data, so that past months played again are decided as they were.

    Args:
        alerts: As they are now, by id.
        records: Events of alerts and retrainings.
        known: What became known since the champion was trained.
        options: Triggers and limits.
        as_of: Cutoff of the data.
    """
    reasons, ids = find_reasons(alerts, known, options=options, as_of=as_of)
    if options.way == "off" or not reasons or find_hindrances(alerts, records, options=options, as_of=as_of):
        return None
    return Proposal(as_of=as_of, reasons=tuple(reasons), alerts=tuple(ids), version=known.version)


def find_reasons(
    alerts: Mapping[str, AlertState], known: Known, *, options: RetrainingOptions, as_of: date
) -> tuple[list[str], list[str]]:
    """Return why to train again, in sentences, and the ids of the alerts among the reasons."""
    asking = sorted(
        state.alert_id for state in alerts.values() if state.is_active and state.read("action") in STARTS_RETRAINING
    )
    reasons = [f"Alert {each}: {alerts[each].read('message')}" for each in asking] if options.on_alerts else []
    if options.new_labels and known.labels >= options.new_labels:
        reasons.append(f"{known.labels:,} labels became known since version {known.version} was trained.")
    if options.new_rows and known.rows >= options.new_rows:
        reasons.append(f"{known.rows:,} rows were scored by version {known.version}.")
    if options.after_days and known.since is not None and (as_of - known.since).days >= options.after_days:
        reasons.append(f"Version {known.version} has scored for {(as_of - known.since).days} days.")
    return reasons, asking if options.on_alerts else []


def find_hindrances(
    alerts: Mapping[str, AlertState], records: Sequence[AuditRecord], *, options: RetrainingOptions, as_of: date
) -> list[str]:
    """Return what is in the way of a retraining, in sentences; nothing if there is nothing."""
    found = []
    wrong = sorted(state.alert_id for state in alerts.values() if state.is_active and state.read("kind") == "data")
    if wrong:
        found.append(f"Alerts on the quality of the data are not resolved: {', '.join(wrong)}.")
    if FAILED_ALERT in alerts and alerts[FAILED_ALERT].is_active:
        found.append(f"The last retraining failed, and its alert {FAILED_ALERT} is not resolved.")
    starts = [day for record in records if record.kind == STARTED if (day := read_as_of(record.read_evidence()))]
    if starts and as_of < max(starts) + timedelta(days=options.cool_down_days):
        found.append(f"The last one was started on {max(starts)}, within {options.cool_down_days} days.")
    used = sum(_quarter(day) == _quarter(as_of) for day in starts)
    if used >= options.budget_per_quarter:
        found.append(f"{used} were started in this quarter, of {options.budget_per_quarter} allowed.")
    return found


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


def propose(proposal: Proposal, *, actor: Actor, now: datetime) -> AuditEvent:
    """Return the event that a retraining is proposed; the same for the same cutoff and champion."""
    evidence = {
        "as_of": proposal.as_of.isoformat(),
        "proposal": proposal.proposal_id,
        "reasons": list(proposal.reasons),
        "alerts": list(proposal.alerts),
        "version": proposal.version,
    }
    event_id = f"{SUBJECT}/{proposal.proposal_id}/{PROPOSED}"
    return _event(event_id, PROPOSED, evidence, actor=actor, now=now, comment=" ".join(proposal.reasons))


@dataclass(frozen=True, kw_only=True)
class Training:
    """One retraining as its events leave it.

    Attributes:
        proposal: Its evidence as proposed, or as started for one that a person started without a proposal.
        attempts: Times it was started.
        state: Kind of the newest event.
        at: When that was.
    """

    proposal: Mapping[str, Any]
    attempts: int
    state: str
    at: datetime


def read_trainings(records: Iterable[AuditRecord]) -> dict[str, Training]:
    """Return every retraining by the id of its proposal, the oldest first."""
    found: dict[str, Training] = {}
    for record in records:
        if record.kind not in {PROPOSED, STARTED, SUCCEEDED, FAILED}:
            continue
        evidence = record.read_evidence()
        name = str(evidence["proposal"])
        before = found.get(name)
        found[name] = Training(
            proposal=evidence if before is None else before.proposal,
            attempts=(0 if before is None else before.attempts) + (record.kind == STARTED),
            state=record.kind,
            at=record.occurred_at,
        )
    return found


def find_waiting(records: Sequence[AuditRecord]) -> Training | None:
    """Return the newest proposal that was not started, or None; an older one is obsolete."""
    trainings = list(read_trainings(records).values())
    return trainings[-1] if trainings and trainings[-1].state == PROPOSED else None


def require_none_running(records: Sequence[AuditRecord], *, options: RetrainingOptions, now: datetime) -> None:
    """Raise if a retraining is under way.

    Raises:
        BoathouseError: Saying since when, and until when it is waited for.
    """
    running = find_running(records)
    if running is not None and now < running.at + timedelta(hours=options.stale_hours):
        raise BoathouseError(
            f"Expected no retraining under way, found {running.proposal['proposal']} started at "
            f"{running.at:%Y-%m-%d %H:%M} UTC. If its process is gone, it counts as failed {options.stale_hours} hours "
            "after its start (monitoring.retraining.stale_hours)."
        )


def find_running(records: Sequence[AuditRecord]) -> Training | None:
    """Return the retraining that was started last and did not end, or None."""
    trainings = [each for each in read_trainings(records).values() if each.state == STARTED]
    return trainings[-1] if trainings else None


def start(training: Mapping[str, Any], attempt: int, *, actor: Actor, now: datetime, claim: str) -> AuditEvent:
    """Return the event that a retraining starts; of two processes at once one finds its own ``claim`` on record."""
    event_id = f"{SUBJECT}/{training['proposal']}/{STARTED}/{attempt}"
    return _event(event_id, STARTED, dict(training), actor=actor, now=now, comment=claim)


def end(
    training: Mapping[str, Any], attempt: int, *, succeeded: bool, actor: Actor, now: datetime, why: str
) -> AuditEvent:
    """Return the event that a retraining ended, and how."""
    kind = SUCCEEDED if succeeded else FAILED
    event_id = f"{SUBJECT}/{training['proposal']}/ended/{attempt}"
    return _event(event_id, kind, dict(training), actor=actor, now=now, comment=why)


def escalate(
    training: Mapping[str, Any], before: AlertState | None, *, actor: Actor, now: datetime, why: str
) -> AuditEvent:
    """Return the event that opens the alarm on a failed retraining."""
    day = str(training["as_of"])
    evidence = {
        "as_of": day,
        "rule": FAILED_RULE,
        "kind": "service",
        "metric": "failed",
        "subject": SUBJECT,
        "scope": "all",
        "severity": "alarm",
        "direction": "above",
        "bound": "value",
        "limit": 0.0,
        "value": 1.0,
        "window_start": day,
        "window_end": day,
        "owner": "engineers",
        "runbook": "docs/runbooks/retraining.md",
        "action": "nothing",
        "message": f"The retraining {training['proposal']} failed: {why}",
        "likely": "unknown",
    }
    kind = OPENED if before is None else REOPENED
    changes = 0 if before is None else before.changes
    event_id = f"{FAILED_ALERT}/{training['proposal']}/{kind}/{changes}"
    return _event(event_id, kind, evidence, actor=actor, now=now, comment=why, subject=FAILED_ALERT)


def relieve(training: Mapping[str, Any], before: AlertState, *, actor: Actor, now: datetime) -> AuditEvent:
    """Return the event that resolves that alarm, after a retraining that succeeded."""
    event_id = f"{FAILED_ALERT}/{training['proposal']}/{RESOLVED}/{before.changes}"
    evidence = {"as_of": max(str(training["as_of"]), before.last_seen.isoformat())}
    comment = f"The retraining {training['proposal']} succeeded."
    return _event(event_id, RESOLVED, evidence, actor=actor, now=now, comment=comment, subject=FAILED_ALERT)


def _event(  # noqa: PLR0913 - what an event holds
    event_id: str,
    kind: str,
    evidence: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    comment: str,
    subject: str = SUBJECT,
) -> AuditEvent:
    who = identify_actor(actor)
    return AuditEvent(
        event_id=event_id,
        kind=kind,
        subject=subject,
        actor=who.name,
        assurance=who.assurance,
        occurred_at=now,
        comment=comment,
        evidence=evidence,
    )
