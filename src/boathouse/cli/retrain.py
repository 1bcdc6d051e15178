"""``boathouse retrain``: training, evaluation and promotion once more, with the reason on record."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT, WRITES
from boathouse.errors import BoathouseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.policy import Identity
    from boathouse.monitoring.retraining import RetrainingOptions


@click.command(epilog="Example: boathouse retrain --if-proposed --env dev")
@ENVIRONMENT
@click.option("--if-proposed", is_flag=True, help="Only what monitoring proposed, where conf lets it act.")
@click.option("--comment", "--reason", "comment", default="", help="Why, in words, if monitoring proposed nothing.")
@ACT_AS
@WRITES
def retrain(environment: Environment, *, if_proposed: bool, comment: str) -> None:
    """Train, evaluate and promote once more.

    Runs feature_engineering, training, evaluation and promotion: the new version passes every gate or is not used. Why
    is recorded with the run and in monitoring.alert_events. One that fails opens an alarm. With --if-proposed nothing
    is done unless monitoring.retraining.mode is act and a proposal waits; then the exit code is 0.
    """
    from boathouse.lifecycle.identity import identify
    from boathouse.monitoring.alert_log import open_alert_ledger
    from boathouse.monitoring.retraining import RetrainingOptions, find_waiting

    options = environment.options(RetrainingOptions, "parameters", "monitoring", "retraining")
    ledger, who = open_alert_ledger(environment.table("monitoring.alert_events")), identify(environment)
    records = _close_stale(ledger, options, who)
    waiting = find_waiting(records)
    if if_proposed and (waiting is None or options.way != "act"):
        click.echo(_say_nothing_done(environment.name, options.way, waiting=waiting is not None))
        return
    if if_proposed and waiting is not None:
        in_the_way = _find_in_the_way(records, options)
        if in_the_way:
            click.echo(f"A retraining is proposed, and nothing was started. {' '.join(in_the_way)}")
            return
    if waiting is None and not comment.strip():
        raise BoathouseError(
            f"Expected a proposal of monitoring in environment '{environment.name}', found none. Give a reason of your "
            f"own: boathouse retrain --reason WHY --env {environment.name}"
        )
    given = _choose(waiting.proposal if waiting else None, comment)
    _run_recorded(environment, ledger, given, who)


def _say_nothing_done(environment: str, way: str, *, waiting: bool) -> str:
    if not waiting:
        return "No retraining is proposed: nothing was done."
    return (
        f"A retraining is proposed, and monitoring.retraining.mode is '{way}': a person starts it with "
        f"boathouse retrain --env {environment}"
    )


def _find_in_the_way(records: Sequence[AuditRecord], options: RetrainingOptions) -> list[str]:
    """Return what is in the way now; an alert may have been opened since the proposal."""
    from boathouse.monitoring.alert_state import find_newest, project_alerts
    from boathouse.monitoring.retraining import find_hindrances

    as_of = find_newest(records)
    return [] if as_of is None else find_hindrances(project_alerts(records), records, options=options, as_of=as_of)


def _choose(proposal: Mapping[str, Any] | None, comment: str) -> dict[str, Any]:
    """Return what is recorded of the retraining: of the proposal, or of the reason that a person gave."""
    if proposal is not None:
        return {**proposal, **({"comment": comment} if comment else {})}
    now = datetime.now(UTC)
    return {
        "as_of": now.date().isoformat(),
        "proposal": f"by-hand/{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}",
        "reasons": [comment],
        "alerts": [],
        "version": "",
    }


def _close_stale(ledger: AuditLedger, options: RetrainingOptions, who: Identity) -> list[AuditRecord]:
    """Return the records, once a retraining whose process is gone is recorded as failed.

    Raises:
        BoathouseError: If one is under way.
    """
    from boathouse.monitoring.retraining import find_running, require_none_running

    records, now = ledger.read(), datetime.now(UTC)
    require_none_running(records, options=options, now=now)
    running = find_running(records)
    if running is not None:
        why = f"it did not end within {options.stale_hours} hours"
        _end(ledger, running.proposal, running.attempts, who=who, why=why, succeeded=False)
    return ledger.read()


def _run_recorded(environment: Environment, ledger: AuditLedger, given: Mapping[str, Any], who: Identity) -> None:
    """Start the pipelines in a process of their own, and record that they started and how they ended.

    Raises:
        BoathouseError: If another process starts the same one, or it fails.
    """
    from boathouse.monitoring.retraining import end, read_trainings, start

    before = read_trainings(ledger.read()).get(str(given["proposal"]))
    attempt = 1 + (before.attempts if before else 0)
    event = start(given, attempt, actor=who, now=datetime.now(UTC), claim=f"claim {uuid.uuid4().hex}")
    (record,) = ledger.append([event])
    if record.comment != event.comment:
        raise BoathouseError(f"Another process has just started the retraining {given['proposal']}. Nothing was done.")
    click.echo(f"Retraining, since: {' '.join(given['reasons'])}")
    try:
        code = run_pipelines(environment, " ".join(given["reasons"]))
    except KeyboardInterrupt:
        # A person ended it: no alarm, and the next one may start at once.
        ended = end(given, attempt, succeeded=False, actor=who, now=datetime.now(UTC), why="it was interrupted")
        ledger.append([ended])
        raise
    why = "the pipelines ended with exit code 0" if code == 0 else f"the pipelines ended with exit code {code}"
    _end(ledger, given, attempt, who=who, why=why, succeeded=code == 0)
    if code:
        raise BoathouseError(
            f"The retraining failed: {why}. An alarm is open: boathouse alerts list --env {environment.name}"
        )


def run_pipelines(environment: Environment, reason: str) -> int:
    """Return the exit code of the pipelines of a retraining; their run carries ``reason`` as a tag."""
    from boathouse.hooks.tracking import RETRAINING_REASON
    from boathouse.pipeline_registry import RETRAINING

    words = ["run", "--pipelines", ",".join(RETRAINING), "--env", environment.name]
    source = ["--conf-source", str(environment.conf_source)]
    variables = {**os.environ, RETRAINING_REASON: reason}
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "boathouse", *words, *source], env=variables, check=False
    ).returncode


def _end(
    ledger: AuditLedger, given: Mapping[str, Any], attempt: int, *, who: Identity, why: str, succeeded: bool
) -> None:
    """Record how it ended, and open or resolve the alarm on failed retrainings, in one commit."""
    from boathouse.monitoring.alert_state import project_alerts
    from boathouse.monitoring.retraining import FAILED_ALERT, end, escalate, relieve

    now, before = datetime.now(UTC), project_alerts(ledger.read()).get(FAILED_ALERT)
    events: Sequence[Any] = [end(given, attempt, succeeded=succeeded, actor=who, now=now, why=why)]
    if not succeeded:
        events = [*events, escalate(given, before, actor=who, now=now, why=why)]
    elif before is not None and before.is_active:
        events = [*events, relieve(given, before, actor=who, now=now)]
    ledger.append(events)
