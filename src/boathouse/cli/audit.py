"""``boathouse audit``: whether the record holds, and sending what it calls for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.cli.model_arguments import read_rules
from boathouse.endpoints.states import DEPLOYMENTS
from boathouse.lifecycle.ledger import DELIVERIES, PROMOTIONS, open_ledger

if TYPE_CHECKING:
    from boathouse.environment import Environment

_TABLES = (PROMOTIONS, DELIVERIES, DEPLOYMENTS)


@click.group()
def audit() -> None:
    """Verify the audit trail, deliver messages."""


@audit.command(epilog="Example: boathouse audit verify --env prod")
@ENVIRONMENT
@click.option("--head", default=None, help="Hash kept elsewhere; the trail of promotions has to hold it.")
def verify(environment: Environment, head: str | None) -> None:
    """Verify that no audit record was changed.

    Finds records that were changed, removed, moved or cut off; exit code 1 if there are any. Prints the last hash of
    each table. Keep it elsewhere and give it back with --head: a trail that was rewritten from some record on
    shows by that alone.
    """
    broken = False
    for table in _TABLES:
        found = open_ledger(environment.table(table)).inspect(head=head if table == PROMOTIONS else None)
        for each in found.breaks:
            click.echo(f"{environment.name}.{table}, record {each.sequence}: {each.problem}", err=True)
        broken = broken or bool(found.breaks)
        state = f"{len(found.breaks)} fault(s)" if found.breaks else "intact"
        click.echo(
            f"{environment.name}.{table}: {found.records:,} record(s), {state}, last hash {found.last_hash or 'none'}"
        )
    if broken:
        raise click.exceptions.Exit(1)


@audit.command(epilog="Example: boathouse audit deliver --patience 300 --env prod")
@ENVIRONMENT
@click.option("--patience", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to go on for.")
@click.option("--retry-given-up", is_flag=True, help="Try once more what failed as often as it may.")
def deliver(environment: Environment, patience: float, *, retry_given_up: bool) -> None:
    """Send the messages that wait.

    Exit code 1 if some are left. Safe to run at any time and several at once: each attempt is on record before it is
    made.
    """
    from boathouse.lifecycle.delivery import Outbox
    from boathouse.lifecycle.identity import identify

    box = Outbox(environment, read_rules(environment), actor=identify(environment))
    done = box.deliver(patience_s=patience, retry_given_up=retry_given_up)
    click.echo(
        f"{done.sent} sent, {done.failed} attempt(s) failed, {done.waiting} waiting, {done.given_up} given up"
        + ("; the reasons are in audit.webhook_deliveries." if done.failed or done.given_up else ".")
    )
    if done.waiting or done.given_up:
        raise click.exceptions.Exit(1)
