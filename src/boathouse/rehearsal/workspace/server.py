"""The workspace as an HTTP server, to which MLflow's and the platform's own clients talk."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from google.protobuf.json_format import ParseDict, ParseError
from mlflow.protos.databricks_uc_registry_service_pb2 import UcModelRegistryService
from mlflow.utils.proto_json_utils import message_to_json
from mlflow.utils.rest_utils import _REST_API_PATH_PREFIX, extract_api_info_for_service

from boathouse.rehearsal.access import Access, list_securables
from boathouse.rehearsal.workspace.answers import Answer, Request, Route, ServiceError
from boathouse.rehearsal.workspace.catalog import UnityCatalog
from boathouse.rehearsal.workspace.files import Files
from boathouse.rehearsal.workspace.folders import Folders
from boathouse.rehearsal.workspace.identity import Identities
from boathouse.rehearsal.workspace.jobs import Jobs
from boathouse.rehearsal.workspace.monitors import Monitors
from boathouse.rehearsal.workspace.permissions import Permissions, name_in
from boathouse.rehearsal.workspace.registry import Registry
from boathouse.rehearsal.workspace.secrets import Scope, Secrets
from boathouse.rehearsal.workspace.serving import Serving
from boathouse.rehearsal.workspace.tracking import Tracking

# Of a workspace that is served without principals of its own.
TOKEN, ADMINISTRATOR = "dapi-rehearsal", "admin@example.com"
WORKSPACE_ID = "1"
# Which message belongs to which path is MLflow's own declaration of the service.
_list_messages: Any = extract_api_info_for_service
_MESSAGES = {
    (verb, path): message
    for message, (path, verb) in _list_messages(UcModelRegistryService, _REST_API_PATH_PREFIX).items()
}


class Workspace:
    """What the server keeps.

    Attributes:
        access: Principals and grants.
        catalog: Catalogs, schemas and volumes.
        files: Files of volumes, models and runs.
        registry: Registered models.
        secrets: Secrets.
        jobs: Jobs and runs.
        serving: Serving endpoints.
        monitors: Quality monitors.
        tracking: Experiments and runs of MLflow.
        folders: Folders of the workspace.
        permissions: Levels on jobs, endpoints and experiments.
        calls: How often each kind of request came: the registry's by the name of its message, all others by
            :attr:`Route.name`.
        callers: The same by kind and principal.
        refusals: By the same names, the error that it is answered with.
        url: Where it listens.
    """

    def __init__(self, folder: Path, access: Access) -> None:
        """Start empty; files and the tracking database go below ``folder``."""
        self.access = access
        self.catalog = UnityCatalog(access)
        self.permissions = Permissions(access)
        self.folders = Folders(access)
        self.files = Files(folder, access, self.catalog)
        self.registry = Registry(self.files, self.catalog, access)
        self.secrets = Secrets(access)
        self.jobs = Jobs(self.permissions)
        self.serving = Serving(self.registry, self.files, self.catalog, access, self.permissions)
        self.monitors = Monitors(self.catalog, access)
        self.tracking = Tracking(folder, self.folders, self.permissions)
        self.catalog.find_model = self.registry.models.__contains__
        self.calls: Counter[str] = Counter()
        self.callers: Counter[tuple[str, str]] = Counter()
        self.refusals: dict[str, ServiceError] = {}
        self.url = ""
        self._lock = threading.Lock()
        services = (Identities(access), self.secrets, self.jobs, self.serving, self.monitors, self.permissions)
        more = (self.folders, self.catalog, self.files, self.tracking)
        self._routes: tuple[Route, ...] = tuple(route for service in (*services, *more) for route in service.routes)

    def load_resources(self, resources: Mapping[str, Mapping[str, Mapping[str, Any]]], *, owner: str) -> None:
        """Make what a resolved bundle declares: catalogs' schemas, volumes, models, experiments, scopes and jobs.

        What is there already stays, with its contents. Endpoints and monitors are made by clients: they need models
        and tables.

        Args:
            resources: By kind and key.
            owner: Who deploys, and owns what is made.

        Raises:
            ServiceError: If a catalog is missing, or who deploys may not make something.
        """
        for kind, name, each in list_securables(resources):
            self._make_securable(kind, name, str(each.get("comment") or ""), owner)
        self.access.load_resources(resources)
        for each in (resources.get("experiments") or {}).values():
            self.tracking.add_experiment(each["name"], owner=owner, artifact_location=each.get("artifact_location"))
        for each in (resources.get("secret_scopes") or {}).values():
            scope = self.secrets.scopes.setdefault(each["name"], Scope({owner: "MANAGE"}))
            scope.rights.update({name_in(given): given["level"] for given in each.get("permissions") or ()})
        for each in (resources.get("jobs") or {}).values():
            self.jobs.add_job(each, owner=owner)

    def _make_securable(self, kind: str, name: str, comment: str, owner: str) -> None:
        if name in self.registry.models if kind == "model" else self.catalog.find(name, kind):
            return
        self.catalog.check_maker(owner, kind, name)
        if kind == "model":
            self.registry.add_model(name, owner=owner, description=comment)
        else:
            self.catalog.add(name, kind, owner=owner, comment=comment)

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request whose token is known.

        Raises:
            ServiceError: If the platform would refuse it.
        """
        message = _MESSAGES.get((request.verb, request.path))
        if message is not None:
            return self._ask_registry(request, message)
        for route in self._routes:
            found = route.match(request.verb, request.path)
            if found is not None:
                self._count(Tracking.name_call(request.verb, request.path) or route.name, request.principal)
                answered = route.answer(replace(request, asked={**request.asked, **found}))
                return answered if isinstance(answered, Answer) else _as_json(answered)
        raise ServiceError("ENDPOINT_NOT_FOUND", f"No API found for '{request.verb} {request.path}'")

    def _ask_registry(self, request: Request, message: Any) -> Answer:  # noqa: ANN401 - its class has no types
        try:
            asked = ParseDict(dict(request.asked), message())
        except ParseError as error:
            raise ServiceError("BAD_REQUEST", str(error)) from error
        with self._lock:
            self._count(message.DESCRIPTOR.name.removesuffix("Request"), request.principal)
            content = message_to_json(self.registry.answer(asked, request.principal))
        return Answer(content=content.encode(), kind="application/json")

    def _count(self, name: str, principal: str) -> None:
        self.calls[name] += 1
        self.callers[name, principal] += 1
        if name in self.refusals:
            raise self.refusals[name]


