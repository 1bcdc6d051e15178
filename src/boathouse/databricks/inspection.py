"""What a workspace says of who asks: identity, what is there, and which rights are held. Nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

# How long the workspace is asked, and one answer waited for; the SDK's own 300 s would look like a job that hangs.
_PATIENCE_S, _ANSWER_S = 30, 15
# A service principal's user name is its application id.
_APPLICATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EFFECTIVE = "/api/2.1/unity-catalog/effective-permissions"
# The group that everybody in the account is in, without being told so.
_EVERYBODY = "account users"
# What ALL PRIVILEGES does not include.
_APART = frozenset({"MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"})

Kind = Literal["catalog", "schema", "volume", "function"]
Found = TypeVar("Found")


def open_workspace() -> WorkspaceClient:
    """Return a client of the workspace that this process runs in, or that its environment names.

    It gives up within half a minute where the workspace does not answer.

    Raises:
        ValueError: If nothing says which workspace, or as whom.
    """
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    return WorkspaceClient(config=Config(retry_timeout_seconds=_PATIENCE_S, http_timeout_seconds=_ANSWER_S))


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        name: E-mail address of a person; application id of a service principal.
        is_service: Whether it is a service principal.
        groups: Groups that it is in.
    """

    name: str
    is_service: bool
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A securable as who asks sees it.

    Attributes:
        state: ``there``, ``missing``, or ``hidden`` if who asks may not even see whether it is there.
        owner: Who owns it; empty unless it is there.
    """

    state: Literal["there", "missing", "hidden"]
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One privilege that the caller holds.

    Attributes:
        principal: To whom it was granted: the caller, or a group that it is in.
        privilege: Such as ``SELECT``.
        is_inherited: Whether it comes from the schema or catalog around.
    """

    principal: str
    privilege: str
    is_inherited: bool


class WorkspaceView:
    """A workspace as who runs this process sees it."""

    def __init__(self, client: WorkspaceClient) -> None:
        """Remember the client; ask nothing."""
        self._client = client
        self._caller: Caller | None = None

    @property
    def caller(self) -> Caller:
        """Who asks; asked once.

        Raises:
            DatabricksError: If the workspace does not say.
        """
        if self._caller is None:
            me = self._client.current_user.me()
            name = str(me.user_name or "")
            groups = tuple(sorted(str(each.display) for each in me.groups or () if each.display))
            self._caller = Caller(name=name, is_service=_APPLICATION_ID.fullmatch(name) is not None, groups=groups)
        return self._caller

    def look(self, kind: Kind, name: str) -> Sight:
        """Return whether a securable is there, by its full name; a registered model is a ``function``."""
        services: dict[str, Callable[[], object]] = {
            "catalog": lambda: self._client.catalogs.get(name),
            "schema": lambda: self._client.schemas.get(name),
            "volume": lambda: self._client.volumes.read(name),
            "function": lambda: self._client.registered_models.get(name),
        }
        found, state = _try(services[kind])
        return Sight(state=state, owner=str(getattr(found, "owner", "") or ""))

    def lacks(self, kind: Kind, name: str, needed: Iterable[str]) -> tuple[str, ...]:
        """Return which privileges are not held on a securable that is there, in the order given.

        Grants to the caller and to its groups count, inherited ones too; the owner lacks none.
        """
        if self.owns(kind, name):
            return ()
        held = self.privileges(kind, name)
        return tuple(each for each in needed if not _includes(held, each))

    def owns(self, kind: Kind, name: str) -> bool:
        """Return whether the caller, or a group that it is in, owns a securable."""
        return self.look(kind, name).owner in {self.caller.name, *self.caller.groups}

    def privileges(self, kind: Kind, name: str) -> frozenset[str]:
        """Return the privileges that grants give to the caller on a securable; none if it is missing or hidden."""
        return frozenset(given.privilege for given in self.grants(kind, name))

    def grants(self, kind: Kind, name: str) -> tuple[Grant, ...]:
        """Return what is granted on a securable to the caller, its groups and all; none if it is missing or hidden."""
        names = (self.caller.name, *self.caller.groups, _EVERYBODY)
        return tuple(given for principal in names for given in self._read_grants(kind, name, principal))

    def _read_grants(self, kind: Kind, name: str, principal: str) -> Iterator[Grant]:
        # As it stands: the SDK's own class leaves out privileges that it does not know, as CREATE_MODEL_VERSION.
        path, query = f"{_EFFECTIVE}/{kind}/{name}", {"principal": principal}
        found, _ = _try(lambda: self._client.api_client.do("GET", path, query=query))
        for assigned in (found or {}).get("privilege_assignments") or ():
            for each in assigned.get("privileges") or ():
                inherited = "inherited_from_name" in each
                yield Grant(principal=principal, privilege=each["privilege"], is_inherited=inherited)

    def has_folder(self, path: str) -> bool:
        """Return whether there is a folder of the workspace that the caller can see."""
        return _try(lambda: self._client.workspace.get_status(path))[1] == "there"


def _try(ask: Callable[[], Found]) -> tuple[Found | None, Literal["there", "missing", "hidden"]]:
    """Return an answer, or why there is none; other failures than these two are the caller's."""
    from databricks.sdk.errors import NotFound, PermissionDenied

    try:
        return ask(), "there"
    except NotFound:
        return None, "missing"
    except PermissionDenied:
        return None, "hidden"


def _includes(held: frozenset[str], privilege: str) -> bool:
    return privilege in held or ("ALL_PRIVILEGES" in held and privilege not in _APART)
