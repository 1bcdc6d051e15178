"""Commands that say what a feature is, where it comes from, and whom a change of it reaches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.commands.feature_places import ENVIRONMENT, House, engines, open_house
from boathouse.commands.feature_tables import describe_freshness
from boathouse.core.errors import TableError
from boathouse.core.features.usage import find_feature, find_impact, find_serving, trace_sources, users_of
from boathouse.use_case.features import FEATURE_VIEWS
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.core.features import Feature, FeatureView
    from boathouse.core.features.usage import ModelUse
    from boathouse.core.scoring.on_demand import OnDemandFeature


@click.command()
@click.argument("name")
@ENVIRONMENT
def describe(name: str, env: str, conf_source: Path) -> None:
    """Say what a view or a feature means and is made from, and, in an environment, who uses it and how fresh it is.

    Statistics are those of the last kedro run --pipeline feature_engineering.
    """
    views = find_feature(name, FEATURE_VIEWS, ON_DEMAND_FEATURES)
    house = open_house(env, conf_source)
    uses = house.model_uses()
    for each in ON_DEMAND_FEATURES:
        if each.name == name:
            _describe_on_demand(each)
            _tell_users(_users_on_demand(each, uses), house, env)
            return
    with engines():
        for view in views:
            _describe_view(view, house, name)
            _tell_users(users_of(view, uses), house, env)


@click.command()
@click.argument("name")
@ENVIRONMENT
def lineage(name: str, env: str, conf_source: Path) -> None:
    """Trace a view or a feature: from which columns it comes, and which models and endpoints look it up."""
    views = find_feature(name, FEATURE_VIEWS, ON_DEMAND_FEATURES)
    house = open_house(env, conf_source)
    for each in ON_DEMAND_FEATURES:
        if each.name == name:
            _describe_on_demand(each)
    for view in views:
        click.echo(f"{view.table} (version {view.version}, definition {view.digest})")
        for table, columns in trace_sources(view, FEATURE_VIEWS).items():
            click.echo(f"  from {table}: {', '.join(columns)}")
        for use in house.model_uses():
            digest = use.digests.get(view.name)
            if digest is not None:
                other = "" if digest == view.digest else f", in another definition {digest}"
                click.echo(f"  used by {use.title}{other}{_served(use, house)}")
    for each in ON_DEMAND_FEATURES:
        if name in each.stored:
            click.echo(f"  computed on demand from it: {each.name}")


@click.command()
@click.argument("column")
@ENVIRONMENT
def impact(column: str, env: str, conf_source: Path) -> None:
    """Say which features, models and endpoints break if <schema>.<table>.<column> changes."""
    found = find_impact(column, FEATURE_VIEWS, ON_DEMAND_FEATURES)
    for view in found.views:
        click.echo(f"{view.table}: {', '.join(view.feature_names)}")
    if found.on_demand:
        click.echo(f"on demand: {', '.join(found.on_demand)}")
    house = open_house(env, conf_source)
    hit = {view.name for view in found.views}
    users = [use for use in house.model_uses() if hit & set(use.digests)]
    for use in users:
        batch = "; batch scoring" if "champion" in use.aliases else ""
        click.echo(f"{use.title}{batch}{_served(use, house)}")
    if not users:
        click.echo(f"no model registered in {env} uses them")


def _describe_on_demand(each: OnDemandFeature) -> None:
    fields = ", ".join(f"{field.name} [{field.unit}]" for field in each.request)
    click.echo(f"{each.name} [{each.unit}] {each.description}")
    click.echo(f"  on demand, from {', '.join(each.stored)} and the request's {fields}")
    click.echo(f"  definition {each.digest}")


def _describe_view(view: FeatureView, house: House, name: str) -> None:
    """Print the declaration, then freshness and statistics where the environment has them."""
    from boathouse.feature_store import read_statistics

    refresher = house.refresher()
    measured = read_statistics(refresher.place("features.statistics"), view)
    click.echo(f"{view.label}: {view.description}")
    click.echo(f"  keys {', '.join(view.key_names)} · time {view.time_column} · owner {view.owner}")
    click.echo(f"  made from {', '.join(view.source_names)} · version {view.version} · definition {view.digest}")
    for feature in view.features:
        if name in (view.name, view.label, feature.name):
            click.echo(f"  {feature.name} [{feature.unit}] {feature.description}{_numbers(feature, measured)}")
    try:
        line, _ = describe_freshness(refresher, view, house.live_versions())
    except TableError:
        line = "its sources are not there"
    click.echo(f"  in {house.environment}: {line}")


def _numbers(feature: Feature, measured: dict[str, dict[str, Any]]) -> str:
    row = measured.get(feature.name)
    if row is None or row["mean"] is None:
        return ""
    return (
        f" ({row['rows']:,} rows, null {row['null_share']:.1%}, mean {row['mean']:.4g}, "
        f"from {row['minimum']:.4g} to {row['maximum']:.4g})"
    )


def _tell_users(users: Sequence[ModelUse], house: House, env: str) -> None:
    for use in users:
        click.echo(f"  used by {use.title}{_served(use, house)}")
    if not users:
        click.echo(f"  no model registered in {env} uses it in this definition")


def _users_on_demand(each: OnDemandFeature, uses: Sequence[ModelUse]) -> list[ModelUse]:
    """Return the versions that look up all that the feature is computed from: any of them may use it."""
    views = find_feature(each.name, FEATURE_VIEWS, ON_DEMAND_FEATURES)
    return [use for use in uses if all(use.digests.get(view.name) == view.digest for view in views)]


def _served(use: ModelUse, house: House) -> str:
    return "".join(f"; {each.title}" for each in find_serving(use, house.endpoints))
