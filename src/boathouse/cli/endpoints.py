"""``boathouse endpoints``: list, show, change, measure and roll back endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from boathouse.cli.endpoint_changes import (
    canary_step,
    describe_traffic,
    pause,
    promote,
    reset,
    resume,
    rollback,
    update,
)
from boathouse.cli.endpoint_measures import advise, compact_log, load_test, size
from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.endpoints.config import EndpointConfig
from boathouse.endpoints.overlay import describe_changes
from boathouse.endpoints.states import ROLLED_BACK, EndpointStates
from boathouse.errors import BoathouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boathouse.endpoints.config import ServedEntity
    from boathouse.endpoints.state import EndpointState
    from boathouse.environment import Environment


@click.group()
def endpoints() -> None:
    """Show, change, measure, roll back endpoints.

    Changes are recorded in audit.deployments; a running server follows within seconds.
    """


for _command in (advise, canary_step, compact_log, load_test, pause, promote, reset, resume, rollback, size, update):
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
        click.echo(f"  {entity.name:<12} {entity.entity_name}, {_describe_version(entity, environment)}")
    for line in _describe_origin(state):
        click.echo(f"  {line}")
    for record in states.records():
        if record.subject == name:
            mark = "*" if record.sequence == state.sequence else " "
            when = f"{record.occurred_at:%Y-%m-%d %H:%M:%S}"
            click.echo(f" {mark}{record.sequence:>4} {when} {record.kind:<12} {record.who:<12} {record.comment}")
    if state.kind == ROLLED_BACK:
        click.echo("  rolled back; --to RECORD goes to another record")
    elif state.undo is not None:
        back = "conf" if state.undo == 0 else f"record {state.undo}"
        click.echo(f"  a rollback returns to {back}")


def _describe_version(entity: ServedEntity, environment: Environment) -> str:
    """Return the version that an entity serves, how it came to that, and whether it is in service."""
    from boathouse.lifecycle.decided_versions import LedgerVersions
    from boathouse.lifecycle.resolution import explain_missing

    try:
        model = LedgerVersions(environment.lakehouse).read(entity.entity_name)
    except BoathouseError as error:
        return f"version {entity.entity_version or f'at alias {entity.alias}'}; not compared with the ledger: {error}"
    now = model.now.aliases.get(str(entity.alias))
    if entity.entity_version is None:
        followed = f"follows alias {entity.alias}: "
        return followed + (
            f"version {now} now" if now else f"none now. {explain_missing(model.now, str(entity.alias))}"
        )
    version = f"version {entity.entity_version}"
    if entity.alias is not None:
        version += f", pinned (alias {entity.alias} is {f'version {now}' if now else 'none'} now)"
    removed = model.explain_removal(entity.entity_version)
    return f"{version}; OUT OF SERVICE: {removed}" if removed else version


def _describe_origin(state: EndpointState) -> Iterator[str]:
    """Give the lines that say what is as in conf, and what was changed by command."""
    if not state.sequence or state.changes == {}:
        yield "all of it as in conf" + ("; nothing recorded" if not state.sequence else "")
        return
    if state.conf is None:
        yield f"all of it by record {state.sequence}: conf does not have this endpoint"
        return
    if state.changes is None:
        yield f"all of it by record {state.sequence}, which holds a whole document: changes of conf are not seen"
    elif state.problem:
        yield f"all of it by record {state.sequence}: what it changed does not fit conf any more ({state.problem})"
    if state.changes is not None:
        base = EndpointConfig.from_document(state.name, state.conf)
        yield f"by command (record {state.sequence}); all else as in conf:"
        for key, value, in_conf in describe_changes(base, state.changes):
            yield f"  {key} is {value}; in conf {in_conf}"
    yield f"boathouse endpoints reset {state.name} --env {state.environment} returns to conf"
