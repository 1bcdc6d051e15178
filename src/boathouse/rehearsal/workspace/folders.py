"""Folders of the workspace, in which experiments and files lie."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route, ServiceError
from boathouse.rehearsal.workspace.identity import number_of

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access

# Everybody may write below the first; below the second each principal has a folder, which is there from the start.
SHARED, USERS = "/Shared", "/Users"


class Folders:
    """The tree of folders."""

    def __init__(self, access: Access) -> None:
        """Start with what every workspace has."""
        self._access = access
        self._made: set[str] = {"/", SHARED, USERS}
        self.routes = (
            Route("workspace.mkdirs", "POST", "/api/2.0/workspace/mkdirs", self._make),
            Route("workspace.get-status", "GET", "/api/2.0/workspace/get-status", self._describe),
            Route("workspace.list", "GET", "/api/2.0/workspace/list", self._list),
        )

    def add(self, path: str) -> None:
        """Make a folder with those above it."""
        self._made.update(each.as_posix() for each in (PurePosixPath(path), *PurePosixPath(path).parents))

    def has(self, path: str) -> bool:
        """Return whether there is a folder; ``/Workspace`` before a path changes nothing."""
        plain = _plain(path)
        return plain in self._made or (self._owner_of(plain) is not None and plain.count("/") == 2)

    def may_write(self, principal: str, path: str) -> bool:
        """Return whether the principal may make something in a folder: what is shared, and its own."""
        plain = _plain(path)
        is_shared = plain == SHARED or plain.startswith(f"{SHARED}/")
        is_own = self._owner_of(plain) == principal
        return is_shared or is_own or self._access.principal(principal).is_administrator

    def _owner_of(self, path: str) -> str | None:
        """Return whose folder a path lies in; None for other places."""
        parts = PurePosixPath(path).parts
        if len(parts) < 3 or f"/{parts[1]}" != USERS:
            return None
        try:
            return self._access.principal(parts[2]).name
        except KeyError:
            return None

    def _make(self, request: Request) -> dict[str, Any]:
        path = _plain(request.need("path"))
        if not self.may_write(request.principal, path):
            raise ServiceError.denied(f"{request.principal} does not have Edit permissions on {path}.")
        self.add(path)
        return {}

    def _describe(self, request: Request) -> dict[str, Any]:
        path = _plain(request.need("path"))
        if not self.has(path):
            raise ServiceError.missing(f"Path ({path})")
        return _show(path)

    def _list(self, request: Request) -> dict[str, Any]:
        path = _plain(request.need("path"))
        if not self.has(path):
            raise ServiceError.missing(f"Path ({path})")
        inside = sorted(each for each in self._made if each != path and PurePosixPath(each).parent.as_posix() == path)
        return {"objects": [_show(each) for each in inside]}


def _plain(path: str) -> str:
    return PurePosixPath("/", path.removeprefix("/Workspace").lstrip("/")).as_posix()


def _show(path: str) -> dict[str, Any]:
    return {"path": path, "object_type": "DIRECTORY", "object_id": int(number_of(path))}
