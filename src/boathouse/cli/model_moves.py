"""Moving versions: promote, roll back, archive, copy to another environment, sync the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT
from boathouse.cli.model_arguments import (
    COMMENT,
    NAME_HELP,
    NAME_VERSION,
    explain_absence,
    open_own_life_cycle,
    send_messages,
    split_name,
    split_name_version,
    split_undecided,
)
from boathouse.environment import open_environment
from boathouse.lifecycle.comparison import DIGEST
from boathouse.namespaces import shorten

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.state import ModelState

_TARGET = click.option(
    "--to", type=click.Choice(["staging", "production"]), default="production", show_default=True, help="Where to."
)


@click.command(
    help=f"Make a version champion or challenger.\n\nproduction is champion, staging challenger. The gates have to "
    f"let the version pass, and it needs its approvals. An empty VERSION is the newest version that is not decided. "
    f"{NAME_HELP}",
    epilog="Example: boathouse models promote 3 --comment 'Better calibrated'",
)
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@_TARGET
@COMMENT
def promote(words: tuple[str, ...], environment: Environment, to: str, comment: str) -> None:
    """Move a version that the gates let pass and that has its approvals."""
    from boathouse.databricks.task_values import publish_values

    name, version = split_undecided(environment, words)
    state = open_own_life_cycle(environment, name).promote(version, to=to, comment=comment)
    publish_values(model_updated=state.champion == version, model_version=state.champion)
    send_messages(environment)
    _show_aliases(state)


@click.command(epilog="Example: boathouse models rollback --comment 'Rejects too many' --env prod")
@NAME_VERSION("[NAME]")
@ENVIRONMENT
@ACT_AS
@click.option("--to", default=None, help="A former champion. Default: the previous one.")
@click.option("--comment", "--reason", "comment", default="Rolled back by hand.", help="Why; goes on record.")
def rollback(words: tuple[str, ...], environment: Environment, to: str | None, comment: str) -> None:
    """Make the previous champion champion again.

    It takes effect at once, and the present champion is archived. NAME is the model's name; without it the
    environment's model. Typed twice it does the same as once.
    """
    name, _ = split_name(environment, words)
    state = open_own_life_cycle(environment, name).rollback(to=to, comment=comment)
    send_messages(environment)
    if state.rolled_back is not None:
        old, new, by, at = state.rolled_back
        did = f"Version {new} is champion again" if old == new else f"Rolled back from {old} to {new}"
        click.echo(f"{did}, by {by} at {at:%Y-%m-%d %H:%M} UTC.")
    _show_aliases(state)


@click.command(epilog="Example: boathouse models stop --comment 'Rejects everybody' --env prod")
@NAME_VERSION("[NAME]")
@ENVIRONMENT
@ACT_AS
@COMMENT
def stop(words: tuple[str, ...], environment: Environment, comment: str) -> None:
    """Stop the champion; nothing takes its place.

    It takes effect at once: the champion is archived, and batch runs, streams and endpoints say that it was stopped,
    and why, until a person makes a version champion. NAME is the model's name; without it the environment's model.
    Typed twice it does the same as once.
    """
    from boathouse.lifecycle.stop import stop_champion

    name, _ = split_name(environment, words)
    stop_champion(open_own_life_cycle(environment, name), comment=comment)
    send_messages(environment)
    click.echo(str(explain_absence(environment, name)))


@click.command(
    help=f"Archive a version for good.\n\nThe champion cannot be archived. {NAME_HELP}",
    epilog="Example: boathouse models archive 2 --comment 'Trained on faulty data'",
)
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@COMMENT
def archive(words: tuple[str, ...], environment: Environment, comment: str) -> None:
    """Archive a version."""
    name, version = split_name_version(environment, words)
    state = open_own_life_cycle(environment, name).archive(version, comment=comment)
    send_messages(environment)
    _show_aliases(state)


@click.command(
    help=f"Copy a version into another environment.\n\nIt becomes a new version there, with its tags and lineage to "
    f"its source. {NAME_HELP}",
    epilog="Example: boathouse models copy 3 --env dev --to staging --comment Ready",
)
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@click.option("--to", "target", required=True, help="Environment to copy into.")
@COMMENT
def copy(words: tuple[str, ...], environment: Environment, target: str, comment: str) -> None:
    """Copy a version with its tags and the lineage to its source."""
    from boathouse.hooks.governance import read_role
    from boathouse.lifecycle.deployment import DeploymentOptions, check_source, copy_version

    into = open_environment(target, environment.conf_source, is_other=True)
    name, version = split_name_version(environment, words)
    twin = into.namespace.full_name(shorten(name))
    cycle, role = open_own_life_cycle(into, twin), read_role(into)
    if role is not None:
        chain = into.options(DeploymentOptions, "globals", "deployment").chain
        cycle.judge("copy", None, lambda: check_source(role, environment.name, chain))
    state, copied = copy_version(environment, name, version, cycle, comment=comment)
    send_messages(into)
    click.echo(f"{name} version {version} is {twin} version {copied}. Have it judged there:")
    click.echo(f"  kedro run --pipelines evaluation,promotion --env {into.name}")
    _show_aliases(state)


def _sync(words: tuple[str, ...], environment: Environment) -> None:
    """Sync the registry with the ledger.

    Prints what was changed. What somebody had changed past the ledger goes on record first. Every other step does so
    too. NAME is the model's name; without it the environment's model.
    """
    name, _ = split_name(environment, words)
    synced = open_own_life_cycle(environment, name).synchronize()
    send_messages(environment)
    for alarm in synced.alarms:
        click.echo(f"Changed past the ledger: {alarm}")
    for change in synced.changes:
        click.echo(f"  {change}")
    left = [
        each for each in synced.alarms if each.kind == DIGEST and each.key not in {one.key for one in synced.changes}
    ]
    for each in left:
        click.echo(
            f"Version {each.version} stays refused: its files are not those on record. Go back, or train again: "
            f"boathouse models rollback {name} --env {environment.name}"
        )
    _show_aliases(synced.state)


_SYNC_EXAMPLE = "Example: boathouse models sync --env prod"
sync = click.command(name="sync", epilog=_SYNC_EXAMPLE)(NAME_VERSION("[NAME]")(ENVIRONMENT(_sync)))
# The name of the command before, for one release.
former_sync = click.command(name="mend", epilog=_SYNC_EXAMPLE, hidden=True)(NAME_VERSION("[NAME]")(ENVIRONMENT(_sync)))


def _show_aliases(state: ModelState) -> None:
    click.echo(f"{state.name}: " + (", ".join(f"{key} {value}" for key, value in state.aliases.items()) or "no alias"))
