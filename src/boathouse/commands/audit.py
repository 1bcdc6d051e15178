"""``boathouse audit``: whether the record holds, and sending what it calls for."""

from __future__ import annotations

from pathlib import Path

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import open_governed

_TABLES = ("audit.promotions", "audit.webhook_deliveries", "audit.deployments")


@click.group()
def audit() -> None:
    """Verify the audit trail and deliver its messages."""


@audit.command()
@ENVIRONMENT
@click.option("--head", default=None, help="Hash kept elsewhere; the trail of promotions has to hold it.")
def verify(env: str, conf_source: Path, head: str | None) -> None:
    """Find records that were changed, removed, moved or cut off; exit code 1 if there are any.

    Prints the last hash of each table. Keep it elsewhere and give it back with --head: a trail that somebody wrote
    anew from some place on shows by that alone.
    """
    house = open_governed(env, conf_source).house
    broken = False
    for table in _TABLES:
        found = house.ledger(table).inspect(head=head if table == _TABLES[0] else None)
        for each in found.breaks:
            click.echo(f"{env}.{table}, record {each.sequence}: {each.problem}", err=True)
        broken = broken or bool(found.breaks)
        state = f"{len(found.breaks)} fault(s)" if found.breaks else "whole"
        click.echo(f"{env}.{table}: {found.records:,} record(s), {state}, last hash {found.last_hash or 'none'}")
    if broken:
        raise click.exceptions.Exit(1)


@audit.command()
@ENVIRONMENT
@click.option("--patience", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to go on for.")
@click.option("--retry-given-up", is_flag=True, help="Try once more what failed as often as it may.")
def deliver(env: str, conf_source: Path, patience: float, *, retry_given_up: bool) -> None:
    """Send the messages that wait; exit code 1 if some are left.

    Safe to run at any time and several at once: each attempt is on record before it is made.
    """
    from boathouse.governance.delivery import Outbox

    governed = open_governed(env, conf_source)
    box = Outbox(governed.house, governed.options, actor=governed.identity().name)
    done = box.deliver(patience_s=patience, retry_given_up=retry_given_up)
    click.echo(
        f"{done.sent} sent, {done.failed} attempt(s) failed, {done.waiting} waiting, {done.given_up} given up"
        + ("; the reasons are in audit.webhook_deliveries." if done.failed or done.given_up else ".")
    )
    if done.waiting or done.given_up:
        raise click.exceptions.Exit(1)
