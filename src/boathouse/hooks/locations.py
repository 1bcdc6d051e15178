"""Where data and the MLflow store live on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def locate_data(folder: str = "") -> str:
    """Return the absolute path of ``folder`` under the data directory.

    The data directory is the environment variable ``BOATHOUSE_DATA``, else ``data`` in the
    current directory, which in a checkout is the project's own.
    """
    root = Path(os.environ.get("BOATHOUSE_DATA") or "data")
    return (root / folder).absolute().as_posix()


def locate_mlflow() -> str:
    """Return the MLflow tracking URI: ``MLFLOW_TRACKING_URI``, else SQLite in the data directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{locate_data('mlflow.db')}"
