"""``boathouse features publish-predictions``: batch predictions, to be read by key."""

from __future__ import annotations

from pathlib import Path

import click

from boathouse.commands.feature_places import ENVIRONMENT, STORE_HELP, engines, open_house
from boathouse.use_case import USE_CASE


@click.command(name="publish-predictions")
@ENVIRONMENT
@click.option("--store", "url", default=None, help=STORE_HELP)
@click.option("--model", default=None, help="Registered name. Default: the environment's first model.")
@click.option("--model-version", "version", default=None, help="A version. Default: whichever scored last.")
def publish_predictions(env: str, conf_source: Path, url: str | None, model: str | None, version: str | None) -> None:
    """Put the newest batch prediction of each key into the online store, in one step.

    The server answers them by key at /precomputed/<endpoint>/invocations, without scoring anything.
    """
    from boathouse.feature_store.predictions import publish_predictions as publish

    house = open_house(env, conf_source)
    store = house.store(url)
    with engines():
        try:
            place = house.refresher().place("inference.predictions")
            name = model or house.models[0]
            click.echo(
                publish(
                    store,
                    place,
                    name,
                    keys=USE_CASE.entity.typed_keys,
                    time_column=USE_CASE.time_column,
                    version=version,
                )
            )
        finally:
            store.close()
