"""Where data and the MLflow store live on this machine, and whether they can be used."""

from __future__ import annotations

import os
from pathlib import Path

from boathouse.core.errors import ConfigError


def locate_data(folder: str = "") -> str:
    """Return the absolute path of ``folder`` under the data directory.

    The data directory is the environment variable ``BOATHOUSE_DATA``, else ``data`` in the
    current directory, which in a checkout is the project's own.
    """
    root = Path(os.environ.get("BOATHOUSE_DATA") or "data")
    return (root / folder).absolute().as_posix()


def locate_mlflow() -> str:
    """Return the MLflow tracking URI.

    ``MLFLOW_TRACKING_URI``, else the workspace's own on a Databricks runtime, else SQLite in the
    data directory.
    """
    given = os.environ.get("MLFLOW_TRACKING_URI")
    on_platform = "databricks" if os.environ.get("DATABRICKS_RUNTIME_VERSION") else ""
    return given or on_platform or f"sqlite:///{locate_data('mlflow.db')}"


def locate_artifacts() -> str | None:
    """Return where new experiments keep artifacts: beside a SQLite store, else as the server decides."""
    return f"file://{locate_data('mlartifacts')}" if locate_mlflow().startswith("sqlite:") else None


def locate_registry() -> str | None:
    """Return the registry's URI: Unity Catalog beside a Databricks tracking server, else that of tracking."""
    return "databricks-uc" if _tracks_to_databricks() else None


def name_experiment(environment: str) -> str:
    """Return the name of an environment's experiment; on Databricks an absolute path of the workspace.

    The path's folder is the environment variable ``BOATHOUSE_EXPERIMENTS``, else ``/Shared``.
    """
    name = f"boathouse-{environment}"
    if not _tracks_to_databricks():
        return name
    folder = os.environ.get("BOATHOUSE_EXPERIMENTS") or "/Shared"
    if not folder.startswith("/"):
        message = (
            f"BOATHOUSE_EXPERIMENTS is {folder!r}; allowed: the absolute path of a workspace folder, such as /Shared."
        )
        raise ConfigError(message)
    return f"{folder.rstrip('/')}/{name}"


def _tracks_to_databricks() -> bool:
    return locate_mlflow().partition(":")[0] == "databricks"


def require_writable(folder: str, *, purpose: str) -> None:
    """Check that ``folder`` can be written, or created if it is not there; creates nothing.

    Raises:
        ConfigError: If not; names the folder, what it is for, and what to do.
    """
    path = Path(folder)
    existing = next((parent for parent in (path, *path.parents) if parent.exists()), path)
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return
    reason = "no permission to write there" if existing.is_dir() else f"{existing.as_posix()} is not a folder"
    message = (
        f"{path.as_posix()}: this folder ({purpose}) cannot be written: {reason}. "
        "Set BOATHOUSE_DATA, or the option --data-dir of boathouse run, to a folder that you may write."
    )
    raise ConfigError(message)
