"""``boathouse audit``: whether the record holds, and sending what it calls for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT, WRITES
from boathouse.cli.model_arguments import COMMENT, read_rules

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.group()
def audit() -> None:
    """Verify the audit trail, deliver messages."""


@audit.command(epilog="Example: boathouse audit verify --env prod")
@ENVIRONMENT
@click.option("--head", default=None, help="Hash kept elsewhere; the trail of promotions has to hold it.")
def verify(environment: Environment, head: str | None) -> None:
    """Verify that no audit record was changed.

    Finds records that were changed, removed, moved or cut off, and aliases of the registry that the ledger did not
    decide; exit code 1 if there are any. Each table is held against its anchors (governance.audit.anchors in conf). An
    anchor that is behind is brought up to date; that is no fault. Prints the last hash of each table: one that was kept
    elsewhere can be given back with --head.
    """
    from boathouse.lifecycle.verification import verify_trail

    found = verify_trail(environment, read_rules(environment).anchors, head=head)
    for each in found:
        for one in each.breaks:
            click.echo(f"{each.table}, record {one.sequence}: {one.problem}", err=True)
        for alarm in each.alarms:
            click.echo(f"{each.table}: {alarm}", err=True)
        faults = len(each.breaks) + len(each.alarms)
        state = f"{faults} fault(s)" if faults else "intact"
        click.echo(f"{each.table}: {each.records:,} record(s), {state}, last hash {each.last_hash or 'none'}")
        for anchor, count in each.behind.items():
            healed = "brought up to date" if each.holds else "left as it is"
            click.echo(f"  anchor '{anchor}' is behind by {count} record(s) of the chain: {healed}")
    if not all(each.holds for each in found):
        raise click.exceptions.Exit(1)


@audit.command(epilog="Example: boathouse audit accept audit.promotions --comment Restored")
@click.argument("table")
@ENVIRONMENT
@COMMENT
@ACT_AS
@WRITES
def accept(table: str, environment: Environment, comment: str) -> None:
    """Accept a table as it is now.

    For a table that was cut or restored on purpose, or that cannot be restored: from now on its anchors keep its
    present head. What they kept before, who accepted and why stay in the file.
    """
    from boathouse.lifecycle.identity import identify
    from boathouse.lifecycle.ledger import LEDGERS
    from boathouse.lifecycle.policy import mark_declared
    from boathouse.lifecycle.verification import open_audited
    from boathouse.options import require_choice

    require_choice("TABLE", table, LEDGERS)
    environment.use_mlflow()
    ledger = open_audited(environment, table, read_rules(environment).anchors)
    who = identify(environment)
    head = ledger.accept(by=mark_declared(who.name, who.assurance), comment=comment)
    click.echo(f"Accepted: {environment.table(table).table} with {head.sequence:,} record(s).")


@audit.command(epilog="Example: boathouse audit deliver --patience 300 --env prod")
@ENVIRONMENT
@click.option("--patience", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to go on for.")
@click.option("--retry-given-up", is_flag=True, help="Try once more what failed as often as it may.")
@WRITES
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
