"""Asking for a step and deciding on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ACT_AS, ENVIRONMENT
from boathouse.cli.model_arguments import (
    COMMENT,
    NAME_HELP,
    NAME_VERSION,
    open_own_life_cycle,
    send_messages,
    split_name_version,
    split_undecided,
)

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.state import ModelState


@click.command(
    help=f"Request that a version be moved.\n\n{NAME_HELP}",
    epilog="Example: boathouse models request 3 --to production --comment Better",
)
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@click.option("--to", type=click.Choice(["staging", "production"]), required=True, help="Where to.")
@COMMENT
def request(words: tuple[str, ...], environment: Environment, to: str, comment: str) -> None:
    """Ask for a step."""
    name, version = split_name_version(environment, words)
    state = open_own_life_cycle(environment, name).request(version, to=to, comment=comment)
    send_messages(environment)
    click.echo(
        f"Requested: {name} version {version} to {to}. It waits for: boathouse models approve {name} {version} "
        f"--comment WHY --env {environment.name}"
    )
    _show_open(state)


@click.command(
    help=f"Approve the open request for a version.\n\nThe approval is for the exact files that the version has now. "
    f"{NAME_HELP}",
    epilog="Example: boathouse models approve 3 --comment 'Card reviewed' --env prod",
)
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@COMMENT
def approve(words: tuple[str, ...], environment: Environment, comment: str) -> None:
    """Approve a step, for the exact files that the version has now."""
    name, version = split_name_version(environment, words)
    state = open_own_life_cycle(environment, name).approve(version, comment=comment)
    send_messages(environment)
    click.echo(f"Approved: {name} version {version}, which is {state.versions[version].stage} now.")
    _show_open(state)


@click.command(
    help=f"Reject the open request for a version.\n\nThe version stays where it is. {NAME_HELP}",
    epilog="Example: boathouse models reject 3 --comment 'Unfair to one group'",
)
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@COMMENT
def reject(words: tuple[str, ...], environment: Environment, comment: str) -> None:
    """Reject a step; the version stays where it is."""
    name, version = split_name_version(environment, words)
    state = open_own_life_cycle(environment, name).reject(version, comment=comment)
    send_messages(environment)
    click.echo(f"Rejected: {name} version {version}, which stays {state.versions[version].stage}.")


@click.command(name="check-approval", epilog="Example: boathouse models check-approval 3 --tag approval --env prod")
@NAME_VERSION()
@ENVIRONMENT
@ACT_AS
@click.option("--tag", default="approval", show_default=True, help="Tag of the version that holds the approval.")
def check_approval(words: tuple[str, ...], environment: Environment, tag: str) -> None:
    """Succeed if a version is approved.

    Approved by the tag that a deployment job's button sets, or by command. An approval by tag goes on record as
    given by the user who runs this, since the tag does not hold who set it. An empty VERSION is the newest version
    that is not decided.
    """
    from boathouse.lifecycle.deployment import take_approval

    name, version = split_undecided(environment, words)
    state = take_approval(open_own_life_cycle(environment, name), version, tag=tag)
    send_messages(environment)
    click.echo(f"Approved: {name} version {version}, which is {state.versions[version].stage} now.")


@click.command(
    help=f"Write a comment on a version.\n\nIt goes on record and on the version's page; nothing else changes. "
    f"{NAME_HELP}",
    epilog="Example: boathouse models comment 3 --comment 'Weak on small limits'",
)
@NAME_VERSION()
@ENVIRONMENT
@COMMENT
def comment(words: tuple[str, ...], environment: Environment, comment: str) -> None:
    """Write a comment on a version."""
    from boathouse.lifecycle.comments import comment_version

    name, version = split_name_version(environment, words)
    comment_version(open_own_life_cycle(environment, name), version, comment=comment)
    send_messages(environment)
    click.echo(f"On record: a comment on {name} version {version}.")


def _show_open(state: ModelState) -> None:
    for each in state.open_requests:
        click.echo(f"  waiting: {each.version} to {each.to}, asked by {each.who}; approved by {each.approvers}")
