"""``boathouse infer``: scores a table with a registered model into a table, a database or files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.feature_places import ENVIRONMENT, House, engines, open_house
from boathouse.commands.infer_stream import open_stream
from boathouse.core.inference.roles import CHALLENGER, CHAMPION, RoleModel

if TYPE_CHECKING:
    from boathouse.core.modelling import LoadedModel

_HELP = """Score the rows of INPUT and write them to --to.

\b
INPUT has keys and time (then features are looked up as known at that time), or these and
all features of the model. It is one of
  <schema>.<table>       a table of the environment
  FOLDER                 a Delta table
  x.parquet, x.csv       a file, or a folder of files

\b
OUTPUT is one of
  <schema>.<table>       a Delta table of the environment
  delta:FOLDER           a Delta table; its name is <a>/<b>/<c>, the last three folders
  parquet:FOLDER         files, a folder for each batch
  csv:FOLDER             the same as text
  kafka:SERVERS/TOPIC    a topic, of a stream on engine spark; answers are in the table
                         inference.stream_predictions too
  URL#TABLE              a database, as SQLAlchemy names it; env:VARIABLE#TABLE keeps the
                         URL with its password out of the command

The same rows, model, feature tables and number of reasons are one batch: run again, killed or
started twice, it is written once. Rows that cannot be scored go to <table>_quarantine or quarantine.* with
the reason.

\b
Which way fits
  way       from asking to answer      rows                 for
  batch     minutes to a day           thousands and up     month's end, campaigns, backfills
  stream    seconds                    up to thousands/s    statements or requests as they arrive
  endpoint  milliseconds               one to hundreds      a person or a till is waiting
            (boathouse serve)
  edge      microseconds, no network   one                  a device without a connection

Batch runs once and ends. Stream (--way stream) reads what is added to a Delta table of the
environment whose columns are those of inference.requests, from where it was, and ends when
there is nothing new; with --watch it goes on.
"""


@click.command(help=_HELP)
@click.argument("source", metavar="INPUT")
@click.option("--to", "target", required=True, metavar="OUTPUT", help="Where the scores go.")
@click.option("--way", type=click.Choice(["batch", "stream"]), default="batch", help="Default: batch.")
@click.option(
    "--model",
    "wanted",
    default=CHAMPION,
    metavar="VERSION",
    help="champion, challenger or a version. Default: champion.",
)
@click.option("--reasons", type=click.IntRange(0, 20), default=3, help="Reasons per adverse decision. Default: 3.")
@click.option("--watch", type=click.FloatRange(0.1), default=None, help="Stream: look every n seconds for new rows.")
@ENVIRONMENT
def infer(  # noqa: PLR0913, PLR0917 - options
    source: str,
    target: str,
    way: str,
    wanted: str,
    reasons: int,
    watch: float | None,
    env: str,
    conf_source: Path,
) -> None:
    """Score INPUT; see the help text above."""
    house = open_house(env, conf_source)
    with engines():
        if way == "batch":
            _run_batch(house, find_model(house, wanted), source, target, reasons=reasons)
            return
        stream = open_stream(house, source, target)
        while True:
            # A new champion answers from the next look on.
            for line in stream.answer(find_model(house, wanted), reason_count=reasons):
                click.echo(line)
            if watch is None:
                return
            time.sleep(watch)


def find_model(house: House, wanted: str) -> RoleModel:
    """Return the version that ``wanted`` names, by alias or number; only the champion decides.

    Raises:
        ModelError: If there is none.
    """
    from boathouse.core.errors import ModelError
    from boathouse.datasets.model_versions import RegisteredVersions
    from boathouse.datasets.registry_versions import RegistryVersions

    name = house.models[0]
    aliases: dict[str, str] = RegistryVersions().aliases(name)
    if wanted == CHAMPION and CHAMPION not in aliases:
        raise ModelError.no_champion(house.environment)
    if wanted == CHALLENGER and CHALLENGER not in aliases:
        raise ModelError.no_challenger(house.environment)
    version = aliases.get(wanted, wanted)
    model: LoadedModel = RegisteredVersions(name, house.lakehouse.get("schema_evolution", "refuse")).load(version)
    return RoleModel(model, CHAMPION if version == aliases.get(CHAMPION) else CHALLENGER)


def _run_batch(house: House, model: RoleModel, source: str, target: str, *, reasons: int) -> None:
    from boathouse.inference.inputs import open_input
    from boathouse.inference.outputs import open_output
    from boathouse.inference.scoring_run import ScoringRun

    output = open_output(target, house.environment, house.lakehouse)
    rows = open_input(source, house.environment, house.lakehouse)
    run = ScoringRun(model=model, environment=house.environment, lakehouse=house.lakehouse, reason_count=reasons)
    batch = run.name_batch(rows)
    if output.has(batch):
        click.echo(f"batch {batch} is there already: the same rows, model and features; nothing was written")
        return
    done = run.score(rows)
    where = output.write(done)
    title = f"{model.model.name} version {model.model.version} ({model.role})"
    click.echo(
        f"batch {batch}: {len(done.predictions):,} rows scored by {title}, "
        f"{len(done.quarantined):,} put aside, in {where}"
    )
