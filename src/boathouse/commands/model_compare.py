"""Two versions side by side: what evaluation measured of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from boathouse.commands.environment_options import ENVIRONMENT
from boathouse.commands.model_places import JSON_OUTPUT, open_governed, show_json
from boathouse.core.errors import ConfigError, LifeCycleError
from boathouse.core.promotion.fold import fold

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.commands.model_places import Governed

_ALL = ":all"


@click.command()
@click.argument("words", nargs=-1, required=True)
@ENVIRONMENT
@JSON_OUTPUT
def compare(words: tuple[str, ...], env: str, conf_source: Path, *, as_json: bool) -> None:
    """Show the metrics of two versions: [NAME] VERSION [OTHER]; OTHER is the champion by default.

    The numbers are those of each version's own evaluation. Rows and months can differ between two evaluations;
    the paired comparison with its interval is in the gates of each version: boathouse models show.
    """
    governed = open_governed(env, conf_source)
    name, first, second = _split(governed, words)
    metrics = {version: _read_metrics(governed, name, version) for version in (first, second)}
    for version, found in metrics.items():
        if not found:
            raise LifeCycleError.not_checked(name, version)
    if as_json:
        show_json({"model": name, "metrics": metrics})
        return
    click.echo(f"{'metric':<24}{first:>14}{second:>14}{'difference':>14}")
    for metric in sorted(metrics[first].keys() & metrics[second].keys()):
        one, other = metrics[first][metric], metrics[second][metric]
        click.echo(f"{metric:<24}{one:>14.4f}{other:>14.4f}{one - other:>+14.4f}")


def _split(governed: Governed, words: tuple[str, ...]) -> tuple[str, str, str]:
    versions = [word for word in words if word.isdigit()]
    name, _ = governed.split_words([word for word in words if not word.isdigit()], needs_version=False)
    life = fold(governed.house.ledger().read(name), name=name)
    if len(versions) == 1 and life.champion:
        versions.append(life.champion)
    if len(versions) != 2 or versions[0] == versions[1]:
        raise ConfigError(f"Expected two versions, or one beside a champion (it is {life.champion or 'none'}).")
    for version in versions:
        if version not in life.versions:
            raise LifeCycleError.unknown_version(name, version, life.versions)
    return name, versions[0], versions[1]


def _read_metrics(governed: Governed, name: str, version: str) -> dict[str, float]:
    """Return the candidate's metrics over all rows."""
    import pyarrow.compute as pc

    rows = _read_evaluations(governed)
    wanted: Any = (pc.field("model_name") == name) & (pc.field("model_version") == version)
    wanted &= (pc.field("role") == "candidate") & (pc.field("slice_key") == _ALL)
    found = rows.filter(wanted & pc.field("value").is_valid()).select(["metric", "value"]).to_pydict()
    return dict(zip(found["metric"], found["value"], strict=True))


def _read_evaluations(governed: Governed) -> pa.Table:
    from boathouse.tables.location import TableLocation

    house = governed.house
    place = TableLocation.from_lakehouse(f"{house.environment}.audit.evaluations", house.lakehouse)
    version = place.require_version("evaluation")
    if place.path is not None:
        from boathouse.tables.delta_log import read_local_rows

        return read_local_rows(place.path)
    from boathouse.commands.feature_places import engines

    with engines():
        return place.read(version).toArrow()
