"""``boathouse requests``: requests to move models, with their approvals."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT, JSON_OUTPUT, show_json
from boathouse.cli.model_arguments import read_rules, require_whole
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.projection import project_all_events
from boathouse.lifecycle.resolution import explain_missing
from boathouse.lifecycle.vacancy import name_approval

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.group()
def requests() -> None:
    """List requests to move models."""


@requests.command(name="list", epilog="Example: boathouse requests list --all --env prod")
@ENVIRONMENT
@click.option("--all", "closed_too", is_flag=True, help="Closed requests too.")
@JSON_OUTPUT
def list_requests(environment: Environment, *, closed_too: bool, as_json: bool) -> None:
    """List what waits for approval.

    Each with the commands that decide on it.
    """
    rules = read_rules(environment)
    records, cut = open_ledger(environment.table(PROMOTIONS)).read_compared()
    states = project_all_events(records)
    requests_by_model = [
        (name, each) for name, state in states.items() for each in state.requests if closed_too or not each.closed
    ]
    if as_json:
        show_json([{"model": name, **asdict(each)} for name, each in requests_by_model])
        require_whole(cut)
        return
    if not requests_by_model and not cut:
        click.echo("Nothing waits for approval.")
        # A baseline is compared with, and never champion.
        for state in (state for name, state in states.items() if name in environment.promoted_models):
            if state.champion is None:
                click.echo(f"  {state.name} has no champion. {explain_missing(state)}")
    for name, each in requests_by_model:
        status = each.closed or f"waiting, approved by {each.approvers}"
        click.echo(
            f"{each.at:%Y-%m-%d %H:%M}  {name} {each.version} to {each.to}  {each.who}: {each.comment}  [{status}]"
        )
        if not each.closed:
            here, version = f"--env {environment.name}", states[name].versions[each.version]
            how = name_approval(version, each, rules)
            click.echo(f"  look at it: boathouse models show {name} {each.version} {here}")
            click.echo(
                f"  decide: boathouse models approve {name} {each.version}{how} {here}, or boathouse models reject …"
            )
    require_whole(cut)
