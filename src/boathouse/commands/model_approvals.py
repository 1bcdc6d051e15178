"""Asking for a step and deciding on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import COMMENT, WORDS_HELP, open_governed

if TYPE_CHECKING:
    from boathouse.core.promotion.life import ModelLife


@click.command(help=f"Ask that a version be moved. WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@click.option("--to", type=click.Choice(["staging", "production"]), required=True, help="Where to.")
@COMMENT
def request(words: tuple[str, ...], env: str, conf_source: Path, to: str, comment: str) -> None:
    """Ask for a step."""
    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words)
    life = governed.open_life(name).request(str(version), to=to, comment=comment)
    governed.tell()
    click.echo(f"Requested: {name} version {version} to {to}. It waits for: boathouse models approve {name} {version}")
    _say_open(life)


@click.command(help=f"Approve the open request for a version. WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@COMMENT
def approve(words: tuple[str, ...], env: str, conf_source: Path, comment: str) -> None:
    """Approve a step, for the exact files that the version has now."""
    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words)
    life = governed.open_life(name).approve(str(version), comment=comment)
    governed.tell()
    click.echo(f"Approved: {name} version {version}, which is {life.versions[str(version)].stage} now.")
    _say_open(life)


@click.command(help=f"Reject the open request for a version. WORDS: {WORDS_HELP}")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@COMMENT
def reject(words: tuple[str, ...], env: str, conf_source: Path, comment: str) -> None:
    """Reject a step; the version stays where it is."""
    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words)
    life = governed.open_life(name).reject(str(version), comment=comment)
    governed.tell()
    click.echo(f"Rejected: {name} version {version}, which stays {life.versions[str(version)].stage}.")


@click.command(name="check-approval")
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@click.option("--tag", default="approval", show_default=True, help="Tag of the version that holds the approval.")
def check_approval(words: tuple[str, ...], env: str, conf_source: Path, tag: str) -> None:
    """Succeed if a version is approved: by the tag that a deployment job's button sets, or by command.

    An approval by tag goes on record as given by whoever runs this, since the tag does not tell who set it.
    """
    from boathouse.governance.approval_tag import take_approval

    governed = open_governed(env, conf_source)
    name, version = governed.split_words(words)
    life = take_approval(governed.open_life(name), str(version), tag=tag)
    governed.tell()
    click.echo(f"Approved: {name} version {version}, which is {life.versions[str(version)].stage} now.")


def _say_open(life: ModelLife) -> None:
    for each in life.open_requests:
        approvals = ", ".join(approval.by for approval in each.approvals) or "nobody yet"
        click.echo(f"  waiting: {each.version} to {each.to}, asked by {each.by}; approved by {approvals}")