def _as_json(content: Mapping[str, Any]) -> Answer:
    return Answer(content=json.dumps(content).encode(), kind="application/json")


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request: who asks is checked, then the workspace answers."""

    protocol_version = "HTTP/1.1"
    # Headers and content in one packet; apart, each answer would wait for the acknowledgement of the first.
    wbufsize = 1 << 16
    workspace: Workspace

    def do(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if url.path.startswith("/.well-known/"):
                self._send(_as_json({}))
                return
            principal = self._find_principal()
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(
                self.workspace.answer(
                    Request(
                        principal=principal,
                        verb=self.command,
                        path=url.path,
                        query=url.query,
                        asked={**dict(parse_qsl(url.query)), **_read_json(url.path, body)},
                        body=body,
                        headers=headers,
                    )
                )
            )
        except ServiceError as error:
            content = json.dumps({"error_code": error.code, "message": str(error)}).encode()
            self._send(Answer(content=content, kind="application/json", status=error.status))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do  # noqa: N815 - names of the standard library

    def _find_principal(self) -> str:
        scheme, _, token = str(self.headers.get("authorization") or "").partition(" ")
        principal = self.workspace.access.principal_of(token) if scheme == "Bearer" else None
        if principal is None:
            raise ServiceError("UNAUTHENTICATED", "Credential was not sent or was of an unsupported type.")
        return principal

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("content-type", answer.kind)
        self.send_header("content-length", str(len(answer.content)))
        self.send_header("last-modified", formatdate(usegmt=True))
        self.send_header("x-databricks-org-id", WORKSPACE_ID)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class has no types
        """Say nothing."""


def _read_json(path: str, body: bytes) -> dict[str, Any]:
    """Return the values of a JSON body; files and what a model is asked are no such body."""
    if not body or path.startswith("/api/2.0/fs/") or path.endswith("/invocations"):
        return {}
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ServiceError("MALFORMED_REQUEST", "The body is no JSON.") from error
    return found if isinstance(found, dict) else {}


@contextmanager
def serve_workspace(folder: Path, access: Access | None = None) -> Iterator[Workspace]:
    """Serve a workspace of its own on loopback.

    Args:
        folder: Its files go below it: ``Volumes/``, ``Models/``, ``WorkspaceInternal/``, ``tracking.db``.
        access: Its principals; None for one administrator, whose token is :data:`TOKEN`.
    """
    if access is None:
        access = Access()
        access.add_user(ADMINISTRATOR, TOKEN, is_administrator=True)
    workspace = Workspace(folder, access)
    handler = type("Handler", (_Handler,), {"workspace": workspace})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        workspace.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield workspace
        finally:
            server.shutdown()
            thread.join()
            workspace.tracking.close()
