"""Views as tables of a database: names and keys it can hold, the SQL for SQLite and PostgreSQL, and filling."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from boathouse.errors import OnlineStoreError
from boathouse.scoring.feature_spec import ViewSpec
from boathouse.scoring.spec import BINARY_OUTPUTS, Outputs

if TYPE_CHECKING:
    from boathouse.scoring.feature_spec import FeatureKind

SQLITE, POSTGRESQL = "sqlite", "postgresql"
TIME, VERSION = "value_time", "source_version"
REGISTRY = """CREATE TABLE IF NOT EXISTS online_views (
    view TEXT PRIMARY KEY, digest TEXT NOT NULL, source_version BIGINT NOT NULL, published_at BIGINT NOT NULL)"""
# What else there is to know: whose store it is, and of each view the table that it was published from.
PROPERTIES = "CREATE TABLE IF NOT EXISTS online_properties (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
ALL_PROPERTIES = "SELECT name, value FROM online_properties"
_TYPES = {"bigint": "BIGINT", "string": "TEXT"}
_FEATURE_TYPES: Mapping[FeatureKind, str] = {"number": "DOUBLE PRECISION"}
KEY_TYPES = ("bigint", "string")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
_SECONDS_A_DAY = 86_400
_PYTHON_TYPES: dict[str, type] = {"bigint": int, "string": str}
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
# Stands for the time of a key that a view does not have.
NO_TIME = _LOWEST + 1
# ruff: noqa: S608 - names were checked by check_view, values are parameters


def check_view(view: ViewSpec) -> ViewSpec:
    """Return ``view`` after a check of its names, which become names of tables and columns, and the types of its keys.

    Raises:
        OnlineStoreError: Naming what the store cannot hold.
    """
    names = [view.label, *view.key_names, *view.features]
    odd = sorted(name for name in names if not _NAME.fullmatch(name))
    if odd:
        raise OnlineStoreError(
            f"View '{view.label}' has names that the online store cannot use: {', '.join(odd)}. "
            "Allowed: a small letter, then small letters, digits and _, at most 51 in all."
        )
    wrong = sorted(f"{name} {dtype}" for name, dtype in view.keys if dtype not in KEY_TYPES)
    if wrong or not view.keys:
        shown = ", ".join(wrong) or "no key"
        raise OnlineStoreError(
            f"View '{view.label}' has {shown}; the online store needs keys of type {' or '.join(KEY_TYPES)}."
        )
    return view


def max_age_s(view: ViewSpec) -> int | None:
    """Return the age in seconds from which a value of ``view`` is stale, or None."""
    return None if view.max_age_days is None else view.max_age_days * _SECONDS_A_DAY


def prediction_view(model: str, keys: tuple[tuple[str, str], ...], outputs: Outputs = BINARY_OUTPUTS) -> ViewSpec:
    """Return the view of the newest prediction of each key by a registered model.

    Its features are the numbers of an answer and, last, the version of the model, which is a number as versions of the
    registry are. Its time is the date that the prediction is as of.

    Args:
        model: Registered name, ``<catalog>.<schema>.<model>``.
        keys: Key columns and their types.
        outputs: Columns of its answers.
    """
    features = (*(column.name for column in outputs.columns), "model_version")
    declared = repr((keys, features))
    return ViewSpec(
        name=f"predictions_{model.rsplit('.', maxsplit=1)[-1]}",
        digest=hashlib.sha256(declared.encode()).hexdigest()[:16],
        keys=keys,
        features=features,
    )


def check_keys(keys: Sequence[Sequence[Any]], views: Sequence[ViewSpec]) -> None:
    """Check that each key has a value of the right type for each key column of ``views``; None is a legal value.

    Raises:
        OnlineStoreError: Naming the column and the type found, never the value.
    """
    columns = {name: dtype for view in reversed(views) for name, dtype in reversed(view.keys)}
    names = list(reversed(columns))
    widths = {len(key) for key in keys} - {len(names)}
    if widths:
        raise OnlineStoreError(f"A key has {min(widths)} value(s); the views are looked up by {', '.join(names)}.")
    for place, name in enumerate(names):
        _check_column([key[place] for key in keys], name, columns[name])


def _check_column(values: Sequence[Any], name: str, dtype: str) -> None:
    expected = _PYTHON_TYPES[dtype]
    wrong = sorted({each.__name__ for each in set(map(type, values)) - {expected, type(None)}})
    if wrong:
        raise OnlineStoreError.key_type(name, wrong[0], expected.__name__)
    known = [value for value in values if value is not None]
    if not known:
        return
    if expected is int and not (min(known) >= _LOWEST and max(known) <= _HIGHEST):
        raise OnlineStoreError.key_type(name, "an int of more than 64 bits", "int of 64 bits")
    if expected is str and any("\0" in value for value in known):
        raise OnlineStoreError.key_type(name, "a text with a zero byte", "text without one")


def columns_of(view: ViewSpec) -> list[str]:
    """Return the stored columns: keys, time, version of the source, features."""
    return [*view.key_names, TIME, VERSION, *view.features]


def create_table(view: ViewSpec, table: str, dialect: str) -> str:
    """Return the statement that makes the table of a view under the name ``table``."""
    keys = [f"{name} {_TYPES[dtype]} NOT NULL" for name, dtype in view.keys]
    features = [f"{name} {_FEATURE_TYPES[kind]}" for name, kind in zip(view.features, view.feature_kinds, strict=True)]
    parts = [*keys, f"{TIME} BIGINT NOT NULL", f"{VERSION} BIGINT NOT NULL", *features]
    # SQLite finds a row in one search instead of two where the rows stand in the tree of the key.
    layout = " WITHOUT ROWID" if dialect == SQLITE else ""
    return f"CREATE TABLE {table} ({', '.join(parts)}, PRIMARY KEY ({', '.join(view.key_names)})){layout}"


def insert_rows(view: ViewSpec, table: str, mark: str) -> str:
    """Return the statement that inserts one row given as parameters."""
    return f"INSERT INTO {table} VALUES ({', '.join([mark] * len(columns_of(view)))})"


def delete_keys(view: ViewSpec, mark: str) -> str:
    """Return the statement that deletes one key, given as parameters, unless its row is of a higher version."""
    same = " AND ".join(f"{name} = {mark}" for name in view.key_names)
    return f"DELETE FROM {view.label} WHERE {same} AND {VERSION} <= {mark}"


def newer_wins(view: ViewSpec) -> str:
    """Return the clause by which a value replaces an older one: by time, then by version of the source."""
    keys = ", ".join(view.key_names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns_of(view) if name not in view.key_names)
    newer = f"(excluded.{TIME}, excluded.{VERSION}) >= ({view.label}.{TIME}, {view.label}.{VERSION})"
    return f" ON CONFLICT ({keys}) DO UPDATE SET {changes} WHERE {newer}"


def look_up(views: Sequence[ViewSpec], dialect: str) -> str:
    """Return the one statement that finds all views of all keys, in the order of the keys.

    Its parameters are :func:`key_parameters`. Its columns are the place of the key, of each view the digest that is
    live, so that a publish in between cannot mix versions unnoticed, of each view the time of the values or
    :data:`NO_TIME`, and the features. PostgreSQL gives the rows in the order of the keys, SQLite as a rule.
    """
    names = list(dict.fromkeys(name for view in views for name in view.key_names))
    chosen = ["asked.place"]
    chosen += [f"(SELECT digest FROM online_views WHERE view = '{view.label}')" for view in views]
    chosen += [f"COALESCE({view.label}.{TIME}, {NO_TIME})" for view in views]
    chosen += [f"{view.label}.{name}" for view in views for name in view.features]
    joins = [
        f"LEFT JOIN {view.label} ON " + " AND ".join(f"{view.label}.{name} = asked.{name}" for name in view.key_names)
        for view in views
    ]
    asked = _asked_sqlite(names) if dialect == SQLITE else _asked_postgresql(names, views)
    # SQLite reads the keys from first to last and would sort them again.
    order = "" if dialect == SQLITE else " ORDER BY asked.place"
    return f"SELECT {', '.join(chosen)} FROM {asked} {' '.join(joins)}{order}"


def _asked_sqlite(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"(SELECT key AS place, value AS {names[0]} FROM json_each(?)) AS asked"
    columns = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(names))
    return f"(SELECT key AS place, {columns} FROM json_each(?)) AS asked"


def _asked_postgresql(names: Sequence[str], views: Sequence[ViewSpec]) -> str:
    types = {name: _TYPES[dtype] for view in views for name, dtype in view.keys}
    arrays = ", ".join(f"%s::{types[name]}[]" for name in names)
    return f"unnest({arrays}) WITH ORDINALITY AS asked ({', '.join(names)}, place)"


def key_parameters(keys: Sequence[Sequence[Any]], dialect: str) -> tuple[Any, ...]:
    """Return the parameters of :func:`look_up`; each key has the values of all key columns, in their order."""
    if dialect == SQLITE:
        return (json.dumps([key[0] for key in keys] if len(keys[0]) == 1 else [list(key) for key in keys]),)
    return tuple(list(values) for values in zip(*keys, strict=True))


_BATCH = 10_000


def fill(
    transaction: Any,  # noqa: ANN401 - a DBAPI cursor
    view: ViewSpec,
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
    text = insert_rows(view, table, "?") + (newer_wins(view) if upsert else "")
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
    view: ViewSpec,
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
        newest = f"SELECT DISTINCT ON ({keys}) * FROM {target} ORDER BY {keys}, {TIME} DESC, {VERSION} DESC"
        transaction.execute(f"INSERT INTO {table} {newest}{newer_wins(view)}")
    return count
