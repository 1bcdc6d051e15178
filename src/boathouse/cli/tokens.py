"""``boathouse tokens``: who may ask the endpoints of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT
from boathouse.serving.tokens import SCOPES, TokenFile

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.group()
def tokens() -> None:
    """Create, list and revoke bearer tokens.

    They are kept as hashes in the data folder, and revoked while the server runs.
    """


@tokens.command(epilog="Example: boathouse tokens create batch-client --scope query --env prod")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("query",),
    show_default=True,
    type=click.Choice(SCOPES),
    help="query: scores and features; manage: commands to the server. May be repeated.",
)
@ENVIRONMENT
def create(name: str, scopes: tuple[str, ...], environment: Environment) -> None:
    """Create a token and print it once.

    Only its hash is kept, under NAME.
    """
    click.echo(TokenFile(environment.tokens_file).create(name, scopes))


@tokens.command(name="list", epilog="Example: boathouse tokens list --env prod")
@ENVIRONMENT
def list_tokens(environment: Environment) -> None:
    """List tokens with scopes and date."""
    found = TokenFile(environment.tokens_file).read()
    for token in sorted(found.values(), key=lambda each: each.name):
        click.echo(f"{token.name}  {token.id}  {','.join(token.scopes)}  {token.created_at}")
    if not found:
        click.echo(f"There are no tokens in {environment.name}.")


@tokens.command(epilog="Example: boathouse tokens revoke batch-client --env prod")
@click.argument("name")
@ENVIRONMENT
def revoke(name: str, environment: Environment) -> None:
    """Revoke a token by its name or id.

    Running servers refuse it within a second or two.
    """
    token = TokenFile(environment.tokens_file).revoke(name)
    click.echo(f"Revoked: {token.name} ({token.id})")
