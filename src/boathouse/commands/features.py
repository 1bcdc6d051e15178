"""``boathouse features``: what there is and what it means, who uses it, and keeping its tables up to date."""

from __future__ import annotations

from pathlib import Path

import click

from boathouse.commands.feature_places import ENVIRONMENT, open_house
from boathouse.commands.feature_serving import consistency, look_up, publish
from boathouse.commands.feature_tables import backfill, duplicates, freshness, preview, refresh
from boathouse.commands.prediction_publishing import publish_predictions
from boathouse.core.errors import FeatureError
from boathouse.core.features.dependencies import find_feature, find_impact, trace_sources
from boathouse.core.features.dictionary import write_dictionary
from boathouse.core.features.usage import ModelUse
from boathouse.use_case.features import FEATURE_VIEWS
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES


@click.group()
def features() -> None:
    """Find, compute, publish and trace features."""


for _command in (backfill, consistency, duplicates, freshness, look_up, preview, publish, publish_predictions, refresh):
    features.add_command(_command)


@features.command(name="list")
def list_features() -> None:
    """List every view and its features."""
    for view in FEATURE_VIEWS:
        click.echo(f"{view.label:<20} {', '.join(view.feature_names)}")
    click.echo(f"{'on demand':<20} {', '.join(each.name for each in ON_DEMAND_FEATURES)}")


@features.command()
@click.argument("words", nargs=-1, required=True)
def search(words: tuple[str, ...]) -> None:
    """Find features whose name, meaning, unit, view or owner has all of the words."""
    found = 0
    for view in FEATURE_VIEWS:
        for feature in view.features:
            about = f"{view.label} {view.description} {view.owner}"
            text = f"{feature.name} {feature.description} {feature.unit} {about}"
            if all(word.lower() in text.lower() for word in words):
                found += 1
                click.echo(f"{view.label}.{feature.name} [{feature.unit}] {feature.description}")
    for each in ON_DEMAND_FEATURES:
        text = f"{each.name} {each.description} {each.unit} on demand"
        if all(word.lower() in text.lower() for word in words):
            found += 1
            click.echo(f"on demand.{each.name} [{each.unit}] {each.description}")
    if not found:
        raise FeatureError.not_found(words)


@features.command()
@click.argument("name")
def describe(name: str) -> None:
    """Say what a view or a feature means, who answers for it and what it is made from."""
    for each in ON_DEMAND_FEATURES:
        if each.name == name:
            fields = ", ".join(f"{field.name} [{field.unit}]" for field in each.request)
            click.echo(f"{each.name} [{each.unit}] {each.description}")
            click.echo(f"  on demand, from {', '.join(each.stored)} and the request's {fields}")
            click.echo(f"  definition {each.digest}")
            return
    for view in find_feature(name, FEATURE_VIEWS, ON_DEMAND_FEATURES):
        click.echo(f"{view.label}: {view.description}")
        click.echo(f"  keys {', '.join(view.key_names)} · time {view.time_column} · owner {view.owner}")
        click.echo(f"  made from {', '.join(view.source_names)} · version {view.version} · definition {view.digest}")
        for feature in view.features:
            if name in (view.name, view.label, feature.name):
                click.echo(f"  {feature.name} [{feature.unit}] {feature.description}")


@features.command()
@click.argument("name")
@ENVIRONMENT
def lineage(name: str, env: str, conf_source: Path) -> None:
    """Trace a view or a feature: from which columns it comes, and which registered models look it up."""
    uses = open_house(env, conf_source).model_uses()
    for view in find_feature(name, FEATURE_VIEWS, ON_DEMAND_FEATURES):
        click.echo(f"{view.table} (version {view.version}, definition {view.digest})")
        for table, columns in trace_sources(view, FEATURE_VIEWS).items():
            click.echo(f"  from {table}: {', '.join(columns)}")
        for use in uses:
            if view.name in use.digests:
                same = (
                    "" if use.digests[view.name] == view.digest else f", in another definition {use.digests[view.name]}"
                )
                click.echo(f"  used by {use.title}{same}")
    for each in ON_DEMAND_FEATURES:
        if name in each.stored:
            click.echo(f"  computed on demand from it: {each.name}")


@features.command()
@click.argument("column")
@ENVIRONMENT
def impact(column: str, env: str, conf_source: Path) -> None:
    """Say which features, models and endpoints break if <schema>.<table>.<column> changes."""
    found = find_impact(column, FEATURE_VIEWS, ON_DEMAND_FEATURES)
    for view in found.views:
        click.echo(f"{view.table}: {', '.join(view.feature_names)}")
    if found.on_demand:
        click.echo(f"on demand: {', '.join(found.on_demand)}")
    hit = {view.name for view in found.views}
    users = [use for use in open_house(env, conf_source).model_uses() if hit & set(use.digests)]
    for use in users:
        click.echo(_describe_user(use))
    if not users:
        click.echo(f"no model registered in {env} uses them")


def _describe_user(use: ModelUse) -> str:
    """Return one line; a version with an alias decides somewhere now."""
    if "champion" in use.aliases:
        return f"{use.title}: batch scoring and every endpoint that follows the champion"
    return f"{use.title}"


@features.command()
@click.option("--to", "path", type=click.Path(path_type=Path), default=None, help="A file; default: the screen.")
def dictionary(path: Path | None) -> None:
    """Write the feature dictionary as Markdown."""
    page = write_dictionary(FEATURE_VIEWS, ON_DEMAND_FEATURES)
    if path is None:
        click.echo(page)
    else:
        path.write_text(page, encoding="utf-8")
        click.echo(f"{path}: {len(FEATURE_VIEWS)} views")
