"""``boathouse infer``: scores a table with a registered model into a table, a database or files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT, WRITES, engines
from boathouse.cli.model_arguments import explain_absence
from boathouse.errors import InferenceError
from boathouse.errors.inference import NOTHING_DONE
from boathouse.inference.models import RoleModel
from boathouse.problem.scored_tables import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.inference.options import StreamOptions
    from boathouse.inference.structured_stream import KafkaOutput


# A request made a day before the newest is late, as in the pipeline.
_DELAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class RequestStream:
    """A stream from one table to another.

    Attributes:
        environment: Environment of both tables.
        source: Table of requests, ``<schema>.<table>``.
        table: Table of answers, ``<schema>.<table>``.
        topic: Topic that the answers are also sent to; None for none.
    """

    environment: Environment
    source: str
    table: str
    topic: KafkaOutput | None

    def answer(self, model: RoleModel, *, reason_count: int) -> Iterator[str]:
        """Answer the waiting requests with ``model``; give a line for the table and one for the topic."""
        from boathouse.inference.datasets import RequestStreamDataset
        from boathouse.inference.rows import plan_requests
        from boathouse.locations import locate_data
        from boathouse.problem.scored_tables import STREAM_PREDICTIONS
        from boathouse.use_case import USE_CASE

        location = self.environment.table(self.table)
        checkpoints = Path(str(locate_data("checkpoints")))
        stream = RequestStreamDataset(
            table=location.table,
            source=self.environment.table(self.source).table,
            lakehouse=self.environment.lakehouse,
            checkpoints=checkpoints.as_posix(),
            contract=USE_CASE.contracts[STREAM_PREDICTIONS],
        )
        options = self._options(reason_count)
        stream.save(plan_requests(model, USE_CASE, options))
        yield f"{location.table}: {stream.load().count():,} requests answered so far"
        if self.topic is not None:
            self.topic.publish(location, options, checkpoint=checkpoints / location.table / f"kafka-{self.topic.topic}")
            yield f"topic {self.topic.topic}: all of them sent"

    def _options(self, reason_count: int) -> StreamOptions:
        from boathouse.inference.options import StreamOptions

        return StreamOptions(
            name=f"infer-{self.source}-{self.table}".replace(".", "-"),
            post_newest=False,
            delay_s=_DELAY_S,
            reason_count=reason_count,
            trigger="available_now",
            interval_s=1.0,
            stop_when_idle_s=0.0,
            most_versions=100,
        )


def open_stream(environment: Environment, source: str, target: str) -> RequestStream:
    """Return the stream from ``source`` to ``target``, a table or ``kafka:SERVERS/TOPIC``; nothing is read yet.

    Raises:
        InferenceError: If either is no table of the environment, or Spark runs without Kafka's connector.
        StreamError: If the engine cannot send to Kafka.
    """
    from boathouse.inference.inputs import TABLE_NAME
    from boathouse.inference.structured_stream import KafkaOutput
    from boathouse.problem.scored_tables import STREAM_PREDICTIONS

    topic = KafkaOutput.parse(target)
    table = target if topic is None else STREAM_PREDICTIONS
    if not TABLE_NAME.fullmatch(source):
        raise InferenceError(
            f"A stream reads a Delta table of the environment, not '{source}'. {NOTHING_DONE} "
            "Give <schema>.<table>, or use --way batch."
        )
    if not TABLE_NAME.fullmatch(table):
        raise InferenceError(
            f"A stream writes to a Delta table of the environment or to Kafka, not to '{target}'. {NOTHING_DONE} "
            "Give <schema>.<table> or kafka:SERVERS/TOPIC, or use --way batch."
        )
    if topic is not None:
        topic.check_engine(environment.engine)
    return RequestStream(environment=environment, source=source, table=table, topic=topic)


_HELP = """Score rows in batch or from a stream.

The rows of INPUT are scored and written to --to.

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
started twice, it is written once. Rows that cannot be scored go to <table>_quarantine or
quarantine.* with the reason.

\b
Which way fits
  way       latency                    rows                 for
  batch     minutes to a day           thousands and up     month's end, campaigns, backfills
  stream    seconds                    up to thousands/s    events or requests as they arrive
  endpoint  milliseconds               one to hundreds      a person or a till that waits
            (boathouse serve)
  edge      microseconds, no network   one                  a device without a connection

Batch runs once and ends. Stream (--way stream) reads what is added to a Delta table of the
environment whose columns are those of inference.requests, from its last position, and ends
when there is nothing new; with --watch it continues.
"""


@click.command(help=_HELP, epilog="Example: boathouse infer rows.csv --to parquet:dist/scores --env prod")
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
@click.option("--watch", type=click.FloatRange(0.1), default=None, help="Stream: poll every n seconds for new rows.")
@ENVIRONMENT
@WRITES
def infer(  # noqa: PLR0913, PLR0917 - options
    source: str,
    target: str,
    way: str,
    wanted: str,
    reasons: int,
    watch: float | None,
    environment: Environment,
) -> None:
    """Score INPUT; the help text is above."""
    environment.use_mlflow()
    with engines():
        if way == "batch":
            _run_batch(environment, find_model(environment, wanted), source, target, reasons=reasons)
            return
        stream = open_stream(environment, source, target)
        while True:
            # A new champion scores from the next poll on.
            for line in stream.answer(find_model(environment, wanted), reason_count=reasons):
                click.echo(line)
            if watch is None:
                return
            time.sleep(watch)


def find_model(environment: Environment, wanted: str) -> RoleModel:
    """Return the version at alias or number ``wanted``, with its role: only the champion decides.

    Raises:
        ModelError: If there is none, or ledger and registry do not agree on it.
    """
    from boathouse.cli.model_arguments import open_decided
    from boathouse.errors import ModelError
    from boathouse.modelling.result import NoModel

    name = environment.promoted_models[0]
    with open_decided(environment, name) as versions:
        model = versions.load_if_any(wanted)
        champion = versions.read().now.champion
    if isinstance(model, NoModel):
        if wanted == CHALLENGER:
            raise ModelError.no_challenger(environment.name)
        raise ModelError(str(explain_absence(environment, name)))
    return RoleModel(model, CHAMPION if model.version == champion else CHALLENGER)


def _run_batch(environment: Environment, model: RoleModel, source: str, target: str, *, reasons: int) -> None:
    from boathouse.inference.inputs import open_input
    from boathouse.inference.scoring_run import ScoringRun, open_output
    from boathouse.use_case import USE_CASE

    output = open_output(target, environment, predictions=USE_CASE.contracts["inference.predictions"])
    rows = open_input(source, environment)
    run = ScoringRun(use_case=USE_CASE, model=model, environment=environment, reason_count=reasons)
    batch = run.name_batch(rows)
    if output.has(batch):
        click.echo(f"batch {batch} is there already: the same rows, model and features; nothing was written")
        return
    done = run.score(rows)
    where = output.write(done)
    title = f"{model.model.name} version {model.model.version} ({model.role})"
    click.echo(
        f"batch {batch}: {len(done.predictions):,} rows scored by {title}, "
        f"{len(done.quarantined):,} quarantined, in {where}"
    )
