"""``boathouse requests``: what people asked for and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import JSON_OUTPUT, open_governed, show_json
from boathouse.core.promotion.fold import fold_all


@click.group()
def requests() -> None:
    """List requests to move models."""


@requests.command(name="list")
@ENVIRONMENT
@click.option("--all", "closed_too", is_flag=True, help="Closed requests too.")
@JSON_OUTPUT
def list_requests(env: str, conf_source: Path, *, closed_too: bool, as_json: bool) -> None:
    """List what waits for approval."""
    lives = fold_all(open_governed(env, conf_source).house.ledger().read())
    found = [(name, each) for name, life in lives.items() for each in life.requests if closed_too or not each.closed]
    if as_json:
        show_json([{"model": name, **asdict(each)} for name, each in found])
        return
    if not found:
        click.echo("Nothing waits for approval.")
    for name, each in found:
        state = each.closed or f"waiting, approved by {', '.join(one.by for one in each.approvals) or 'nobody yet'}"
        click.echo(
            f"{each.at:%Y-%m-%d %H:%M}  {name} {each.version} to {each.to}  {each.by}: {each.comment}  [{state}]"
        )
