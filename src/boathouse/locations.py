"""Where data, runs and models are kept: the data folder, the MLflow stores, the experiment of an environment."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from boathouse.errors import ConfigError
from boathouse.namespaces import Namespace
from boathouse.plain_paths import plain_path, require_possible

# Kedro fills in what is in braces in a path of the catalog, and a URL of a SQLite file ends at ``?``.
_SPECIAL = re.compile("[{}?]")


def locate_data(folder: str = "") -> str:
    """Return the absolute path of ``folder`` under the data directory, as the configuration can hold it.

    Raises:
        ConfigError: If nothing can be kept in a directory of that name.
    """
    root = locate_data_folder()
    if not _SPECIAL.search(root.as_posix()):
        return (root / folder).as_posix()
    with suppress(OSError):
        # A folder cannot be made through a link that points to nothing.
        root.mkdir(parents=True, exist_ok=True)
    return (Path(plain_path(root.as_posix())) / folder).as_posix()


def locate_data_folder() -> Path:
    """Return the absolute path of the data directory.

    It is the environment variable ``BOATHOUSE_DATA``, else ``data`` in the current directory, which in a checkout is
    the project's own. ``~`` at its beginning is the home directory.

    Raises:
        ConfigError: If nothing can be kept in a directory of that name.
    """
    given = Path(os.environ.get("BOATHOUSE_DATA") or "data")
    # Where a shell leaves the sign because it is quoted, no folder of that name is meant.
    root = (given.expanduser() if given.parts[:1] == ("~",) else given).absolute()
    require_possible(root.as_posix(), named="BOATHOUSE_DATA")
    return root


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
    return (locate_data_folder() / "mlartifacts").as_uri() if locate_mlflow().startswith("sqlite:") else None


def locate_registry() -> str | None:
    """Return the registry's URI: Unity Catalog beside a Databricks tracking server, else that of tracking."""
    return "databricks-uc" if _tracks_to_databricks() else None


def name_experiment(environment: str, schema_prefix: str = "") -> str:
    """Return the name of the experiment of an environment and schema prefix; on Databricks a path of the workspace.

    The path's folder is the environment variable ``BOATHOUSE_EXPERIMENTS``, else ``/Shared``.
    """
    name = f"boathouse-{Namespace(environment, environment, schema_prefix).label}"
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
