"""The statements, for SQLite and PostgreSQL; all names in them were checked by :class:`OnlineView`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from boathouse.online_store.views import OnlineView

SQLITE, POSTGRESQL = "sqlite", "postgresql"
TIME, VERSION = "value_time", "source_version"
REGISTRY = """CREATE TABLE IF NOT EXISTS online_views (
    view TEXT PRIMARY KEY, digest TEXT NOT NULL, source_version BIGINT NOT NULL, published_at BIGINT NOT NULL)"""
# What else there is to know: whose store it is, and of each view the table that it was published from.
PROPERTIES = "CREATE TABLE IF NOT EXISTS online_properties (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
ALL_PROPERTIES = "SELECT name, value FROM online_properties"
_TYPES = {"bigint": "BIGINT", "string": "TEXT"}
# ruff: noqa: S608 - names are checked, values are parameters


def columns_of(view: OnlineView) -> list[str]:
    """Return the stored columns: keys, time, version of the source, features."""
    return [*view.key_names, TIME, VERSION, *view.features]


def create_table(view: OnlineView, table: str) -> str:
    """Return the statement that makes the table of a view under the name ``table``."""
    keys = [f"{name} {_TYPES[dtype]} NOT NULL" for name, dtype in view.keys]
    features = [f"{name} DOUBLE PRECISION" for name in view.features]
    parts = [*keys, f"{TIME} BIGINT NOT NULL", f"{VERSION} BIGINT NOT NULL", *features]
    return f"CREATE TABLE {table} ({', '.join(parts)}, PRIMARY KEY ({', '.join(view.key_names)}))"


def insert_rows(view: OnlineView, table: str, mark: str) -> str:
    """Return the statement that inserts one row given as parameters."""
    return f"INSERT INTO {table} VALUES ({', '.join([mark] * len(columns_of(view)))})"


def delete_keys(view: OnlineView, mark: str) -> str:
    """Return the statement that deletes one key, given as parameters, unless its row is of a higher version."""
    same = " AND ".join(f"{name} = {mark}" for name in view.key_names)
    return f"DELETE FROM {view.name} WHERE {same} AND {VERSION} <= {mark}"


def newer_wins(view: OnlineView) -> str:
    """Return the clause by which a value replaces an older one: by time, then by version of the source."""
    keys = ", ".join(view.key_names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns_of(view) if name not in view.key_names)
    newer = f"(excluded.{TIME}, excluded.{VERSION}) >= ({view.name}.{TIME}, {view.name}.{VERSION})"
    return f" ON CONFLICT ({keys}) DO UPDATE SET {changes} WHERE {newer}"


def look_up(views: Sequence[OnlineView], dialect: str) -> str:
    """Return the one statement that finds all views of all keys, in the order of the keys.

    Its parameters are :func:`key_parameters`. In front of each view's columns stands the digest that is
    live, so that a publish in between cannot mix versions unnoticed.
    """
    names = list(dict.fromkeys(name for view in views for name in view.key_names))
    chosen = []
    for view in views:
        live = f"(SELECT digest FROM online_views WHERE view = '{view.name}')"
        chosen += [live, *(f"{view.name}.{name}" for name in (TIME, *view.features))]
    joins = [
        f"LEFT JOIN {view.name} ON " + " AND ".join(f"{view.name}.{name} = asked.{name}" for name in view.key_names)
        for view in views
    ]
    asked = _asked_sqlite(names) if dialect == SQLITE else _asked_postgresql(names, views)
    return f"SELECT {', '.join(chosen)} FROM {asked} {' '.join(joins)} ORDER BY asked.place"


def _asked_sqlite(names: Sequence[str]) -> str:
    columns = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(names))
    return f"(SELECT key AS place, {columns} FROM json_each(?)) AS asked"


def _asked_postgresql(names: Sequence[str], views: Sequence[OnlineView]) -> str:
    types = {name: _TYPES[dtype] for view in views for name, dtype in view.keys}
    arrays = ", ".join(f"%s::{types[name]}[]" for name in names)
    return f"unnest({arrays}) WITH ORDINALITY AS asked ({', '.join(names)}, place)"


def key_parameters(keys: Sequence[Sequence[Any]], dialect: str) -> tuple[Any, ...]:
    """Return the parameters of :func:`look_up`; each key has the values of all key columns, in their order."""
    if dialect == SQLITE:
        return (json.dumps([list(key) for key in keys]),)
    return tuple(list(values) for values in zip(*keys, strict=True))
