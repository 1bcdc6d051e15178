"""``boathouse features``: what there is, what it means, and publishing it to the online store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.core.errors import FeatureError, MissingTableError
from boathouse.use_case.features import FEATURE_VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from boathouse.core.features import FeatureView
    from boathouse.datasets.delta_place import TablePlace

_STORE_HELP = "URL of the online store. Default: BOATHOUSE_ONLINE_STORE, else SQLite in the data folder."


@click.group()
def features() -> None:
    """List and describe features, and publish them to the online store."""


@features.command(name="list")
def list_features() -> None:
    """List every view and its features."""
    for view in FEATURE_VIEWS:
        click.echo(f"{view.name:<20} {', '.join(view.feature_names)}")


@features.command()
@click.argument("name")
def describe(name: str) -> None:
    """Say what a view or a feature means, who answers for it and what it is made from."""
    chosen = [view for view in FEATURE_VIEWS if name in (view.name, *view.feature_names)]
    if not chosen:
        raise FeatureError.unknown(name, [view.name for view in FEATURE_VIEWS])
    for view in chosen:
        click.echo(f"{view.name}: {view.description}")
        click.echo(f"  keys {', '.join(view.key_names)} · time {view.time_column} · owner {view.owner}")
        click.echo(f"  made from {', '.join(view.source_names)} · definition {view.digest}")
        for feature in view.features:
            if name in (view.name, feature.name):
                click.echo(f"  {feature.name} [{feature.unit}] {feature.description}")


@features.command()
@click.option("--env", "-e", default="dev", help="Environment whose feature tables are published. Default: dev.")
@click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: all.")
@click.option("--store", "url", default=None, help=_STORE_HELP)
@click.option(
    "--conf-source", type=click.Path(path_type=Path), default=Path("conf"), help="Configuration; default: ./conf."
)
def publish(env: str, names: tuple[str, ...], url: str | None, conf_source: Path) -> None:
    """Put the newest row of each key into the online store, a view in one step.

    Readers see all old rows of a view, then all new ones. A run on an older version of the table than the
    one that is live changes nothing.
    """
    from boathouse.engines import stop_engines
    from boathouse.hooks.environments import require_environment
    from boathouse.online_store import OnlineStore

    require_environment(env, conf_source)
    unknown = sorted(set(names) - {view.name for view in FEATURE_VIEWS})
    if unknown:
        raise FeatureError.unknown(unknown[0], [view.name for view in FEATURE_VIEWS])
    store = OnlineStore(url or locate_online_store(env), timeout_s=30)
    try:
        for view in FEATURE_VIEWS:
            if not names or view.name in names:
                click.echo(publish_view(store, view, env, _lakehouse(env, conf_source)))
    finally:
        store.close()
        stop_engines()


def locate_online_store(environment: str) -> str:
    """Return the store's URL: BOATHOUSE_ONLINE_STORE, else a SQLite file of the environment in the data folder."""
    from boathouse.hooks.locations import locate_data

    return os.environ.get("BOATHOUSE_ONLINE_STORE") or f"sqlite:///{locate_data(f'online_{environment}.db')}"


def publish_view(store: Any, view: FeatureView, environment: str, lakehouse: dict[str, str]) -> str:  # noqa: ANN401
    """Publish the newest row of each key of one view; return what was done, in a line.

    Raises:
        MissingTableError: If the view has not been computed in this environment.
        OnlineStoreError: If the store takes nothing.
    """
    from boathouse.datasets.delta_log import open_log
    from boathouse.datasets.delta_place import TablePlace
    from boathouse.online_store import OnlineView

    place = TablePlace.from_lakehouse(f"{environment}.features.{view.name}", lakehouse)
    log = open_log(place)
    if not log.exists():
        where = place.path or place.sql_name
        raise MissingTableError.in_environment(place.table, environment, where, "feature_engineering")
    version = log.newest()
    online = OnlineView.from_feature_view(view)
    done = store.publish_full(online, newest_rows(view, place, version), source_version=version)
    if done.skipped:
        return f"{view.name}: nothing published, {done.skipped}"
    return f"{view.name}: {done.rows:,} keys of version {version} in {store.where}"


def newest_rows(view: FeatureView, place: TablePlace, version: int) -> Iterator[tuple[Any, ...]]:
    """Give keys, time in microseconds since 1970 UTC and features of the newest row of each key."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    table = place.read(version)
    newest = F.max(view.time_column).over(Window.partitionBy(*view.key_names))
    rows = table.withColumn("__newest", newest).where(F.col(view.time_column) == F.col("__newest"))
    time = F.unix_micros(F.col(view.time_column).cast("timestamp"))
    chosen = rows.select(*view.key_names, time.alias("__time"), *view.feature_names).toArrow()
    for batch in chosen.to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _lakehouse(env: str, conf_source: Path) -> dict[str, str]:
    from kedro.framework.project import configure_project, settings

    configure_project("boathouse")
    loader = settings.CONFIG_LOADER_CLASS(str(conf_source), env=env, **settings.CONFIG_LOADER_ARGS)
    found: dict[str, str] = loader["globals"]["lakehouse"]
    return found
