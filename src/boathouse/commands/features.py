"""``boathouse features``: what there is and what it means, who uses it, and keeping its tables up to date."""

from __future__ import annotations

from pathlib import Path

import click

from boathouse.commands.feature_lineage import describe, impact, lineage
from boathouse.commands.feature_serving import consistency, look_up, publish
from boathouse.commands.feature_tables import backfill, duplicates, freshness, preview, refresh
from boathouse.commands.prediction_publishing import publish_predictions
from boathouse.core.errors import FeatureError
from boathouse.core.features.dictionary import write_dictionary
from boathouse.use_case.features import FEATURE_VIEWS
from boathouse.use_case.on_demand import ON_DEMAND_FEATURES


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
        raise FeatureError(f"No feature has all of the words: {' '.join(words)}. See all: boathouse features list.")


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
