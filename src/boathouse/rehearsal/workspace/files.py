"""Files of volumes, model versions and runs, as the platform's Files API has them, in a folder of this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from boathouse.rehearsal.workspace.answers import Answer, Request, Route, ServiceError

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access
    from boathouse.rehearsal.workspace.catalog import UnityCatalog

_MODELS, _VOLUMES, _RUNS = "Models", "Volumes", "WorkspaceInternal"
_FILES, _FOLDERS = "/api/2.0/fs/files", "/api/2.0/fs/directories"
# What has to be held on a model or volume to read and to write its files.
_RIGHTS = {_MODELS: ("EXECUTE", "CREATE_MODEL_VERSION"), _VOLUMES: ("READ_VOLUME", "WRITE_VOLUME")}


class Files:
    """Files below a folder, at the paths that the platform has for them.

    ``/Volumes/<catalog>/<schema>/<volume>/…``; ``/Models/<catalog>/<schema>/<model>/<version>/…``, where a version
    that is ready takes no more files; ``/WorkspaceInternal/Mlflow/Artifacts/…`` of experiments that have no place of
    their own.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path, access: Access, catalog: UnityCatalog) -> None:
        """Remember where, and who may."""
        self.folder = folder
        self._access, self._catalog = access, catalog
        self._closed: set[str] = set()
        self.routes = (
            Route("files", "GET", _FILES + "/{path*}", self._download),
            Route("files", "HEAD", _FILES + "/{path*}", self._describe),
            Route("files", "PUT", _FILES + "/{path*}", self._upload),
            Route("files", "DELETE", _FILES + "/{path*}", self._delete),
            Route("directories", "GET", _FOLDERS + "/{path*}", self._list),
            Route("directories", "HEAD", _FOLDERS + "/{path*}", self._list),
            Route("directories", "PUT", _FOLDERS + "/{path*}", self._make),
        )

    def address(self, name: str, version: str) -> str:
        """Return the place of a version's files in the platform's own storage, which no client may read."""
        return f"s3://metastore-storage/models/{name.replace('.', '/')}/{version}"

    def model_path(self, name: str, version: str) -> str:
        """Return the path of a version's files."""
        return f"/{_MODELS}/{name.replace('.', '/')}/{version}"

    def close(self, name: str, version: str) -> bool:
        """Take no more files of a version; False if there is no model among them."""
        path = self.model_path(name, version)
        self._closed.add(path)
        return self.local(f"{path}/MLmodel").is_file()

    def delete_version(self, name: str, version: str) -> None:
        """Remove a version's files."""
        shutil.rmtree(self.local(self.model_path(name, version)), ignore_errors=True)

    def local(self, path: str) -> Path:
        """Return where a path of the platform lies here.

        Raises:
            ServiceError: If it is none of a volume, model or run, or leads outside.
        """
        parts = PurePosixPath(path).parts
        if len(parts) < 2 or parts[1] not in {_MODELS, _VOLUMES, _RUNS} or ".." in parts:
            raise ServiceError("BAD_REQUEST", f"'{path}' is no path of a volume, model or run.")
        return self.folder.joinpath(*parts[1:])

    def _open(self, request: Request, *, writes: bool) -> tuple[str, Path]:
        """Return path and place of what is asked for, after a look at whether who asks may."""
        path = "/" + unquote(request.asked["path"]).strip("/")
        place = self.local(path)
        root, *levels = PurePosixPath(path).parts[1:]
        if root in _RIGHTS:
            name = ".".join(levels[:3])
            if root == _VOLUMES and self._catalog.find(name, "volume") is None:
                raise ServiceError("NOT_FOUND", f"Volume '{name}' does not exist.")
            refusal = self._access.refusal(request.principal, _RIGHTS[root][writes], name)
            if refusal is not None:
                raise ServiceError.denied(refusal)
        if writes and any(path.startswith(f"{closed}/") for closed in self._closed):
            raise ServiceError.denied(f"The version of '{path}' is ready; its files do not change.")
        return path, place

    def _file(self, request: Request, *, writes: bool) -> Path:
        path, place = self._open(request, writes=writes)
        if not place.is_file():
            raise ServiceError("NOT_FOUND", f"The file '{path}' does not exist.")
        return place

    def _download(self, request: Request) -> Answer:
        return Answer(content=self._file(request, writes=False).read_bytes())

    def _describe(self, request: Request) -> Answer:
        return Answer(content=b"\0" * self._file(request, writes=False).stat().st_size)

    def _upload(self, request: Request) -> Answer:
        path, place = self._open(request, writes=True)
        if place.exists() and request.asked.get("overwrite") == "false":
            raise ServiceError("ALREADY_EXISTS", f"The file '{path}' exists.")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(request.body)
        return Answer()

    def _delete(self, request: Request) -> Answer:
        self._file(request, writes=True).unlink()
        return Answer()

    def _make(self, request: Request) -> Answer:
        self._open(request, writes=True)[1].mkdir(parents=True, exist_ok=True)
        return Answer()

    def _list(self, request: Request) -> Answer:
        path, folder = self._open(request, writes=False)
        # A volume that was made holds nothing and is there all the same.
        is_volume = path.startswith(f"/{_VOLUMES}/") and path.count("/") == 4
        if not folder.is_dir() and not is_volume:
            raise ServiceError("NOT_FOUND", f"The directory '{path}' does not exist.")
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        contents = [_show(path, each) for each in entries]
        return Answer(content=json.dumps({"contents": contents}).encode(), kind="application/json")


def _show(path: str, found: Path) -> dict[str, Any]:
    shown = {"path": f"{path}/{found.name}", "name": found.name, "is_directory": found.is_dir()}
    return shown if found.is_dir() else {**shown, "file_size": found.stat().st_size}
