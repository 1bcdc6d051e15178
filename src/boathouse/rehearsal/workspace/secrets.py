"""Secrets of the workspace: scopes with their readers, and values by key."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route, ServiceError

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access

_BASE = "/api/2.0/secrets"
# Each right includes those before it.
RIGHTS = ("READ", "WRITE", "MANAGE")


@dataclass
class Scope:
    """A scope.

    Attributes:
        rights: Right by principal or group: ``READ``, ``WRITE`` or ``MANAGE``.
        values: Value by key.
        changed: When each was put, in milliseconds since 1970.
    """

    rights: dict[str, str] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict, repr=False)
    changed: dict[str, int] = field(default_factory=dict)


class Secrets:
    """All scopes of a workspace.

    Attributes:
        scopes: By name.
    """

    def __init__(self, access: Access) -> None:
        """Start without a scope."""
        self.scopes: dict[str, Scope] = {}
        self._access = access
        self.routes = (
            Route("secrets.create-scope", "POST", f"{_BASE}/scopes/create", self.create_scope),
            Route("secrets.delete-scope", "POST", f"{_BASE}/scopes/delete", self.delete_scope),
            Route("secrets.list-scopes", "GET", f"{_BASE}/scopes/list", self.list_scopes),
            Route("secrets.put", "POST", f"{_BASE}/put", self.put),
            Route("secrets.delete", "POST", f"{_BASE}/delete", self.delete),
            Route("secrets.list", "GET", f"{_BASE}/list", self.list_keys),
            Route("secrets.get", "GET", f"{_BASE}/get", self.get),
            Route("secrets.put-acl", "POST", f"{_BASE}/acls/put", self.put_right),
            Route("secrets.list-acls", "GET", f"{_BASE}/acls/list", self.list_rights),
        )

    def create_scope(self, request: Request) -> dict[str, Any]:
        """Make a scope; who makes it manages it."""
        name = request.need("scope")
        if name in self.scopes:
            raise ServiceError("RESOURCE_ALREADY_EXISTS", f"Scope {name} already exists!")
        self.scopes[name] = Scope({request.asked.get("initial_manage_principal") or request.principal: "MANAGE"})
        return {}

    def delete_scope(self, request: Request) -> dict[str, Any]:
        """Remove a scope with its values."""
        self._scope(request, "MANAGE")
        del self.scopes[request.need("scope")]
        return {}

    def list_scopes(self, _request: Request) -> dict[str, Any]:
        """Return the names of all scopes."""
        return {"scopes": [{"name": name, "backend_type": "DATABRICKS"} for name in sorted(self.scopes)]}

    def put(self, request: Request) -> dict[str, Any]:
        """Keep a value, given as text or as Base64."""
        scope, key, asked = self._scope(request, "WRITE"), request.need("key"), request.asked
        if ("string_value" in asked) == ("bytes_value" in asked):
            raise ServiceError("MALFORMED_REQUEST", "Give either string_value or bytes_value.")
        value = asked.get("string_value")
        scope.values[key] = base64.b64decode(asked["bytes_value"]) if value is None else str(value).encode()
        scope.changed[key] = int(time.time() * 1000)
        return {}

    def delete(self, request: Request) -> dict[str, Any]:
        """Remove a value."""
        scope, key = self._scope(request, "WRITE"), request.need("key")
        self._value(request, scope)
        del scope.values[key]
        return {}

    def list_keys(self, request: Request) -> dict[str, Any]:
        """Return the keys of a scope, without values."""
        scope = self._scope(request, "READ")
        return {"secrets": [{"key": key, "last_updated_timestamp": scope.changed[key]} for key in sorted(scope.values)]}

    def get(self, request: Request) -> dict[str, Any]:
        """Return a value, as Base64."""
        value = self._value(request, self._scope(request, "READ"))
        return {"key": request.need("key"), "value": base64.b64encode(value).decode()}

    def put_right(self, request: Request) -> dict[str, Any]:
        """Give a principal or group a right on a scope."""
        scope, right = self._scope(request, "MANAGE"), request.need("permission")
        if right not in RIGHTS:
            raise ServiceError.invalid(f"{right} is no permission of a scope; one of {', '.join(RIGHTS)}.")
        scope.rights[request.need("principal")] = right
        return {}

    def list_rights(self, request: Request) -> dict[str, Any]:
        """Return who has which right on a scope."""
        scope = self._scope(request, "MANAGE")
        return {"items": [{"principal": name, "permission": right} for name, right in sorted(scope.rights.items())]}

    def _scope(self, request: Request, right: str) -> Scope:
        name = request.need("scope")
        if name not in self.scopes:
            raise ServiceError("RESOURCE_DOES_NOT_EXIST", f"Scope {name} does not exist!")
        scope = self.scopes[name]
        names = self._access.names_of(request.principal)
        held = [scope.rights[each] for each in names if each in scope.rights]
        is_allowed = any(RIGHTS.index(each) >= RIGHTS.index(right) for each in held)
        if not is_allowed and not self._access.principal(request.principal).is_administrator:
            message = f"User {request.principal} does not have {right} permission on scope {name}"
            raise ServiceError.denied(message)
        return scope

    def _value(self, request: Request, scope: Scope) -> bytes:
        key = request.need("key")
        if key not in scope.values:
            raise ServiceError.missing(f"Secret for scope {request.need('scope')} and key {key}")
        return scope.values[key]
