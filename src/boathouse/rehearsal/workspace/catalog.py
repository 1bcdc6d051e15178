"""Unity Catalog's securables other than model versions: catalogs, schemas, volumes and tables, with their grants."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route, ServiceError
from boathouse.rehearsal.workspace.identity import number_of

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access

_BASE = "/api/2.1/unity-catalog"
# Which privilege on the parent lets make one; models are kept by the registry, tables by another service.
_MAKERS = {"catalog": "CREATE_CATALOG", "schema": "CREATE_SCHEMA", "volume": "CREATE_VOLUME", "model": "CREATE_MODEL"}
# What lets see one.
_SIGHTS = {"catalog": "USE_CATALOG", "schema": "USE_SCHEMA", "volume": "READ_VOLUME"}
_PLURALS = {"catalog": "catalogs", "schema": "schemas", "volume": "volumes"}
_CODES = {"catalog": "CATALOG_DOES_NOT_EXIST", "schema": "SCHEMA_DOES_NOT_EXIST"}


@dataclass(frozen=True)
class Securable:
    """A catalog, schema or volume.

    Attributes:
        name: Full name.
        kind: ``catalog``, ``schema`` or ``volume``.
        comment: What it is for.
        created_at: In milliseconds since 1970.
    """

    name: str
    kind: str
    comment: str = ""
    created_at: int = 0


class UnityCatalog:
    """What there is in the metastore, besides models.

    Attributes:
        find_table: Says whether there is a table of that full name; tables live in another service.
        find_model: Says whether there is a registered model of that full name.
    """

    def __init__(self, access: Access) -> None:
        """Start empty."""
        self.find_table: Callable[[str], bool] = lambda _name: False
        self.find_model: Callable[[str], bool] = lambda _name: False
        self._found: dict[tuple[str, str], Securable] = {}
        self._access = access
        self.routes = (
            *(route for kind in _PLURALS for route in self._list_routes(kind)),
            Route("tables.exists", "GET", _BASE + "/tables/{name}/exists", self._table_exists),
            Route("tables.get", "GET", _BASE + "/tables/{name}", self._get_table),
            Route("models.get", "GET", _BASE + "/models/{name}", self._get_model),
            Route("grants.get", "GET", _BASE + "/permissions/{kind}/{name}", self._get_grants),
            Route("grants.effective", "GET", _BASE + "/effective-permissions/{kind}/{name}", self._get_effective),
            Route("grants.update", "PATCH", _BASE + "/permissions/{kind}/{name}", self._update_grants),
        )

    def _list_routes(self, kind: str) -> tuple[Route, ...]:
        plural = _PLURALS[kind]
        place = f"{_BASE}/{plural}"
        return (
            Route(f"{plural}.create", "POST", place, lambda request: self._create(request, kind)),
            Route(f"{plural}.list", "GET", place, lambda request: self._list(request, kind)),
            Route(f"{plural}.get", "GET", place + "/{name}", lambda request: self._get(request, kind)),
            Route(f"{plural}.delete", "DELETE", place + "/{name}", lambda request: self._delete(request, kind)),
        )

    def add(self, name: str, kind: str, *, owner: str | None = None, comment: str = "") -> Securable:
        """Put a catalog, schema or volume there; those it lies in as well, if they are missing."""
        parent = name.rpartition(".")[0]
        above = {"schema": "catalog", "volume": "schema"}.get(kind)
        if above and self.find(parent, above) is None:
            self.add(parent, above, owner=owner)
        made = Securable(name, kind, comment, int(time.time() * 1000))
        self._found[kind, name] = made
        if owner is not None:
            self._access.own(owner, name)
        return made

    def find(self, name: str, kind: str) -> Securable | None:
        """Return a catalog, schema or volume by its full name, or None."""
        return self._found.get((kind, name))

    def remove(self, name: str, kind: str) -> None:
        """Take a catalog, schema or volume away."""
        del self._found[kind, name]

    def names(self, kind: str) -> frozenset[str]:
        """Return the full names of all catalogs, schemas or volumes."""
        return frozenset(name for each, name in self._found if each == kind)

    def require_parents(self, name: str) -> None:
        """Check that catalog and schema of a name of three levels are there.

        Raises:
            ServiceError: If not.
        """
        catalog, schema = name.split(".", maxsplit=1)[0], name.rpartition(".")[0]
        for kind, needed in (("catalog", catalog), ("schema", schema)):
            if self.find(needed, kind) is None:
                raise ServiceError("NOT_FOUND", f"{kind.title()} '{needed}' does not exist.")

    def _need(self, name: str, kind: str) -> Securable:
        found = self.find(name, kind)
        if found is None:
            raise ServiceError(_CODES.get(kind, "NOT_FOUND"), f"{kind.title()} '{name}' does not exist.")
        return found

    def _create(self, request: Request, kind: str) -> dict[str, Any]:
        parents = {"catalog": (), "schema": ("catalog_name",), "volume": ("catalog_name", "schema_name")}[kind]
        parent = ".".join(str(request.need(part)) for part in parents)
        name = f"{parent}.{request.need('name')}".lstrip(".")
        self.check_maker(request.principal, kind, name)
        if self.find(name, kind) is not None:
            raise ServiceError("ALREADY_EXISTS", f"{kind.title()} '{name}' already exists")
        self.add(name, kind, owner=request.principal, comment=str(request.asked.get("comment") or ""))
        return self._show(self._need(name, kind))

    def check_maker(self, principal: str, kind: str, name: str) -> None:
        """Check that a catalog, schema, volume or model may be made by a principal.

        Raises:
            ServiceError: If what it lies in is missing, or the right to make it there.
        """
        parent = name.rpartition(".")[0]
        if parent:
            self._need(parent, "schema" if "." in parent else "catalog")
        elif not self._access.principal(principal).is_administrator:
            raise ServiceError.denied("User does not have CREATE CATALOG on Metastore.")
        refusal = self._access.refusal(principal, _MAKERS[kind], parent) if parent else None
        if refusal is not None:
            raise ServiceError.denied(refusal)

    def _get(self, request: Request, kind: str) -> dict[str, Any]:
        found = self._need(request.asked["name"], kind)
        refusal = self._check_sight(request.principal, kind, found.name)
        if refusal is not None:
            raise ServiceError.denied(refusal)
        return self._show(found)

    def _list(self, request: Request, kind: str) -> dict[str, Any]:
        parents = (request.asked.get("catalog_name"), request.asked.get("schema_name"))
        prefix = ".".join(part for part in parents if part)
        names = [name for name in sorted(self.names(kind)) if name.rpartition(".")[0] == prefix or kind == "catalog"]
        seen = [self._need(name, kind) for name in names if self._check_sight(request.principal, kind, name) is None]
        return {_PLURALS[kind]: [self._show(each) for each in seen]}

    def _delete(self, request: Request, kind: str) -> dict[str, Any]:
        found = self._need(request.asked["name"], kind)
        if not self._access.owns(request.principal, found.name):
            raise ServiceError.denied(f"User is not an owner of {kind.title()} '{found.name}'.")
        self.remove(found.name, kind)
        return {}

    def _check_sight(self, principal: str, kind: str, name: str) -> str | None:
        """Return why a principal may not see what there is, or None."""
        names = self._access.names_of(principal)
        if any("BROWSE" in self._access.held(each, name) for each in names):
            return None
        return self._access.refusal(principal, _SIGHTS[kind], name)

    def _show(self, found: Securable) -> dict[str, Any]:
        parts = found.name.split(".")
        levels = dict(zip(("catalog_name", "schema_name"), parts[:-1], strict=False))
        more = {"volume_type": "MANAGED", "volume_id": number_of(found.name)} if found.kind == "volume" else {}
        return {
            "name": parts[-1],
            "full_name": found.name,
            "owner": self._access.owners.get(found.name, ""),
            "comment": found.comment,
            "created_at": found.created_at,
            **levels,
            **more,
        }

    def _table_exists(self, request: Request) -> dict[str, Any]:
        name = request.asked["name"]
        refusal = self._check_sight(request.principal, "schema", name.rpartition(".")[0])
        if refusal is not None:
            raise ServiceError.denied(refusal)
        return {"table_exists": self.find_table(name), "securable_type": "TABLE"}

    def _get_table(self, request: Request) -> dict[str, Any]:
        name = request.asked["name"]
        if not self.find_table(name):
            raise ServiceError("NOT_FOUND", f"Table '{name}' does not exist.")
        refusal = self._access.refusal(request.principal, "SELECT", name)
        if refusal is not None:
            raise ServiceError.denied(refusal)
        catalog, schema, table = name.split(".")
        owner = self._access.owners.get(name, "")
        return {"name": table, "full_name": name, "catalog_name": catalog, "schema_name": schema, "owner": owner}

    def _get_model(self, request: Request) -> dict[str, Any]:
        name = request.asked["name"]
        if not self.find_model(name):
            raise ServiceError.missing(f"Registered model '{name}'")
        refusal = self._access.refusal(request.principal, "EXECUTE", name)
        if refusal is not None:
            raise ServiceError.denied(refusal)
        catalog, schema, model = name.split(".")
        owner = self._access.owners.get(name, "")
        return {"name": model, "full_name": name, "catalog_name": catalog, "schema_name": schema, "owner": owner}

    def _check_there(self, request: Request) -> str:
        kind, name = request.asked["kind"].lower(), str(request.asked["name"])
        is_there = {"table": self.find_table, "function": self.find_model}.get(kind)
        if is_there is None:
            self._need(name, kind)
        elif not is_there(name):
            raise ServiceError("NOT_FOUND", f"{kind.title()} '{name}' does not exist.")
        return name

    def _get_grants(self, request: Request) -> dict[str, Any]:
        name = self._check_there(request)
        held = self._access.grants.get(name, {})
        shown = [{"principal": who, "privileges": sorted(given)} for who, given in sorted(held.items()) if given]
        return {"privilege_assignments": shown}

    def _get_effective(self, request: Request) -> dict[str, Any]:
        name = self._check_there(request)
        wanted = request.asked.get("principal")
        everyone = {who for held in self._access.grants.values() for who in held}
        shown = []
        for who in sorted({wanted} if wanted else everyone):
            held = self._access.held(str(who), name)
            privileges = [
                {"privilege": privilege, **({} if source == name else {"inherited_from_name": source})}
                for privilege, source in held.items()
            ]
            shown += [{"principal": who, "privileges": privileges}] if privileges else []
        return {"privilege_assignments": shown}

    def _update_grants(self, request: Request) -> dict[str, Any]:
        name = self._check_there(request)
        if not self._access.owns(request.principal, name) and not self._access.may(request.principal, "MANAGE", name):
            raise ServiceError.denied(f"User does not have MANAGE on '{name}'.")
        for change in request.asked.get("changes") or ():
            self._access.grant(change["principal"], name, *change.get("add") or ())
            self._access.revoke(change["principal"], name, *change.get("remove") or ())
        return self._get_grants(request)
