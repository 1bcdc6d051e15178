"""``boathouse models reproduce``: a version trained once more from what is on record, and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_arguments import name_model

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.command(epilog="Example: boathouse models reproduce 3 --env prod")
@click.argument("words", nargs=-1, required=True, metavar="[NAME] VERSION")
@ENVIRONMENT
@click.option("--allow-dirty", is_flag=True, help="Go on from the commit alone if files differed from it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every difference.")
def reproduce(words: tuple[str, ...], environment: Environment, *, allow_dirty: bool, as_json: bool) -> None:
    """Reproduce a version and compare predictions.

    VERSION, a number or an alias, is trained from its commit, data and parameters. Everything happens in a temporary
    folder. The exit code is 0 only if every recorded test row gets the same probability and decision.
    """
    from kedro.utils import find_kedro_project

    from boathouse.core.lineage.facts import to_plain
    from boathouse.core.lineage.reproduction_text import write_reproduction
    from boathouse.governance.reproduction import reproduce as train_and_compare
    from boathouse.hooks.tracking_store import use_registry

    name, version = _split(words)
    use_registry(environment)
    done = train_and_compare(
        name_model(environment, name),
        version,
        lakehouse=environment.lakehouse,
        project=Path(find_kedro_project(Path.cwd()) or Path.cwd()),
        allow_dirty=allow_dirty,
    )
    plain = {**to_plain(done), "identical": done.is_identical}
    click.echo(json.dumps(plain, indent=2) if as_json else write_reproduction(done))
    if not done.is_identical:
        raise click.exceptions.Exit(1)


def _split(words: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the name, None for the environment's model, and the version."""
    if len(words) > 2:
        message = f"Expected [NAME] VERSION, a model and a number or an alias; found: {' '.join(words)}."
        raise click.UsageError(message)
    return (words[0] if len(words) == 2 else None), words[-1]
