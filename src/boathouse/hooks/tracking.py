"""Keeps MLflow runs and Kedro runs one to one, where kedro-mlflow 2.0.3 does not."""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kedro.framework.hooks import hook_impl

from boathouse.errors import ConfigError
from boathouse.hooks.failures import redact
from boathouse.lifecycle.vacancy import NoChampion
from boathouse.registry.run_owners import KILLED, close_abandoned_runs, end_own_runs, sign_runs

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import CatalogProtocol

    from boathouse.environment import Environment


_LOGGER = logging.getLogger(__name__)

# Why a run trains again; set for the process by `boathouse retrain`.
RETRAINING_REASON = "BOATHOUSE_RETRAINING_REASON"
# MLflow's own limit is 8,000 bytes.
_LONGEST_REASON = 2_000


class TrackingRunHooks:
    """Logs options key by key and reports as files, and ends a run as often as kedro-mlflow has opened it."""

    def __init__(self) -> None:
        """Start with no run."""
        self._is_foreign = False

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:  # noqa: ARG002  # the hook's name decides
        """Remember whether the caller had a run open: that one is theirs to end."""
        import mlflow

        self._is_foreign = mlflow.active_run() is not None
        sign_runs()

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Close the runs of this experiment that a process which was killed has left RUNNING."""
        import mlflow

        run = mlflow.active_run()
        if run is None or self._is_foreign:
            return
        reason = os.environ.get(RETRAINING_REASON)
        if reason:
            mlflow.set_tag("retraining_reason", reason[:_LONGEST_REASON])
        closed = close_abandoned_runs(run.info.experiment_id)
        if closed:
            _LOGGER.info("%d runs whose process was killed were still RUNNING; they are marked as KILLED now.", closed)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Remember where reports are."""
        self._catalog = catalog

    @hook_impl(tryfirst=True)
    def before_node_run(self, inputs: dict[str, Any]) -> None:
        """Turn options objects into dictionaries for the hooks that follow.

        ``inputs`` is Kedro's copy for the hooks alone; the node gets the objects. Without this,
        kedro-mlflow logs one long text instead of one parameter a key.
        """
        for name, value in inputs.items():
            if name.startswith("params:") and dataclasses.is_dataclass(value) and not isinstance(value, type):
                inputs[name] = dataclasses.asdict(value)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: object) -> None:
        """Keep a copy of each report with the run that wrote it; outside a run there is only the file."""
        import mlflow

        if isinstance(data, NoChampion):
            return
        path = getattr(self._catalog[dataset_name], "_filepath", None) if dataset_name.startswith("reports.") else None
        if path is not None and mlflow.active_run() is not None:
            mlflow.log_artifact(str(path))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """End what is still open: kedro-mlflow opens the run again at the first node, ends it once."""
        import mlflow

        while not self._is_foreign and mlflow.active_run() is not None:
            mlflow.end_run()


# Long enough for another run's write to finish, short enough to wait for.
_LOCK_PATIENCE_S = 5.0
_CONNECT_PATIENCE_S = 5.0
_PORTS = {"http": 80, "https": 443}


def abandon_runs() -> None:
    """Mark the runs that this process has open as KILLED; asks the store alone, not an engine that may be gone."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None:
        return
    uri = mlflow.get_tracking_uri()
    if not uri.startswith("databricks"):
        # Otherwise MLflow asks the Spark session which registry is meant.
        mlflow.set_registry_uri(uri)
    while mlflow.active_run() is not None:
        mlflow.end_run(KILLED)
    end_own_runs()


def use_registry(environment: Environment) -> None:
    """Point MLflow at the environment's stores after a look at whether they answer.

    Raises:
        ConfigError: If the store does not answer.
    """
    check_tracking_store(environment.tracking_uri)
    environment.use_mlflow()


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


def check_tracking_store(uri: str) -> None:
    """Check that the store at ``uri`` answers; writes nothing.

    SQLite: the folder is writable and no other process holds the write lock. HTTP: the server accepts a
    connection. Databricks: host and credentials are set. Other databases are left to MLflow.

    Raises:
        ConfigError: If not; with what is wrong and what to do.
    """
    scheme = uri.partition(":")[0]
    if scheme == "sqlite":
        _check_sqlite(uri.removeprefix("sqlite:///"))
    elif scheme in _PORTS:
        _check_server(uri)
    elif scheme == "databricks":
        _check_databricks(os.environ)


def _check_sqlite(path: str) -> None:
    require_writable(Path(path).parent.as_posix(), purpose="the MLflow store mlflow.db")
    if not Path(path).exists():
        return
    connection = sqlite3.connect(path, timeout=_LOCK_PATIENCE_S, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        message = (
            f"The MLflow store {path} cannot be used: {error}. Another process holds it, or the file is damaged or "
            "read-only. End that process, or set MLFLOW_TRACKING_URI to another store."
        )
        raise ConfigError(message) from error
    finally:
        connection.close()


def _check_server(uri: str) -> None:
    parts = urlsplit(uri)
    address = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
    try:
        socket.create_connection(address, timeout=_CONNECT_PATIENCE_S).close()
    except OSError as error:
        message = (
            f"The MLflow server {redact(uri)} does not answer ({error}). Start it, correct MLFLOW_TRACKING_URI, "
            "or unset it to use the SQLite store in the data folder."
        )
        raise ConfigError(message) from error


def _check_databricks(environ: os._Environ[str]) -> None:
    on_platform = "DATABRICKS_RUNTIME_VERSION" in environ
    profile = Path(environ.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser().exists()
    login = any(name in environ for name in ("DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET"))
    if on_platform or profile or ("DATABRICKS_HOST" in environ and login):
        return
    message = (
        "MLflow tracks to Databricks, but no credentials are set. Set DATABRICKS_HOST and DATABRICKS_TOKEN "
        "(or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET), or log in with a profile in ~/.databrickscfg."
    )
    raise ConfigError(message)
