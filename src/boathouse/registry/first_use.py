"""The first use of an MLflow store, which makes its tables: one process at a time, the others wait."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.atomic_files import folder_lock
from boathouse.registry.client import guard_store

if TYPE_CHECKING:
    from collections.abc import Mapping

_SQLITE = "sqlite:///"
# Stores whose tables MLflow makes itself; a server and the platform see to their own.
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def prepare_store(uri: str, experiment: Mapping[str, Any] | None = None) -> None:
    """Have the store at ``uri`` ready to use, and in it the experiment; both are made if they are not there.

    MLflow 3.17 makes tables without a lock: of several processes, all but one would fail. Processes of other machines
    that use a database for the first time at the same moment are not kept apart.

    Args:
        uri: Tracking URI; only a database is opened.
        experiment: As conf has it: ``name`` and ``create_experiment_kwargs``; None for none.

    Raises:
        ModelError: If the store does not answer.
        BoathouseError: If another process makes the tables for minutes.
    """
    if not uri.startswith(_DATABASES):
        return
    from mlflow import MlflowClient

    with folder_lock(_lock_folder(uri), purpose="make the tables of the MLflow store"), guard_store():
        # The registry named as well: otherwise MLflow asks a Spark session for it.
        client = MlflowClient(uri, uri)
        client.search_experiments(max_results=1)
        if experiment and client.get_experiment_by_name(experiment["name"]) is None:
            given = experiment.get("create_experiment_kwargs") or {}
            client.create_experiment(experiment["name"], given.get("artifact_location"), given.get("tags"))


def _lock_folder(uri: str) -> Path:
    if uri.startswith(_SQLITE):
        return Path(uri.removeprefix(_SQLITE)).absolute().parent
    return Path(tempfile.gettempdir()) / f"boathouse-store-{sha256(uri.encode()).hexdigest()[:16]}"
