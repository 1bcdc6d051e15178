"""Commands about the online store: publishing, looking up, comparing with the offline tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from boathouse.commands.feature_places import ENVIRONMENT, STORE_HELP, choose_views, engines, open_house, show_key
from boathouse.core.errors import FeatureError, RequestError
from boathouse.use_case.features import CURRENT_VIEWS, FEATURE_NAMES, FEATURE_VIEWS
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES

if TYPE_CHECKING:
    from boathouse.core.features import FeatureView
    from boathouse.feature_store import FeatureRefresher
    from boathouse.online_store import OnlineStore

_STORE = click.option("--store", "url", default=None, help=STORE_HELP)
_MODES = ("auto", "full", "incremental")


@click.command()
@ENVIRONMENT
@_STORE
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: all that go online.")
@click.option("--mode", type=click.Choice(_MODES), default="auto", help="What is written. Default: auto.")
@click.option("--purge", is_flag=True, help="Then take out rows older than their view's maximum age.")
@click.option("--watch", type=click.FloatRange(0.1), default=None, help="Go on: look every n seconds for new versions.")
@click.option("--rounds", type=click.IntRange(1), default=None, help="With --watch: stop after n looks.")
def publish(  # noqa: PLR0913, PLR0917 - options
    env: str,
    conf_source: Path,
    url: str | None,
    names: tuple[str, ...],
    mode: str,
    purge: bool,  # noqa: FBT001
    watch: float | None,
    rounds: int | None,
) -> None:
    """Put the newest row of each key into the online store, a view in one step.

    full writes every key, incremental those whose rows changed since the version that is live, auto the
    second where it can. Readers see all old rows of a view, then all new ones; a run on an older version of
    the table than the live one changes nothing. With --watch each new version of a table is published until
    Ctrl-C or SIGTERM; a store that does not answer is told and tried again.
    """
    from boathouse.feature_store.watching import stop_on_signals
    from boathouse.feature_store.watching import watch as watch_steps

    chosen = [view for view in choose_views(names) if view.online or view.label in names]
    house = open_house(env, conf_source)
    house.check_definitions()
    refresher, store = house.refresher(), house.store(url)
    steps = [
        step
        for view in chosen
        for step in _steps(store, view, refresher, mode=mode, purge=purge, extends=house.extended_digests(view))
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
    from boathouse.feature_store import publish_view, purge_view

    steps = [partial(publish_view, store, view, refresher.place(view.table), mode=mode, extends=extends)]
    return [*steps, lambda: purge_view(store, view, now=datetime.now(UTC))] if purge else [*steps]


@click.command(name="look-up")
@click.argument("keys", nargs=-1, required=True)
@ENVIRONMENT
@_STORE
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: those a new model looks up.")
@click.option("--request", "fields", multiple=True, help="A field of the request, name=number; may be repeated.")
@click.option("--log", is_flag=True, help="Record the answer in inference.feature_look_ups.")
@click.option("--reveal", is_flag=True, help="Show keys instead of their hashes.")
def look_up(  # noqa: PLR0913, PLR0917 - options
    keys: tuple[str, ...],
    env: str,
    conf_source: Path,
    url: str | None,
    names: tuple[str, ...],
    fields: tuple[str, ...],
    log: bool,  # noqa: FBT001
    reveal: bool,  # noqa: FBT001
) -> None:
    """Show the features of KEYS as an endpoint gets them: stored ones, and those of the request."""
    import numpy as np

    from boathouse.core.scoring import FeatureSpec
    from boathouse.feature_store import LookUpLog
    from boathouse.online_store import serve_features

    wanted = [_parse_key(key) for key in keys]
    request = {name: np.full(len(wanted), value) for name, value in map(_parse_field, fields)}
    house = open_house(env, conf_source)
    store, now = house.store(url), datetime.now(UTC)
    views = choose_views(names) if names else CURRENT_VIEWS
    features = [name for view in views for name in view.feature_names] if names else FEATURE_NAMES
    spec = FeatureSpec.describe(features, views, ON_DEMAND_FEATURES)
    try:
        served = serve_features(store, spec, features, wanted, request=request, on_demand=ON_DEMAND_FEATURES, now=now)
    finally:
        store.close()
    for number, key in enumerate(wanted):
        found = served.rows.found[number]
        state = "unknown" if not found.any() else "stale" if served.stale[number].any() else "found"
        values = ", ".join(f"{name}={value:g}" for name, value in zip(served.names, served.matrix[number], strict=True))
        click.echo(f"{show_key(key, reveal=reveal)} {state}: {values}")
    if log:
        with engines():
            written = LookUpLog(house.refresher().place("inference.feature_look_ups"))
            written.record(wanted, served.rows, asked_at=now)
            written.flush()


@click.command()
@ENVIRONMENT
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: all.")
def consistency(env: str, conf_source: Path, names: tuple[str, ...]) -> None:
    """Compare logged look-ups with the offline tables at the time of each; exit code 1 if any differs."""
    from boathouse.feature_store import measure_consistency

    refresher = open_house(env, conf_source).refresher()
    differing = []
    with engines():
        for view in choose_views(names):
            found = measure_consistency(
                view, refresher.place(view.table), refresher.place("inference.feature_look_ups")
            )
            click.echo(
                f"{view.label}: {found.equal:,} of {found.look_ups:,} look-ups equal ({found.share:.2%}); "
                f"{found.older_online:,} were of an earlier date; {found.other_definition:,} of another definition"
            )
            if found.equal < found.look_ups:
                differing.append(view.label)
    if differing:
        raise FeatureError(
            f"Answers of {', '.join(differing)} differ from the offline tables. Earlier dates mean that it was "
            "published late: boathouse features publish. Other differences mean that the tables were computed anew "
            "since."
        )


def _parse_key(text: str) -> tuple[int | str, ...]:
    """Return the parts of a key, divided by ``/``, each of the type of its column."""
    types = list(dict(pair for view in FEATURE_VIEWS for pair in view.keys).items())
    parts = text.split("/")
    if len(parts) != len(types):
        raise RequestError.wrong_key(len(parts), [name for name, _ in types])
    try:
        return tuple(int(part) if dtype == "bigint" else part for part, (_, dtype) in zip(parts, types, strict=True))
    except ValueError as error:
        raise RequestError.wrong_key(len(parts), [f"{name} ({dtype})" for name, dtype in types]) from error


def _parse_field(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise RequestError.wrong_type(name, "text") from error
