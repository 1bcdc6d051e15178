"""Who may do what in a rehearsed workspace: principals with tokens, and the grants of Unity Catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Groups that everybody is in, without being added.
EVERYBODY = frozenset({"account users", "users"})
# What ALL PRIVILEGES does not include.
_APART = frozenset({"MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"})
# What has to be held on the catalog and on the schema before anything in them can be used.
_GATES = (("USE_CATALOG", 1), ("USE_SCHEMA", 2))
# How the platform names the kind of a securable in a refusal, by the privilege that is missing on it.
_KINDS = {
    "READ_VOLUME": "Volume",
    "WRITE_VOLUME": "Volume",
    "EXECUTE": "Routine or Model",
    "CREATE_MODEL_VERSION": "Routine or Model",
    "APPLY_TAG": "Routine or Model",
    "MANAGE": "Routine or Model",
}

# Kinds of a bundle's resources that are securables: what each is called here, and the parts of its full name.
_RESOURCES = (
    ("catalogs", "catalog", ("name",)),
    ("schemas", "schema", ("catalog_name", "name")),
    ("volumes", "volume", ("catalog_name", "schema_name", "name")),
    ("registered_models", "model", ("catalog_name", "schema_name", "name")),
)


@dataclass(frozen=True)
class Principal:
    """A user or a service principal.

    Attributes:
        name: E-mail address of a user; application id of a service principal.
        token: Its bearer token.
        is_service: Whether it is a service principal.
        groups: Groups that it was added to.
        is_administrator: Whether it may do everything, as the administrator of the metastore and the workspace.
    """

    name: str
    token: str = field(repr=False)
    is_service: bool = False
    groups: frozenset[str] = frozenset()
    is_administrator: bool = False


class Access:
    """Principals and grants of a workspace; asked by its HTTP services and by its tables.

    A grant on a catalog or a schema holds for everything in it. An owner has every privilege on the securable,
    not on what lies in it.

    Attributes:
        grants: Privileges by principal or group, by full name of the securable (``catalog``, ``catalog.schema``,
            ``catalog.schema.object``).
        owners: Owner by full name of the securable.
    """

    def __init__(self) -> None:
        """Start without anybody."""
        self._principals: dict[str, Principal] = {}
        self.grants: dict[str, dict[str, set[str]]] = {}
        self.owners: dict[str, str] = {}

    def add_user(
        self, name: str, token: str, *, groups: Iterable[str] = (), is_administrator: bool = False
    ) -> Principal:
        """Add a person, by the e-mail address; return the principal."""
        return self._add(Principal(name, token, groups=frozenset(groups), is_administrator=is_administrator))

    def add_service_principal(
        self, application_id: str, token: str, *, groups: Iterable[str] = (), is_administrator: bool = False
    ) -> Principal:
        """Add a service principal, by its application id; return the principal."""
        kinds = {"is_service": True, "is_administrator": is_administrator}
        return self._add(Principal(application_id, token, groups=frozenset(groups), **kinds))

    def _add(self, principal: Principal) -> Principal:
        self._principals[principal.name] = principal
        return principal

    def principal_of(self, token: str) -> str | None:
        """Return the name of whom the token belongs to, or None."""
        return next((each.name for each in self._principals.values() if each.token == token), None)

    def principal(self, name: str) -> Principal:
        """Return the principal of that name.

        Raises:
            KeyError: If there is none.
        """
        return self._principals[name]

    def names_of(self, principal: str) -> frozenset[str]:
        """Return the principal's name and the groups that it is in: what a grant to it may name."""
        known = self._principals.get(principal)
        return frozenset({principal}) | EVERYBODY | (known.groups if known else frozenset())

    def grant(self, principal: str, securable: str, *privileges: str) -> None:
        """Give privileges; ``USE CATALOG`` and ``USE_CATALOG`` are one."""
        held = self.grants.setdefault(securable, {}).setdefault(principal, set())
        held.update(map(_plain, privileges))

    def revoke(self, principal: str, securable: str, *privileges: str) -> None:
        """Take privileges away; what was inherited stays."""
        held = self.grants.get(securable, {}).get(principal, set())
        held.difference_update(map(_plain, privileges))

    def own(self, principal: str, securable: str) -> None:
        """Make ``principal`` the owner of a securable."""
        self.owners[securable] = principal

    def owns(self, principal: str, securable: str) -> bool:
        """Return whether the principal, or a group that it is in, owns the securable; an administrator owns all."""
        return self._is_administrator(principal) or self.owners.get(securable) in self.names_of(principal)

    def held(self, principal: str, securable: str) -> dict[str, str]:
        """Return the privileges that grants give to one principal or group, each with the securable it comes from."""
        parts = securable.split(".")
        found: dict[str, str] = {}
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            for privilege in sorted(self.grants.get(name, {}).get(principal, ())):
                found.setdefault(privilege, name)
        return found

    def may(self, principal: str, privilege: str, securable: str) -> bool:
        """Return whether the principal has the privilege there, and the use of the catalog and schema around it."""
        return self.refusal(principal, privilege, securable) is None

    def refusal(self, principal: str, privilege: str, securable: str) -> str | None:
        """Return what the platform says is missing, or None if nothing is."""
        if self._is_administrator(principal):
            return None
        parts = securable.split(".")
        wanted = [(gate, ".".join(parts[:length])) for gate, length in _GATES if length <= len(parts)]
        wanted = [(gate, name) for gate, name in wanted if (gate, name) != (_plain(privilege), securable)]
        for needed, name in [*wanted, (_plain(privilege), securable)]:
            if not self._has(principal, needed, name):
                return f"User does not have {needed.replace('_', ' ')} on {_kind(needed, name)} '{name}'."
        return None

    def _has(self, principal: str, privilege: str, securable: str) -> bool:
        if self.owns(principal, securable):
            return True
        held = {each for name in self.names_of(principal) for each in self.held(name, securable)}
        return privilege in held or ("ALL_PRIVILEGES" in held and privilege not in _APART)

    def _is_administrator(self, principal: str) -> bool:
        known = self._principals.get(principal)
        return known is not None and known.is_administrator

    def load_resources(
        self, resources: Mapping[str, Mapping[str, Mapping[str, Any]]], *, owner: str | None = None
    ) -> None:
        """Take over the grants of a bundle's resources.

        Args:
            resources: By kind and key, each as it stands in the resolved bundle; schemas, volumes and registered models
                count.
            owner: Who deploys, and so owns what is made; None leaves owners as they are.
        """
        for _, name, resource in list_securables(resources):
            if owner is not None:
                self.own(owner, name)
            for each in resource.get("grants") or ():
                self.grant(each["principal"], name, *each["privileges"])


def list_securables(
    resources: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return what a bundle makes in Unity Catalog, parents first.

    Returns:
        Kind (``catalog``, ``schema``, ``volume``, ``model``), full name and content of each.
    """
    return [
        (kind, ".".join(str(each[part]) for part in parts), each)
        for plural, kind, parts in _RESOURCES
        for each in (resources.get(plural) or {}).values()
    ]


def _plain(privilege: str) -> str:
    return privilege.strip().upper().replace(" ", "_")


def _kind(privilege: str, securable: str) -> str:
    return ("Catalog", "Schema", _KINDS.get(privilege, "Table"))[min(securable.count("."), 2)]
