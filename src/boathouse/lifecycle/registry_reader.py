"""What a registered model shows, read in milliseconds where MLflow's store is a file: importing MLflow is slow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from boathouse.lifecycle.registry import ModelRegistry, ModelVersionEntry, RegistryState

if TYPE_CHECKING:
    from boathouse.environment import Environment

_SQLITE = "sqlite:///"
_LOCK_PATIENCE_S = 2.0


def read_registry(environment: Environment, name: str) -> RegistryState:
    """Return the model ``name`` as the registry of ``environment`` has it; nothing is written.

    Raises:
        ModelError: If the store cannot be reached.
    """
    uri = environment.section("mlflow")["server"].get("mlflow_registry_uri") or environment.tracking_uri
    if uri.startswith(_SQLITE):
        path = Path(uri.removeprefix(_SQLITE))
        try:
            return _read_file(path, name) if path.exists() else RegistryState()
        except sqlite3.Error:
            # Locked, or tables of another MLflow: then MLflow itself is asked.
            pass
    environment.use_mlflow()
    return ModelRegistry(name).read()


def _read_file(path: Path, name: str) -> RegistryState:
    """Return what MLflow's tables have; sqlite3.Error if they are not as MLflow 3 makes them."""
    address = f"file:{quote(path.absolute().as_posix())}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_LOCK_PATIENCE_S)) as connection:

        def ask(query: str) -> list[Any]:
            return connection.execute(f"{query} WHERE name = ?", (name,)).fetchall()

        aliases = {alias: str(version) for alias, version in ask("SELECT alias, version FROM registered_model_aliases")}
        model_tags = dict(ask("SELECT key, value FROM registered_model_tags"))
        tags: dict[str, dict[str, str]] = {}
        for version, key, value in ask("SELECT version, key, value FROM model_version_tags"):
            tags.setdefault(str(version), {})[key] = value
        columns = "version, description, user_id, source, current_stage"
        found = sorted(ask(f"SELECT {columns} FROM model_versions"), key=lambda each: int(each[0]))  # noqa: S608
    versions = {
        str(version): ModelVersionEntry(
            version=str(version),
            tags=tags.get(str(version), {}),
            description=description or "",
            created_by=user or "",
            source=source or "",
        )
        for version, description, user, source, stage in found
        # MLflow keeps the row of a version that was deleted.
        if stage != "Deleted_Internal"
    }
    return RegistryState(versions=versions, aliases=aliases, tags=model_tags)
