"""``boathouse features publish-predictions``: batch predictions, to be read by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boathouse.commands.environment_options import ENVIRONMENT, engines
from boathouse.commands.feature_arguments import STORE, open_store
from boathouse.use_case.features import CURRENT_VIEWS, TIME_COLUMN

if TYPE_CHECKING:
    from boathouse.environment import Environment


@click.command(
    name="publish-predictions", epilog="Example: boathouse features publish-predictions --model-version 3 --env prod"
)
@ENVIRONMENT
@STORE
@click.option("--model", default=None, help="Registered name. Default: the environment's first model.")
@click.option("--model-version", "version", default=None, help="A version. Default: whichever scored last.")
def publish_predictions(environment: Environment, url: str | None, model: str | None, version: str | None) -> None:
    """Publish batch predictions by key.

    The newest of each key goes into the online store, in one step. The server answers them by key at
    /precomputed/<endpoint>/invocations, without scoring anything.
    """
    from boathouse.feature_store.predictions import publish_predictions as publish

    store = open_store(environment, url)
    keys = tuple(dict(pair for view in CURRENT_VIEWS for pair in view.keys).items())
    with engines():
        try:
            place = environment.table("inference.predictions")
            name = model or environment.promoted_models[0]
            click.echo(publish(store, place, name, keys=keys, time_column=TIME_COLUMN, version=version))
        finally:
            store.close()
