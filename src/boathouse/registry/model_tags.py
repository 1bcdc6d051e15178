"""Tags of a registered model, read from a local store without MLflow, whose import takes seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import ModelError
from boathouse.registry.client import guard_store, ignore_missing, open_client

if TYPE_CHECKING:
    from collections.abc import Mapping

_SQLITE = "sqlite:///"


def read_model_tags(name: str, *, uri: str = "") -> Mapping[str, str] | None:
    """Return the tags of the registered model ``name``, not of its versions; None if there is no such model.

    Args:
        name: Registered name.
        uri: Address of the store; one on SQLite is read directly, any other, and none, through MLflow's client.

    Raises:
        ModelError: If the store cannot be reached.
    """
    if uri.startswith(_SQLITE):
        return _read_file(Path(uri.removeprefix(_SQLITE)), name)
    tags = None
    with guard_store(), ignore_missing():
        tags = dict(open_client().get_registered_model(name).tags or {})
    return tags  # noqa: RET504 - None where the store has no such model


def _read_file(path: Path, name: str) -> Mapping[str, str] | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store:
            return _select(store, name)
    except sqlite3.Error as error:
        raise ModelError.store_unreachable(type(error).__name__) from error


def _select(store: sqlite3.Connection, name: str) -> Mapping[str, str] | None:
    known = {row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "registered_models" not in known:
        return None
    if not store.execute("SELECT 1 FROM registered_models WHERE name = ?", (name,)).fetchone():
        return None
    return dict(store.execute("SELECT key, value FROM registered_model_tags WHERE name = ?", (name,)))


def set_model_tag(name: str, key: str, value: str) -> None:
    """Set one tag of a registered model.

    Raises:
        ModelError: If the store cannot be reached.
    """
    with guard_store():
        open_client().set_registered_model_tag(name, key, value)
