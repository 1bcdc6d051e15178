"""``boathouse sql``: queries tables by name."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from boathouse.cli.environment_options import ENVIRONMENT, engines, show_json

if TYPE_CHECKING:
    from boathouse.environment import Environment

# Wider cells are cut in a table; csv and json have them whole.
_CELL = 60


@click.command(epilog="Example: boathouse sql 'SELECT * FROM dev.audit.evaluations'")
@click.argument("query", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most rows shown.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Form of the rows.",
)
@ENVIRONMENT
def sql(query: str | None, limit: int, form: str, environment: Environment) -> None:
    """Query tables by name with SQL.

    QUERY is one SELECT in Spark's SQL. Tables are named <catalog>.<schema>.<table>; without <catalog> they are those of
    --env. The newest version is read; nothing can be written. Without QUERY the tables of the environment are listed.
    More rows than --limit are left out, and standard error says so.
    """
    from boathouse.tables.queries import QueryTables

    tables = QueryTables(environment.name, environment.engine, environment.lakehouse["root"])
    with engines():
        if query is None:
            found = [(each.table, each.newest_version()) for each in tables.list_tables()]
            _FORMS[form](("table", "version"), found)
            return
        columns, rows = tables.fetch(query, limit=limit + 1)
        _FORMS[form](columns, rows[:limit])
        if len(rows) > limit:
            click.echo(f"Only the first {limit} rows are shown; more with --limit.", err=True)


def _show_table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    texts = [tuple(columns), *(tuple(map(_shorten, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for number, row in enumerate(texts):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
        if not number:
            click.echo("  ".join("-" * width for width in widths))


def _shorten(value: object) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _show_csv(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def _show_json(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    show_json([dict(zip(columns, row, strict=True)) for row in rows])


_FORMS = {"table": _show_table, "csv": _show_csv, "json": _show_json}
