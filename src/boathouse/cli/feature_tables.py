"""Commands that compute feature tables and look at them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ENVIRONMENT, WRITES, engines
from boathouse.cli.feature_arguments import check_definitions, choose_views, live_versions, open_refresher, show_key
from boathouse.errors import FeatureError, OptionError
from boathouse.use_case import USE_CASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from boathouse.environment import Environment
    from boathouse.features.feature_view import FeatureView
    from boathouse.features.refreshing import FeatureRefresher, Refreshed

_VIEW = click.option("--view", "names", multiple=True, help="A view; may be repeated. Default: all.")


@click.command(epilog="Example: boathouse features refresh --view profile --env prod")
@ENVIRONMENT
@_VIEW
@click.option("--full", is_flag=True, help="Compute everything, whatever has changed.")
@WRITES
def refresh(environment: Environment, names: tuple[str, ...], full: bool) -> None:  # noqa: FBT001
    """Refresh feature tables from their sources.

    Only keys whose source rows changed are computed, where that is known.
    """
    chosen = choose_views(names)
    check_definitions(environment)
    refresher = open_refresher(environment)
    with engines():
        for view in chosen:
            click.echo(_describe(refresher.refresh(view, full=full)))


@click.command(epilog="Example: boathouse features backfill --from 2025-01 --to 2025-06")
@ENVIRONMENT
@_VIEW
@click.option("--from", "first", required=True, help="First month, YYYY-MM.")
@click.option("--to", "last", required=True, help="Last month, YYYY-MM, inclusive.")
@WRITES
def backfill(environment: Environment, names: tuple[str, ...], first: str, last: str) -> None:
    """Compute past months one by one.

    Each from what was known at its end; months that are done are passed over.
    """
    months = list_months(first, last)
    chosen = choose_views(names)
    check_definitions(environment)
    refresher = open_refresher(environment)
    with engines():
        for view in chosen:
            for month in months:
                click.echo(f"{month:%Y-%m} {_describe(refresher.refresh_month(view, month))}")


@click.command(epilog="Example: boathouse features preview profile --rows 10")
@click.argument("name")
@ENVIRONMENT
@click.option("--rows", default=5, type=click.IntRange(1, 1000), help="Rows shown. Default: 5.")
@click.option("--reveal", is_flag=True, help="Show keys instead of their hashes.")
def preview(name: str, environment: Environment, rows: int, reveal: bool) -> None:  # noqa: FBT001
    """Preview a view, without writing it.

    It is computed from the sources as they are; rows and statistics are shown.
    """
    from boathouse.features.registry import describe_features

    (view,) = choose_views([name])
    refresher = open_refresher(environment)
    with engines():
        frame = refresher.preview(view)
        frame = frame.sparkSession.createDataFrame(frame.toArrow(), frame.schema)
        for row in frame.orderBy(*view.key_names, view.time_column).limit(rows).collect():
            values = ", ".join(f"{each}={_show(row[each])}" for each in view.feature_names)
            key = show_key([row[each] for each in view.key_names], reveal=reveal)
            click.echo(f"{key} {row[view.time_column]} {values}")
        click.echo(f"{frame.count():,} rows")
        for found in describe_features(view, frame):
            click.echo(
                f"  {found.feature:<24} null {found.null_share:6.1%}  mean {found.mean:.4g}  "
                f"from {found.minimum:.4g} to {found.maximum:.4g}"
            )


@click.command(epilog="Example: boathouse features freshness --env prod")
@ENVIRONMENT
def freshness(environment: Environment) -> None:
    """Show how far views lag behind sources.

    And the online store behind the views. The exit code is 1 if a view was never computed or lags further than it
    declares.
    """
    refresher, live = open_refresher(environment), live_versions(environment)
    late = []
    with engines():
        for view in USE_CASE.views:
            line, is_fresh = describe_freshness(refresher, view, live)
            click.echo(f"{view.label}: {line}")
            late += [] if is_fresh else [view.label]
    if late:
        raise FeatureError(
            f"Further behind their sources than they may be: {', '.join(late)}. "
            f"Compute them: boathouse features refresh --env {environment.name}"
        )


@click.command(epilog="Example: boathouse features duplicates --share 0.99")
@ENVIRONMENT
@click.option("--share", default=0.999, type=click.FloatRange(0.5, 1), help="Share of equal rows. Default: 0.999.")
def duplicates(environment: Environment, share: float) -> None:
    """Find views and features defined twice.

    Views with equal logic, and features with nearly equal values on their common rows.
    """
    from boathouse.features.lineage import find_equal_logic, find_equal_values

    refresher = open_refresher(environment)
    found = find_equal_logic(USE_CASE.views)
    with engines():
        for keys in sorted({(view.keys, view.time_column) for view in USE_CASE.current_views}):
            views = [view for view in USE_CASE.current_views if (view.keys, view.time_column) == keys]
            found += find_equal_values(_common_rows(refresher, views), share=share)
    for each in found:
        click.echo(f"{each.first} and {each.second}: {each.reason} in {each.share:.2%} of the rows")
    if not found:
        click.echo("no two definitions of the same thing")


def _common_rows(refresher: FeatureRefresher, views: Sequence[FeatureView]) -> dict[str, np.ndarray]:
    """Return the features of all ``views`` as known at each row's time of any of them."""
    import numpy as np

    from boathouse.features.point_in_time import join_point_in_time

    tables = [refresher.read(view) for view in views]
    identity = [*views[0].key_names, views[0].time_column]
    spine = tables[0].select(*identity)
    for table in tables[1:]:
        spine = spine.unionByName(table.select(*identity))
    joined = join_point_in_time(
        spine.distinct(), list(zip(views, tables, strict=True)), spine_time=views[0].time_column
    )
    columns = joined.drop(*identity).toArrow()
    return {name: columns[name].to_numpy().astype(np.float64, copy=False) for name in columns.column_names}


