"""Who asks: the service that says which user or service principal its token belongs to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from boathouse.rehearsal.workspace.answers import Request, Route

if TYPE_CHECKING:
    from boathouse.rehearsal.access import Access


class Identities:
    """SCIM, as far as it says who one is."""

    def __init__(self, access: Access) -> None:
        """Remember the principals."""
        self._access = access
        self.routes = (Route("identity.me", "GET", "/api/2.0/preview/scim/v2/Me", self.tell),)

    def tell(self, request: Request) -> dict[str, Any]:
        """Return the principal with its groups; a service principal has its application id for a user name."""
        known = self._access.principal(request.principal)
        kind = "ServicePrincipal" if known.is_service else "User"
        emails = {"emails": [{"value": known.name, "primary": True}]}
        names = {"applicationId": known.name} if known.is_service else emails
        groups = sorted({*known.groups, "users", *(["admins"] if known.is_administrator else [])})
        return {
            "schemas": [f"urn:ietf:params:scim:schemas:core:2.0:{kind}"],
            "id": number_of(known.name),
            "userName": known.name,
            "displayName": known.name,
            "active": True,
            "groups": [{"display": group, "type": "direct", "value": number_of(group)} for group in groups],
            **names,
        }


def number_of(name: str) -> str:
    """Return the id of a principal, group or object: a number of 15 digits that depends on its name alone."""
    return str(10**14 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") % (9 * 10**14))
