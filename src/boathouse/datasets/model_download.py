"""The files of a registered version, fetched only after a look at what loading them would execute."""

from __future__ import annotations

import tempfile
from pathlib import Path

from boathouse.core.errors import UntrustedModelError
from boathouse.core.modelling import ModelSchema
from boathouse.core.scoring.files import ModelFiles, read_folder
from boathouse.datasets.model_checks import check_flavour, check_stored
from boathouse.datasets.registry_client import open_client


def download_model(name: str, version: str) -> ModelFiles:
    """Return a version's own files; nothing of them is executed, their digests are not checked yet.

    Raises:
        UntrustedModelError: As :func:`download_version`.
    """
    return download_version(name, version)[0]


def download_version(name: str, version: str) -> tuple[ModelFiles, ModelSchema | None]:
    """Return a version's own files and its signature; nothing of them is executed.

    Raises:
        UntrustedModelError: If the version could execute foreign code or has files that a model has not.
    """
    import mlflow

    check_stored(open_client().get_model_version_download_uri(name, version), name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/{version}", dst_path=folder))
        data, schema = check_flavour(path, name)
        if not data.is_dir():
            raise UntrustedModelError.foreign_loader(name, "a missing data folder")
        return dict(read_folder(data)), schema
