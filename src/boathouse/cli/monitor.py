"""``boathouse monitor``: what monitoring found, from its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT, engines

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.group()
def monitor() -> None:
    """Show what monitoring found."""


@monitor.command(epilog="Example: boathouse monitor report --env prod --out dist/monitoring.html")
@ENVIRONMENT
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The HTML file. Default: where a run leaves it.",
)
@click.option("--open", "is_opened", is_flag=True, help="Also show it in the browser.")
def report(environment: Environment, out: Path | None, *, is_opened: bool) -> None:
    """Write the monitoring report again.

    From the tables of the environment, without a run: what every run has left in them until now.
    """
    from boathouse.atomic_files import write_file
    from boathouse.cli.model_arguments import name_model
    from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
    from boathouse.lifecycle.projection import project_events
    from boathouse.monitoring.history import HISTORY_TABLES, TableRows, build_history, find_head, list_rows
    from boathouse.monitoring.options import PlaceOptions
    from boathouse.monitoring.report import render_report
    from boathouse.use_case import USE_CASE

    model = name_model(environment, None)
    place = environment.options(PlaceOptions, "parameters", "monitoring", "place")
    with engines():
        tables = {name: environment.table(f"monitoring.{name}").read_newest() for name in HISTORY_TABLES}
        rows = TableRows(**{name: list_rows(table) for name, table in tables.items()})
    head = find_head(rows, model=model, environment=environment.name)
    state = project_events(open_ledger(environment.table(PROMOTIONS)).read(model), name=model)
    history = build_history(head, rows, task=USE_CASE.task, period=USE_CASE.words.period, state=state)
    path = (out or Path(place.report)).absolute()
    write_file(path, render_report(history, task=USE_CASE.task).encode(), durable=False)
    click.echo(f"{path}: as of {head.as_of}, {len(history.open_alerts)} alert(s)")
    if is_opened:
        click.launch(path.as_uri())
