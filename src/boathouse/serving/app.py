"""The routes of the server, as an ASGI application of few layers: each layer adds to the latency of every request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from boathouse.endpoints.log_contract import Mode
from boathouse.errors import InvocationError
from boathouse.serving.answers import Answer, encode_document, encode_error
from boathouse.serving.by_key import find_features, find_predictions
from boathouse.serving.invocation_handler import InvocationHandler
from boathouse.serving.metrics import CONTENT_TYPE
from boathouse.serving.openapi import describe_api
from boathouse.serving.request import DisconnectedError, Receive, Request, Send
from boathouse.serving.service import Service

Handler = Callable[[Request], Awaitable[None]]
_COMMANDS = ("reload", "drain", "resume")
# Addresses whose answer depends on whether the online store can answer a key.
_ASKING_THE_STORE = ("/ready", "/health")
# The words of all addresses; further ones are names of endpoints and their entities.
_WORDS = frozenset(
    {"", "invocations", "serving-endpoints", "served-models", "feature-serving", "precomputed", "manage", *_COMMANDS}
)
_MOST_PARTS = 8
_MODES: Mapping[str, Mode] = {"feature-serving": "features", "precomputed": "precomputed"}


class App:
    """The application of one worker."""

    def __init__(self, service: Service) -> None:
        """Map the paths to their handlers."""
        self._service = service
        self.invocations = InvocationHandler(service)
        self._gets: dict[str, Callable[[Request], Answer]] = {
            "/ping": self._ping,
            "/health": self._health,
            "/ready": self._ready,
            "/version": self._version,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
        }

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one request, or a lifespan event of the server."""
        if scope["type"] == "lifespan":
            await _handle_lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        request = Request(scope, receive, send, is_last=self._is_draining)
        try:
            await self._route(request)
        except InvocationError as error:
            await self._refuse(request, error)
        except DisconnectedError:
            self._service.access_log.request(request_id=request.request_id, status=499)
        except Exception as error:  # noqa: BLE001 - the one place where an unexpected error becomes an answer
            self._service.access_log.failure("request_failed", error, request_id=request.request_id)
            await self._refuse(request, InvocationError.failed())

    def _is_draining(self) -> bool:
        return self._service.draining

    async def _refuse(self, request: Request, error: InvocationError) -> None:
        if request.status:
            return
        answer = encode_error(error)
        await request.answer(answer)
        self._service.metrics.observe(("-", "-", request.status), request.seconds, 0)
        path = self._describe_path(request.path)
        self._service.access_log.request(request_id=request.request_id, path=path, status=request.status)
        kind, name = _read_path(request.path)
        if kind != "manage" and request.path not in self._gets:
            self.invocations.refuse(request, answer, name, _MODES.get(kind, "answer"))

    def _describe_path(self, path: str) -> str:
        """Return the path with the parts that are none of an address of this server masked: they may be anything."""
        words = {*_WORDS, *self._service.endpoints, *(path[1:] for path in self._gets)}
        for endpoint in self._service.endpoints.values():
            words |= {entity.name for entity in endpoint.state.config.served_entities}
        return "/".join(part if part in words else "***" for part in path.split("/")[:_MOST_PARTS])

    async def _route(self, request: Request) -> None:
        path = request.path
        read = self._gets.get(path)
        if read is not None:
            if request.method not in ("GET", "HEAD"):
                raise InvocationError.wrong_method("GET")
            if path in _ASKING_THE_STORE:
                await self._service.check_look_ups()
            answer = read(request)
            await request.answer(answer)
            return
        handle = self._find_handler(path)
        if request.method != "POST":
            raise InvocationError.wrong_method("POST")
        await handle(request)

    def _find_handler(self, path: str) -> Handler:
        """Return the handler of a POST to ``path``."""
        match path.split("/")[1:]:
            case ["invocations"]:
                return lambda request: self.invocations.invoke(request, None, None)
            case ["serving-endpoints", name, "invocations"]:
                return lambda request: self.invocations.invoke(request, name, None)
            case ["serving-endpoints", name, "served-models", entity, "invocations"]:
                return lambda request: self.invocations.invoke(request, name, entity)
            case ["feature-serving", name, "invocations"]:
                return lambda request: self.invocations.answer(request, name, find_features, mode="features")
            case ["precomputed", name, "invocations"]:
                return lambda request: self.invocations.answer(request, name, find_predictions, mode="precomputed")
            case ["manage", message] if message in _COMMANDS:
                return lambda request: self._manage(request, message)
        raise InvocationError.no_address("address", ["/invocations", *self._gets])

    async def _manage(self, request: Request, message: str) -> None:
        token = self._service.access.admit(request.headers, "manage")
        self._service.send(message)
        name = "" if token is None else token.name
        self._service.access_log.event("info", "managed", command=message, by=name, request_id=request.request_id)
        await request.answer(encode_document({"accepted": message}, 202))

    def _ping(self, _request: Request) -> Answer:
        loaded = any(endpoint.state.models for endpoint in self._service.endpoints.values())
        return Answer(200 if loaded else 503, b"\n")

    def _health(self, request: Request) -> Answer:
        """Return everything to callers with access, else the status alone."""
        described = self._service.describe()
        try:
            self._service.access.admit(request.headers, "query")
        except InvocationError:
            described = {"status": described["status"]}
        return encode_document(described, 503 if described["status"] == "starting" else 200)

    def _ready(self, _request: Request) -> Answer:
        service = self._service
        answer = {
            "ready": service.is_ready,
            "draining": service.draining,
            "waiting_for_models": service.waiting,
            "look_up": service.look_up_problems,
        }
        return encode_document(answer, 200 if service.is_ready else 503)

    def _version(self, request: Request) -> Answer:
        self._service.access.admit(request.headers, "query")
        return Answer(200, self._service.mlflow_version.encode())

    def _metrics(self, request: Request) -> Answer:
        self._service.access.admit(request.headers, "query")
        return Answer(200, self._service.render_metrics(), CONTENT_TYPE)

    def _openapi(self, request: Request) -> Answer:
        self._service.access.admit(request.headers, "query")
        return encode_document(describe_api(self._service))


def _read_path(path: str) -> tuple[str, str | None]:
    """Return the first word of a path and the name of an endpoint in it; None without one: the first endpoint."""
    _, kind, *rest = (*path.split("/"), "")[:3]
    return kind, None if kind == "invocations" else "".join(rest)


async def _handle_lifespan(receive: Receive, send: Send) -> None:
    """Acknowledge the server's start-up and shutdown; the worker itself starts and stops its parts."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
