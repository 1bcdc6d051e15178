"""Two versions side by side: what evaluation measured of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from boathouse.commands.environment_options import ENVIRONMENT, JSON_OUTPUT, engines, show_json
from boathouse.commands.model_arguments import NAME_VERSION, split_name
from boathouse.core.errors import ConfigError, LifeCycleError
from boathouse.core.promotion.fold import fold
from boathouse.governance.ledger import PROMOTIONS, open_ledger

if TYPE_CHECKING:
    import pyarrow as pa

    from boathouse.environment import Environment

_ALL = ":all"


@click.command(epilog="Example: boathouse models compare 4 3 --env prod")
@NAME_VERSION("[NAME] VERSION [OTHER]")
@ENVIRONMENT
@JSON_OUTPUT
def compare(words: tuple[str, ...], environment: Environment, *, as_json: bool) -> None:
    """Compare the metrics of two versions.

    OTHER is the champion by default. The numbers are those of each version's own evaluation. Rows and months can differ
    between two evaluations; the paired comparison with its interval is in the gates of each version: boathouse models
    show.
    """
    name, first, second = _split(environment, words)
    metrics = {version: _read_metrics(environment, name, version) for version in (first, second)}
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


def _split(environment: Environment, words: tuple[str, ...]) -> tuple[str, str, str]:
    versions = [word for word in words if word.isdigit()]
    name, _ = split_name(environment, [word for word in words if not word.isdigit()])
    life = fold(open_ledger(environment.table(PROMOTIONS)).read(name), name=name)
    if len(versions) == 1 and life.champion:
        versions.append(life.champion)
    if len(versions) != 2 or versions[0] == versions[1]:
        raise ConfigError(f"Expected two versions, or one beside a champion (it is {life.champion or 'none'}).")
    for version in versions:
        if version not in life.versions:
            raise LifeCycleError.unknown_version(name, version, life.versions)
    return name, versions[0], versions[1]


def _read_metrics(environment: Environment, name: str, version: str) -> dict[str, float]:
    """Return the candidate's metrics over all rows."""
    import pyarrow.compute as pc

    rows = _read_evaluations(environment)
    wanted: Any = (pc.field("model_name") == name) & (pc.field("model_version") == version)
    wanted &= (pc.field("role") == "candidate") & (pc.field("slice_key") == _ALL)
    found = rows.filter(wanted & pc.field("value").is_valid()).select(["metric", "value"]).to_pydict()
    return dict(zip(found["metric"], found["value"], strict=True))


def _read_evaluations(environment: Environment) -> pa.Table:
    from boathouse.core.errors import MissingTableError
    from boathouse.datasets.delta_log import open_log

    place = environment.table("audit.evaluations")
    if not open_log(place).exists():
        raise MissingTableError.in_environment(place.table, environment.name, place.path or place.table, "evaluation")
    if place.path is not None:
        from boathouse.datasets.local_rows import read_local_rows

        return read_local_rows(place.path)
    with engines():
        return place.read(open_log(place).newest()).toArrow()
