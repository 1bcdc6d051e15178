"""``boathouse features``: what there is and what it means, who uses it, and keeping its tables up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.atomic_files import write_file
from boathouse.cli.environment_options import ENVIRONMENT, engines
from boathouse.cli.feature_arguments import endpoint_uses, live_versions, model_uses, open_refresher
from boathouse.cli.feature_serving import consistency, look_up, publish, publish_predictions
from boathouse.cli.feature_tables import backfill, describe_freshness, duplicates, freshness, preview, refresh
from boathouse.errors import FeatureError, TableError
from boathouse.features.lineage import find_feature, find_impact, trace_sources
from boathouse.features.usage import find_serving, users_of
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.environment import Environment
    from boathouse.features.feature_view import FeatureView
    from boathouse.features.usage import EndpointUse, ModelUse
    from boathouse.scoring.feature_spec import Feature
    from boathouse.scoring.on_demand import OnDemandFeature


@click.command(epilog="Example: boathouse features describe profile")
@click.argument("name")
@ENVIRONMENT
def describe(name: str, environment: Environment) -> None:
    """Describe a view or a feature.

    What it means and is made from, who uses it in the environment and how fresh it is there. Statistics are those of
    the last kedro run --pipeline feature_engineering.
    """
    views = find_feature(name, USE_CASE.views, USE_CASE.on_demand)
    uses = model_uses(environment)
    for each in USE_CASE.on_demand:
        if each.name == name:
            _describe_on_demand(each)
            _show_users(_users_on_demand(each, uses), environment)
            return
    with engines():
        for view in views:
            _describe_view(view, environment, name)
            users = users_of(view, uses)
            taking = [use for use in users if use.takes(_named(name, view), USE_CASE.on_demand)]
            _show_users(taking, environment)
            _show_idle([use for use in users if use not in taking], view)


@click.command(epilog="Example: boathouse features lineage age")
@click.argument("name")
@ENVIRONMENT
def lineage(name: str, environment: Environment) -> None:
    """Trace a feature to columns and models.

    From which columns a view or a feature comes, and which models and endpoints look it up.
    """
    views = find_feature(name, USE_CASE.views, USE_CASE.on_demand)
    for each in USE_CASE.on_demand:
        if each.name == name:
            _describe_on_demand(each)
    uses, endpoints = model_uses(environment), endpoint_uses(environment)
    for view in views:
        click.echo(f"{view.table} (version {view.version}, definition {view.digest})")
        wanted = _named(name, view)
        for table, columns in trace_sources(view, USE_CASE.views, wanted).items():
            click.echo(f"  from {table}: {', '.join(columns)}")
        for use in uses:
            digest = use.digests.get(view.name)
            if digest is not None and use.takes(wanted, USE_CASE.on_demand):
                other = "" if digest == view.digest else f", in another definition {digest}"
                click.echo(f"  used by {use.title}{other}{_served(use, endpoints)}")
    for each in USE_CASE.on_demand:
        if name in each.stored:
            click.echo(f"  computed on demand from it: {each.name}")


@click.command(epilog="Example: boathouse features impact clean.accounts.opened_on")
@click.argument("column")
@ENVIRONMENT
def impact(column: str, environment: Environment) -> None:
    """List what breaks if a column changes.

    COLUMN is <schema>.<table>.<column>; what breaks are features, models and endpoints.
    """
    found = find_impact(column, USE_CASE.views, USE_CASE.on_demand)
    for view, names in found.by_view:
        click.echo(f"{view.table}: {', '.join(names)}")
    if found.on_demand:
        click.echo(f"on demand: {', '.join(found.on_demand)}")
    hit, endpoints = {view.name for view in found.views}, endpoint_uses(environment)
    users = [
        use
        for use in model_uses(environment)
        if hit & set(use.digests) and use.takes(found.features, USE_CASE.on_demand)
    ]
    for use in users:
        batch = "; batch scoring" if "champion" in use.aliases else ""
        click.echo(f"{use.title}{batch}{_served(use, endpoints)}")
    if not users:
        click.echo(f"no model registered in {environment.name} uses them")


def _describe_on_demand(each: OnDemandFeature) -> None:
    fields = ", ".join(f"{field.name} [{field.unit}]" for field in each.request)
    click.echo(f"{each.name} [{each.unit}] {each.description}")
    click.echo(f"  on demand, from {', '.join(each.stored)} and the request's {fields}")
    click.echo(f"  definition {each.digest}")


def _describe_view(view: FeatureView, environment: Environment, name: str) -> None:
    """Print the declaration, then freshness and statistics where the environment has them."""
    from boathouse.features.registry import read_statistics

    measured = read_statistics(environment.table("features.statistics"), view)
    click.echo(f"{view.label}: {view.description}")
    click.echo(f"  keys {', '.join(view.key_names)} · time {view.time_column} · owner {view.owner}")
    click.echo(f"  made from {', '.join(view.source_names)} · version {view.version} · definition {view.digest}")
    for feature in view.features:
        if name in (view.name, view.label, feature.name):
            click.echo(f"  {feature.name} [{feature.unit}] {feature.description}{_numbers(feature, measured)}")
    try:
        line, _ = describe_freshness(open_refresher(environment), view, live_versions(environment))
    except TableError:
        line = "its sources are not there"
    click.echo(f"  in {environment.name}: {line}")


def _numbers(feature: Feature, measured: dict[str, dict[str, Any]]) -> str:
    row = measured.get(feature.name)
    if row is None or row["mean"] is None:
        return ""
    return (
        f" ({row['rows']:,} rows, null {row['null_share']:.1%}, mean {row['mean']:.4g}, "
        f"from {row['minimum']:.4g} to {row['maximum']:.4g})"
    )


def _show_users(users: Sequence[ModelUse], environment: Environment) -> None:
    endpoints = endpoint_uses(environment)
    for use in users:
        click.echo(f"  used by {use.title}{_served(use, endpoints)}")
    if not users:
        click.echo(f"  no model registered in {environment.name} uses it in this definition")


def _users_on_demand(each: OnDemandFeature, uses: Sequence[ModelUse]) -> list[ModelUse]:
    """Return the versions that take the feature and look up all that it is computed from."""
    views = find_feature(each.name, USE_CASE.views, USE_CASE.on_demand)
    looking = [use for use in uses if all(use.digests.get(view.name) == view.digest for view in views)]
    return [use for use in looking if use.inputs is None or each.name in use.inputs]


def _named(name: str, view: FeatureView) -> tuple[str, ...]:
    """Return which features of ``view`` are meant by ``name``: one, those that one on demand needs, or all."""
    needed = {name, *(stored for each in USE_CASE.on_demand if each.name == name for stored in each.stored)}
    return tuple(feature for feature in view.feature_names if feature in needed) or view.feature_names


def _show_idle(users: Sequence[ModelUse], view: FeatureView) -> None:
    """Say which versions have the view in the store and take nothing of what is asked about."""
    for use in users:
        click.echo(f"  not taken by {use.title}, which looks up other features of {view.label}")


def _served(use: ModelUse, endpoints: Sequence[EndpointUse]) -> str:
    return "".join(f"; {each.title}" for each in find_serving(use, endpoints))


@click.group()
def features() -> None:
    """Find, compute, publish and trace features."""


_COMMANDS = (
    backfill,
    consistency,
    describe,
    duplicates,
    freshness,
    impact,
    lineage,
    look_up,
    preview,
    publish,
    publish_predictions,
    refresh,
)
for _command in _COMMANDS:
    features.add_command(_command)


@features.command(name="list", epilog="Example: boathouse features list")
def list_features() -> None:
    """List every view and its features."""
    for view in USE_CASE.views:
        click.echo(f"{view.label:<20} {', '.join(view.feature_names)}")
    click.echo(f"{'on demand':<20} {', '.join(each.name for each in USE_CASE.on_demand)}")


@features.command(epilog="Example: boathouse features search age")
@click.argument("terms", nargs=-1, required=True, metavar="TERM...")
def search(terms: tuple[str, ...]) -> None:
    """Find features by name, meaning or owner.

    Every TERM has to be in the name, meaning, unit, view or owner.
    """
    found = 0
    for view in USE_CASE.views:
        for feature in view.features:
            about = f"{view.label} {view.description} {view.owner}"
            text = f"{feature.name} {feature.description} {feature.unit} {about}"
            if all(term.lower() in text.lower() for term in terms):
                found += 1
                click.echo(f"{view.label}.{feature.name} [{feature.unit}] {feature.description}")
    for each in USE_CASE.on_demand:
        text = f"{each.name} {each.description} {each.unit} on demand"
        if all(term.lower() in text.lower() for term in terms):
            found += 1
            click.echo(f"on demand.{each.name} [{each.unit}] {each.description}")
    if not found:
        raise FeatureError(f"No feature has all of the terms: {' '.join(terms)}. See all: boathouse features list.")


@features.command(epilog="Example: boathouse features dictionary --to dist/features.md")
@click.option("--to", "path", type=click.Path(path_type=Path), default=None, help="A file; default: the screen.")
def dictionary(path: Path | None) -> None:
    """Write the feature dictionary as Markdown."""
    from boathouse.features.registry import write_dictionary

    page = write_dictionary(USE_CASE.views, USE_CASE.on_demand)
    if path is None:
        click.echo(page)
    else:
        write_file(path, page.encode(), durable=False)
        click.echo(f"{path}: {len(USE_CASE.views)} views")
