"""``boathouse tokens``: who may ask the endpoints of an environment."""

from __future__ import annotations

from pathlib import Path

import click

from boathouse.commands.feature_places import ENVIRONMENT
from boathouse.commands.serve import locate_tokens
from boathouse.hooks.environments import require_environment
from boathouse.serving.tokens import SCOPES, TokenFile


@click.group()
def tokens() -> None:
    """Bearer tokens of the endpoints: kept as hashes in the data folder, revoked while the server runs."""


@tokens.command()
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
def create(name: str, scopes: tuple[str, ...], env: str, conf_source: Path) -> None:
    """Make a token called NAME and print it: it is shown this once."""
    require_environment(env, conf_source)
    click.echo(TokenFile(locate_tokens(env)).create(name, scopes))


@tokens.command(name="list")
@ENVIRONMENT
def list_tokens(env: str, conf_source: Path) -> None:
    """List the tokens: name, id, scopes, when made."""
    require_environment(env, conf_source)
    found = TokenFile(locate_tokens(env)).read()
    for token in sorted(found.values(), key=lambda each: each.name):
        click.echo(f"{token.name}  {token.id}  {','.join(token.scopes)}  {token.created_at}")
    if not found:
        click.echo(f"There are no tokens in {env}.")


@tokens.command()
@click.argument("name")
@ENVIRONMENT
def revoke(name: str, env: str, conf_source: Path) -> None:
    """Revoke the token of that NAME or id; running servers refuse it within a second or two."""
    require_environment(env, conf_source)
    token = TokenFile(locate_tokens(env)).revoke(name)
    click.echo(f"Revoked: {token.name} ({token.id})")
