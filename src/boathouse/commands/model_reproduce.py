"""``boathouse models reproduce``: a version trained once more from what is on record, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import open_governed


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[NAME] VERSION")
@ENVIRONMENT
@click.option("--allow-dirty", is_flag=True, help="Go on from the commit alone if files differed from it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every difference.")
def reproduce(words: tuple[str, ...], env: str, conf_source: Path, *, allow_dirty: bool, as_json: bool) -> None:
    """Train VERSION (a number or an alias) once more from its commit, data and parameters; compare predictions.

    Everything happens in a temporary folder. The exit code is 0 only if every recorded test row gets the
    same probability and decision.
    """
    from kedro.utils import find_kedro_project

    from boathouse.core.lineage.facts import to_plain
    from boathouse.core.lineage.reproduction_text import write_reproduction
    from boathouse.governance.reproduction import reproduce as train_and_compare
    from boathouse.use_case import USE_CASE

    name, version = _split(words)
    governed = open_governed(env, conf_source)
    governed.use_registry()
    done = train_and_compare(
        governed.name_model(name),
        version,
        lakehouse=governed.house.lakehouse,
        views=USE_CASE.views,
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
