"""``boathouse alerts``: what monitoring found, who looks after it, and why it is so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT, JSON_OUTPUT, WRITES, show_json
from boathouse.cli.model_arguments import COMMENT

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.monitoring.alert_log import Step
    from boathouse.monitoring.alert_state import AlertState

ALERT_ID = click.argument("alert_id", metavar="ID")


@click.group()
def alerts() -> None:
    """List, explain and look after alerts."""


@alerts.command(name="list", epilog="Example: boathouse alerts list --all --env prod")
@ENVIRONMENT
@click.option("--all", "closed_too", is_flag=True, help="Resolved alerts too.")
@JSON_OUTPUT
def list_alerts(environment: Environment, *, closed_too: bool, as_json: bool) -> None:
    """List the alerts that are not resolved.

    The most urgent first, each with its id, its state and its next step.
    """
    from boathouse.monitoring.alert_state import project_alerts
    from boathouse.monitoring.alert_table import list_active, sort_states

    now = datetime.now(UTC)
    states = project_alerts(_open(environment).read())
    chosen = sort_states(states.values()) if closed_too else list_active(states)
    if as_json:
        show_json([_describe(state, now, environment.name) for state in chosen])
        return
    if not chosen:
        click.echo("No alert is open. All of them: boathouse alerts list --all")
    for state in chosen:
        shown = _describe(state, now, environment.name)
        click.echo(f"{state.alert_id}  {shown['severity']:<7}  {shown['state']:<12}  {shown['message']}")
        click.echo(
            f"  {shown['windows']} window(s), {state.first_seen} to {state.last_seen}; rule {shown['rule']}, "
            f"owner {shown['owner']}"
        )
        if state.is_active:
            click.echo(f"  next: {shown['next_step']}")


@alerts.command(epilog="Example: boathouse alerts explain 496a0de0873b --env prod")
@ALERT_ID
@ENVIRONMENT
@JSON_OUTPUT
def explain(alert_id: str, environment: Environment, *, as_json: bool) -> None:
    """Explain one alert.

    The evidence, the columns and slices beside it, the likely kind of drift, what was done, and the next step.
    """
    from boathouse.monitoring.alert_log import find_alert
    from boathouse.monitoring.alert_state import ALERT_KINDS, project_alerts

    records = _open(environment).read()
    state = find_alert(project_alerts(records), alert_id)
    shown = _describe(state, datetime.now(UTC), environment.name)
    history = [
        {"at": each.occurred_at, "kind": each.kind, "actor": each.who, "comment": each.comment}
        for each in records
        if each.subject == state.alert_id and each.kind in ALERT_KINDS
    ]
    if as_json:
        show_json({**shown, "evidence": dict(state.content), "history": history})
        return
    for line in _explain_lines(state, shown):
        click.echo(line)
    for each in history:
        click.echo(f"  {each['at']:%Y-%m-%d %H:%M}  {each['kind']} by {each['actor']}: {each['comment']}")


def _explain_lines(state: AlertState, shown: dict[str, Any]) -> list[str]:
    from boathouse.monitoring.actions import ACTIONS
    from boathouse.monitoring.diagnosis import describe_diagnosis

    content = state.content
    ends = [content.get("low"), content.get("high")]
    interval = "" if None in ends else f" [{ends[0]:.4g}, {ends[1]:.4g}]"
    figure = content.get("figure", content["value"])
    measured = (
        f"measure      {content['metric']} of {content['subject']}, scope {content['scope']}: "
        f"{'unknown' if figure is None else f'{figure:.4g}'}{interval}, {content.get('rows', 0):,} rows, "
        f"{content['window_start']} to {content['window_end']}"
    )
    return [
        f"alert        {state.alert_id}, {shown['severity']}, {shown['state']}: {content['message']}",
        measured,
        f"limit        {content['bound']} {content['direction']} {content['limit']:g}, by rule {content['rule']}",
        f"windows      {state.windows} beyond it, first seen {state.first_seen}, last {state.last_seen}",
        *describe_diagnosis(content),
        f"next step    {shown['next_step']}",
        f"why          {ACTIONS[content['action']].why}",
        f"owner        {content['owner']}; runbook {content['runbook']}",
        "history",
    ]


@alerts.command(epilog="Example: boathouse alerts ack 496a0de0873b --comment 'I look'")
@ALERT_ID
@ENVIRONMENT
@COMMENT
@ACT_AS
@WRITES
def ack(alert_id: str, environment: Environment, comment: str) -> None:
    """Say that you look after an alert."""
    from boathouse.monitoring.alert_log import acknowledge

    _show(acknowledge(_open(environment), alert_id, _step(environment, comment)))


@alerts.command(epilog="Example: boathouse alerts mute 496a --until 2030-01-31 --comment Known")
@ALERT_ID
@ENVIRONMENT
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="First day on which it is told again, UTC.")
@click.option("--off", is_flag=True, help="Have a muted alert told again.")
@COMMENT
@ACT_AS
@WRITES
def mute(alert_id: str, environment: Environment, until: datetime | None, *, off: bool, comment: str) -> None:
    """Have an alert told to no person for a while.

    It is measured and listed all the same.
    """
    from boathouse.monitoring.alert_log import mute as mute_alert
    from boathouse.monitoring.alert_log import unmute

    if off == (until is not None):
        raise click.UsageError("Expected one of --until and --off.")
    ledger, step = _open(environment), _step(environment, comment)
    if until is None:
        _show(unmute(ledger, alert_id, step))
    else:
        _show(mute_alert(ledger, alert_id, step, until=until.date()))


@alerts.command(epilog="Example: boathouse alerts resolve 496a0de0873b --comment 'Source fixed'")
@ALERT_ID
@ENVIRONMENT
@COMMENT
@ACT_AS
@WRITES
def resolve(alert_id: str, environment: Environment, comment: str) -> None:
    """Say that an alert is done with.

    A newer window beyond the limit opens it again.
    """
    from boathouse.monitoring.alert_log import resolve as resolve_alert

    _show(resolve_alert(_open(environment), alert_id, _step(environment, comment)))


@alerts.command(epilog="Example: boathouse alerts deliver --patience 300 --env prod")
@ENVIRONMENT
@click.option("--patience", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to go on for.")
@click.option("--retry-given-up", is_flag=True, help="Try once more what failed as often as it may.")
@WRITES
def deliver(environment: Environment, patience: float, *, retry_given_up: bool) -> None:
    """Send the messages about alerts that wait.

    Exit code 1 if some are left. Safe to run at any time and several at once.
    """
    from boathouse.lifecycle.identity import identify
    from boathouse.monitoring.alert_delivery import AlertOutbox
    from boathouse.monitoring.alert_rules import AlertOptions

    options = environment.options(AlertOptions, "parameters", "monitoring", "alerts")
    box = AlertOutbox(_open(environment), options, environment=environment.name, actor=identify(environment))
    done = box.deliver(patience_s=patience, retry_given_up=retry_given_up)
    click.echo(
        f"{done.sent} sent, {done.failed} attempt(s) failed, {done.waiting} waiting, {done.given_up} given up"
        + ("; the reasons are in monitoring.alert_events." if done.failed or done.given_up else ".")
    )
    if done.waiting or done.given_up:
        raise click.exceptions.Exit(1)


def _open(environment: Environment) -> AuditLedger:
    from boathouse.monitoring.alert_log import open_alert_ledger

    return open_alert_ledger(environment.table("monitoring.alert_events"))


def _step(environment: Environment, comment: str) -> Step:
    from boathouse.lifecycle.identity import identify
    from boathouse.monitoring.alert_log import Step

    return Step(actor=identify(environment), now=datetime.now(UTC), comment=comment)


def _describe(state: AlertState, now: datetime, environment: str) -> dict[str, Any]:
    from boathouse.monitoring.actions import describe_action

    names = ("rule", "kind", "metric", "subject", "scope", "severity", "value", "limit", "owner", "runbook", "action")
    return {
        "alert_id": state.alert_id,
        "state": state.name_state(now.date()),
        **{name: state.content[name] for name in names},
        "message": state.content["message"],
        "likely": state.content.get("likely"),
        "first_seen": state.first_seen,
        "last_seen": state.last_seen,
        "windows": state.windows,
        "muted_until": state.muted_until,
        "changed_by": state.changed_by,
        "comment": state.comment,
        "next_step": describe_action(state.content["action"], environment, state.alert_id),
    }


def _show(state: AlertState) -> None:
    until = f" until {state.muted_until}" if state.is_muted(datetime.now(UTC).date()) else ""
    click.echo(f"{state.alert_id} is {state.name_state(datetime.now(UTC).date())}{until}: {state.content['message']}")
