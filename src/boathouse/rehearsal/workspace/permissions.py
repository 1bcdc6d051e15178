"""Permissions on objects of the workspace: jobs, serving endpoints, experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from boathouse.rehearsal.access import Access

# Each level includes those before it.
LEVELS = {
    "jobs": ("CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"),
    "serving-endpoints": ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"),
    "experiments": ("CAN_READ", "CAN_EDIT", "CAN_MANAGE"),
}
_NAMES = ("user_name", "group_name", "service_principal_name")


class Permissions:
    """Levels by object and principal or group; who makes an object has its highest level."""

    def __init__(self, access: Access) -> None:
        """Start empty."""
        self._access = access
        self._levels: dict[tuple[str, str], dict[str, str]] = {}
        path = "/api/2.0/permissions/{kind}/{id}"
        self.routes = (
            Route("permissions.get", "GET", path, self._get),
            Route("permissions.set", "PUT", path, self._set),
            Route("permissions.update", "PATCH", path, self._update),
        )

    def give(self, kind: str, identifier: str, principal: str, level: str) -> None:
        """Give a principal or group a level on an object.

        Raises:
            ServiceError: If objects of that kind have no such level.
        """
        if level not in LEVELS[kind]:
            raise ServiceError.invalid(f"{level} is no permission level of {kind}; one of {', '.join(LEVELS[kind])}.")
        self._levels.setdefault((kind, identifier), {})[principal] = level

    def load(self, kind: str, identifier: str, permissions: Iterable[Mapping[str, Any]]) -> None:
        """Take over ``permissions`` of a bundle's resource: a level, and one name of whom it is for."""
        for each in permissions:
            self.give(kind, identifier, name_in(each), each["level"])

    def may(self, principal: str, kind: str, identifier: str, level: str) -> bool:
        """Return whether the principal has that level on the object, or a higher one."""
        if self._access.principal(principal).is_administrator:
            return True
        held, order = self._levels.get((kind, identifier), {}), LEVELS[kind]
        names = self._access.names_of(principal)
        return any(order.index(held[name]) >= order.index(level) for name in names if name in held)

    def require(self, principal: str, kind: str, identifier: str, level: str) -> None:
        """Check that the principal has that level.

        Raises:
            ServiceError: If not.
        """
        if not self.may(principal, kind, identifier, level):
            words = level.removeprefix("CAN_").replace("_", " ").title()
            one = kind.rstrip("s").replace("-", " ")
            raise ServiceError.denied(f"User {principal} does not have {words} permissions on {one} {identifier}.")

    def _get(self, request: Request) -> dict[str, Any]:
        kind, identifier = self._find(request)
        held = self._levels.get((kind, identifier), {})
        shown = []
        for name, level in sorted(held.items()):
            field = self._field_of(name)
            shown.append({field: name, "all_permissions": [{"permission_level": level, "inherited": False}]})
        return {"object_id": f"/{kind}/{identifier}", "object_type": kind.rstrip("s"), "access_control_list": shown}

    def _field_of(self, name: str) -> str:
        try:
            return "service_principal_name" if self._access.principal(name).is_service else "user_name"
        except KeyError:
            return "group_name"

    def _set(self, request: Request) -> dict[str, Any]:
        kind, identifier = self._find(request)
        self.require(request.principal, kind, identifier, "CAN_MANAGE")
        self._levels[kind, identifier] = {}
        return self._change(request, kind, identifier)

    def _update(self, request: Request) -> dict[str, Any]:
        kind, identifier = self._find(request)
        self.require(request.principal, kind, identifier, "CAN_MANAGE")
        return self._change(request, kind, identifier)

    def _change(self, request: Request, kind: str, identifier: str) -> dict[str, Any]:
        for each in request.asked.get("access_control_list") or ():
            self.give(kind, identifier, name_in(each), each["permission_level"])
        return self._get(request)

    def _find(self, request: Request) -> tuple[str, str]:
        kind, identifier = request.asked["kind"], request.asked["id"]
        if kind not in LEVELS or (kind, identifier) not in self._levels:
            raise ServiceError.missing(f"Object '{kind}/{identifier}'")
        return kind, identifier


def name_in(each: Mapping[str, Any]) -> str:
    """Return the user, group or service principal that a permission is for.

    Raises:
        ServiceError: If it names none, or several.
    """
    found = [str(each[field]) for field in _NAMES if each.get(field)]
    if len(found) != 1:
        raise ServiceError.invalid(f"A permission names one of {', '.join(_NAMES)}; found {len(found)}.")
    return found[0]
