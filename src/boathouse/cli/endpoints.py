"""``boathouse endpoints``: list, show, change, measure and roll back endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from boathouse.cli.endpoint_changes import canary_step, describe_traffic, pause, promote, resume, rollback, update
from boathouse.cli.endpoint_measures import advise, compact_log, load_test, size
from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.endpoints.states import EndpointStates

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.group()
def endpoints() -> None:
    """Show, change, measure, roll back endpoints.

    Changes are recorded in audit.deployments; a running server follows within seconds.
    """


for _command in (advise, canary_step, compact_log, load_test, pause, promote, resume, rollback, size, update):
    endpoints.add_command(_command)


@endpoints.command(name="list", epilog="Example: boathouse endpoints list --env prod")
@ENVIRONMENT
def list_endpoints(environment: Environment) -> None:
    """List endpoints and their traffic split."""
    for name, state in EndpointStates.of(environment).read_all().items():
        click.echo(f"{name:<24} {describe_traffic(state)}")


@endpoints.command(epilog="Example: boathouse endpoints show NAME --env prod")
@click.argument("name")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the configuration alone, as JSON that update --file reads."
)
@ENVIRONMENT
def show(name: str, environment: Environment, *, as_json: bool) -> None:
    """Show what an endpoint serves and its history."""
    states = EndpointStates.of(environment)
    state = states.read(name)
    if as_json:
        click.echo(json.dumps(state.config.to_document(), indent=2))
        return
    click.echo(f"{name}: {describe_traffic(state)}")
    for entity in state.config.served_entities:
        version = f"version {entity.entity_version}" if entity.alias is None else f"follows alias {entity.alias}"
        click.echo(f"  {entity.name:<12} {entity.entity_name}, {version}")
    if state.changed_at is None:
        click.echo("  as in conf; nothing recorded")
    for record in states.records():
        if record.subject == name:
            mark = "*" if record.sequence == state.sequence else " "
            when = f"{record.occurred_at:%Y-%m-%d %H:%M:%S}"
            click.echo(f" {mark}{record.sequence:>4} {when} {record.kind:<12} {record.who:<12} {record.comment}")
    if state.undo is not None:
        back = "conf" if state.undo == 0 else f"record {state.undo}"
        click.echo(f"  a rollback returns to {back}")
