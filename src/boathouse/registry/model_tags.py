"""Tags and aliases of a registered model, read from a local store without MLflow, whose import takes seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from boathouse.errors import ModelError
from boathouse.registry.client import guard_store, open_client

if TYPE_CHECKING:
    from collections.abc import Mapping

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class ModelEntry:
    """A registered model as the registry has it.

    Attributes:
        tags: Tags of the model, not of its versions.
        aliases: Version at each alias.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


def read_model_entry(name: str, *, uri: str = "") -> ModelEntry | None:
    """Return the registered model ``name``, or None if there is none.

    Args:
        name: Registered name.
        uri: Address of the store; one on SQLite is read directly, any other, and none, through MLflow's client.

    Raises:
        ModelError: If the store cannot be reached.
    """
    if uri.startswith(_SQLITE):
        return _read_sqlite(Path(uri.removeprefix(_SQLITE)), name)
    from mlflow.exceptions import MlflowException

    with guard_store():
        try:
            found = open_client().get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
    aliases = {str(alias): str(version) for alias, version in (found.aliases or {}).items()}
    return ModelEntry(tags=dict(found.tags or {}), aliases=aliases)


def _read_sqlite(path: Path, name: str) -> ModelEntry | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store:
            return _select(store, name)
    except sqlite3.Error as error:
        raise ModelError.store_unreachable(type(error).__name__) from error


def _select(store: sqlite3.Connection, name: str) -> ModelEntry | None:
    known = {row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "registered_models" not in known:
        return None
    if not store.execute("SELECT 1 FROM registered_models WHERE name = ?", (name,)).fetchone():
        return None
    tags = dict(store.execute("SELECT key, value FROM registered_model_tags WHERE name = ?", (name,)))
    aliases = store.execute("SELECT alias, version FROM registered_model_aliases WHERE name = ?", (name,))
    return ModelEntry(tags, {str(alias): str(version) for alias, version in aliases})


def read_model_tags(name: str, *, uri: str = "") -> Mapping[str, str] | None:
    """Return the tags of the registered model ``name``, or None if there is no such model; as read_model_entry."""
    entry = read_model_entry(name, uri=uri)
    return None if entry is None else entry.tags


def set_model_tag(name: str, key: str, value: str) -> None:
    """Set one tag of a registered model.

    Raises:
        ModelError: If the store cannot be reached.
    """
    with guard_store():
        open_client().set_registered_model_tag(name, key, value)
