"""Filling a table: in batches on SQLite, by COPY on PostgreSQL."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from boathouse.online_store import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from boathouse.online_store.views import OnlineView

_BATCH = 10_000


def fill(
    transaction: Any,  # noqa: ANN401 - a DBAPI cursor
    view: OnlineView,
    table: str,
    rows: Iterable[tuple[Any, ...]],
    source_version: int,
    *,
    upsert: bool = False,
) -> int:
    """Write ``rows`` (keys, time, features) into ``table`` and return how many there were.

    Args:
        transaction: Cursor of the open transaction.
        view: Whose columns the table has.
        table: Name of the table.
        rows: Read once; never all in memory.
        source_version: Written with each row.
        upsert: Whether rows that are there may be replaced by newer ones; else a repeated key is an error.
    """
    complete = _with_version(rows, len(view.keys) + 1, source_version)
    if hasattr(transaction, "copy"):
        return _copy(transaction, view, table, complete, upsert=upsert)
    text = statements.insert_rows(view, table, "?") + (statements.newer_wins(view) if upsert else "")
    count = 0
    while batch := list(islice(complete, _BATCH)):
        transaction.executemany(text, batch)
        count += len(batch)
    return count


def _with_version(rows: Iterable[tuple[Any, ...]], before: int, version: int) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield (*row[:before], version, *row[before:])


def _copy(
    transaction: Any,  # noqa: ANN401
    view: OnlineView,
    table: str,
    rows: Iterator[tuple[Any, ...]],
    *,
    upsert: bool,
) -> int:
    target = f"{table}__changes" if upsert else table
    if upsert:
        transaction.execute(f"CREATE TEMPORARY TABLE {target} (LIKE {table}) ON COMMIT DROP")
    count = 0
    with transaction.copy(f"COPY {target} FROM STDIN") as copying:
        for row in rows:
            copying.write_row(row)
            count += 1
    if upsert:
        keys = ", ".join(view.key_names)
        # ON CONFLICT may touch a row once only: of a repeated key the newest is offered.
        newest = (
            f"SELECT DISTINCT ON ({keys}) * FROM {target} "  # noqa: S608 - the names were checked
            f"ORDER BY {keys}, {statements.TIME} DESC, {statements.VERSION} DESC"
        )
        transaction.execute(f"INSERT INTO {table} {newest}{statements.newer_wins(view)}")
    return count