def list_months(first: str, last: str) -> list[date]:
    """Return the first day of each month from ``first`` to ``last``, both YYYY-MM and inclusive.

    Raises:
        OptionError: If they are not such months, or in the wrong order.
    """
    try:
        start, end = (date.fromisoformat(f"{text}-01") for text in (first, last))
    except ValueError as error:
        raise OptionError.out_of_range("--from/--to", f"{first}/{last}", "months written YYYY-MM") from error
    if end < start:
        raise OptionError.out_of_range("--to", last, f"a month from {first} on")
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    numbers = range(start.year * 12 + start.month - 1, start.year * 12 + start.month - 1 + count)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _describe(done: Refreshed) -> str:
    reason = f" ({done.reason})" if done.reason else ""
    keys = "" if done.keys is None else f"{done.keys:,} keys, "
    return f"{done.view}: {done.mode}, {keys}{done.rows:,} rows, version {done.version}{reason}"


def describe_freshness(
    refresher: FeatureRefresher, view: FeatureView, live: dict[str, tuple[str, int]]
) -> tuple[str, bool]:
    """Return how far the view's table and the online store have come, and whether that is as fresh as it declares."""
    state = refresher.state(view)
    if state is None:
        return "never computed", False
    digest, version = live.get(view.label, ("", -1))
    online = "not published" if version < 0 else f"online version {version}"
    if (digest, version) == (view.digest, state.version):
        online = "online up to date"
    allowed = "no limit" if view.fresh_days is None else f"allowed {view.fresh_days}"
    line = (
        f"newest {state.newest or 'no row'}, sources {state.newest_source or 'no row'}, "
        f"{state.lag_days} days behind ({allowed}); "
        f"version {state.version} written {state.written_at:%Y-%m-%d %H:%M} UTC; {online}"
    )
    return line, view.fresh_days is None or state.lag_days <= view.fresh_days


def _show(value: Any) -> str:  # noqa: ANN401 - a cell
    return "null" if value is None else f"{value:g}"
