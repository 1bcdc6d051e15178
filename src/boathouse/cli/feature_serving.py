"""Commands about the online store: publishing, looking up, comparing with the offline tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from boathouse.cli.environment_options import ENVIRONMENT, WRITES, engines
from boathouse.cli.feature_arguments import (
    STORE,
    check_definitions,
    choose_views,
    extended_digests,
    open_refresher,
    open_store,
    show_key,
)
from boathouse.errors import FeatureError, RequestError
from boathouse.tables.keys import read_key
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.features.feature_view import FeatureView
    from boathouse.features.online.store import OnlineStore
    from boathouse.features.refreshing import FeatureRefresher


_MODES = ("auto", "full", "incremental")


@click.command(epilog="Example: boathouse features publish --mode incremental --watch 60 --env prod")
@ENVIRONMENT
@STORE
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: all that go online.")
@click.option("--mode", type=click.Choice(_MODES), default="auto", help="What is written. Default: auto.")
@click.option("--purge", is_flag=True, help="Then take out rows older than their view's maximum age.")
@click.option("--watch", type=click.FloatRange(0.1), default=None, help="Go on: look every n seconds for new versions.")
@click.option("--rounds", type=click.IntRange(1), default=None, help="With --watch: stop after n looks.")
@WRITES
def publish(  # noqa: PLR0913, PLR0917 - options
    environment: Environment,
    url: str | None,
    names: tuple[str, ...],
    mode: str,
    purge: bool,  # noqa: FBT001
    watch: float | None,
    rounds: int | None,
) -> None:
    """Publish features to the online store.

    The newest row of each key, a view in one step. full writes every key, incremental those whose rows changed since
    the version that is live, auto the second where it can. Readers see all old rows of a view, then all new ones; a run
    on an older version of the table than the live one changes nothing. With --watch each new version of a table is
    published until Ctrl-C or SIGTERM; a store that does not answer is reported and tried again.
    """
    from boathouse.features.watching import stop_on_signals
    from boathouse.features.watching import watch as watch_steps

    chosen = [view for view in choose_views(names) if view.online or view.label in names]
    check_definitions(environment)
    refresher, store = open_refresher(environment), open_store(environment, url)
    steps = [
        step
        for view in chosen
        for step in _steps(store, view, refresher, mode=mode, purge=purge, extends=extended_digests(environment, view))
    ]
    with engines(), stop_on_signals() as stop:
        try:
            lines: Iterable[str] = (step() for step in steps)
            if watch is not None:
                lines = watch_steps(steps, every_s=watch, stop=stop, rounds=rounds)
            for line in lines:
                click.echo(line)
        finally:
            store.close()
    if watch is not None and stop.is_set():
        click.echo("stopped")


def _steps(
    store: OnlineStore,
    view: FeatureView,
    refresher: FeatureRefresher,
    *,
    mode: str,
    purge: bool,
    extends: Sequence[str],
) -> list[Callable[[], str]]:
    """Return what is done with one view in a round."""
    from boathouse.features.publishing import publish_view, purge_view

    steps = [partial(publish_view, store, view, refresher.location(view.table), mode=mode, extends=extends)]
    return [*steps, lambda: purge_view(store, view, now=datetime.now(UTC))] if purge else [*steps]


@click.command(name="look-up", epilog="Example: boathouse features look-up 1001 --env prod")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@ENVIRONMENT
@STORE
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: those a new model looks up.")
@click.option("--request", "fields", multiple=True, help="A field of the request, name=number; may be repeated.")
@click.option("--log", is_flag=True, help="Record the answer in inference.feature_look_ups.")
@click.option("--reveal", is_flag=True, help="Show keys instead of their hashes.")
def look_up(  # noqa: PLR0913, PLR0917 - options
    keys: tuple[str, ...],
    environment: Environment,
    url: str | None,
    names: tuple[str, ...],
    fields: tuple[str, ...],
    log: bool,  # noqa: FBT001
    reveal: bool,  # noqa: FBT001
) -> None:
    """Look features up as an endpoint does.

    Stored ones of each KEY, and those of the request.
    """
    import numpy as np

    from boathouse.features.consistency import LookUpLog
    from boathouse.features.online.look_up import serve_features
    from boathouse.scoring.feature_spec import FeatureSpec

    wanted = [_parse_key(key) for key in keys]
    request = {name: np.full(len(wanted), value) for name, value in map(_parse_field, fields)}
    store, now = open_store(environment, url), datetime.now(UTC)
    views = choose_views(names) if names else USE_CASE.current_views
    features = [name for view in views for name in view.feature_names] if names else USE_CASE.feature_names
    spec = FeatureSpec.describe(features, views, USE_CASE.on_demand)
    try:
        served = serve_features(store, spec, features, wanted, request=request, on_demand=USE_CASE.on_demand, now=now)
    finally:
        store.close()
    for number, key in enumerate(wanted):
        found = served.rows.found[number]
        state = "unknown" if not found.any() else "stale" if served.stale[number].any() else "found"
        values = ", ".join(f"{name}={value:g}" for name, value in zip(served.names, served.matrix[number], strict=True))
        click.echo(f"{show_key(key, reveal=reveal)} {state}: {values}")
    if log:
        with engines():
            written = LookUpLog(environment.table("inference.feature_look_ups"))
            written.record(wanted, served.rows, asked_at=now)
            written.flush()


@click.command(epilog="Example: boathouse features consistency --env prod")
@ENVIRONMENT
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: all.")
def consistency(environment: Environment, names: tuple[str, ...]) -> None:
    """Compare look-ups with the offline tables.

    Each logged look-up with the tables as of its time; exit code 1 if any differs.
    """
    from boathouse.features.consistency import measure_consistency

    differing = []
    with engines():
        for view in choose_views(names):
            look_ups = environment.table("inference.feature_look_ups")
            found = measure_consistency(view, environment.table(view.table), look_ups)
            if not found.look_ups and not found.other_definition:
                click.echo(f"{view.label}: no look-ups logged")
                continue
            click.echo(
                f"{view.label}: {found.equal:,} of {found.look_ups:,} look-ups equal ({found.share:.2%}); "
                f"{found.older_online:,} were of an earlier date; {found.other_definition:,} of another definition"
            )
            if found.equal < found.look_ups:
                differing.append(view.label)
    if differing:
        raise FeatureError(
            f"Answers of {', '.join(differing)} differ from the offline tables. Earlier dates mean that it was "
            f"published late: boathouse features publish --env {environment.name}. Other differences mean that the "
            "tables were computed again since."
        )


def _parse_key(text: str) -> tuple[int | str, ...]:
    """Return the parts of a key, divided by ``/``, each of the type of its column."""
    keys = USE_CASE.entity.keys
    parts = text.split("/")
    if len(parts) != len(keys):
        raise RequestError.wrong_key(len(parts), [column.name for column in keys])
    read = (read_key(part, column) for part, column in zip(parts, keys, strict=True))
    return tuple(key for key in read if key is not None)


def _parse_field(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise RequestError.wrong_type(name, "text") from error


@click.command(
    name="publish-predictions", epilog="Example: boathouse features publish-predictions --model-version 3 --env prod"
)
@ENVIRONMENT
@STORE
@click.option("--model", default=None, help="Registered name. Default: the environment's first model.")
@click.option("--model-version", "version", default=None, help="A version. Default: whichever scored last.")
@WRITES
def publish_predictions(environment: Environment, url: str | None, model: str | None, version: str | None) -> None:
    """Publish batch predictions by key.

    The newest of each key goes into the online store, in one step. The server answers them by key at
    /precomputed/<endpoint>/invocations, without scoring anything.
    """
    from boathouse.features.publishing import publish_predictions as publish

    store = open_store(environment, url)
    keys = USE_CASE.entity.typed_keys
    with engines():
        try:
            place = environment.table("inference.predictions")
            name = model or environment.promoted_models[0]
            done = publish(
                store,
                place,
                name,
                keys=keys,
                time_column=USE_CASE.time_column,
                version=version,
                outputs=USE_CASE.task.outputs,
            )
            click.echo(done)
        finally:
            store.close()
