"""Handling of a request for scores: admission, limits, answer, log entry, and copies to the mirrors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from boathouse.endpoints.log_contract import LogEntry
from boathouse.errors import InvocationError
from boathouse.serving.answers import Answer, encode_error, encode_predictions
from boathouse.serving.endpoint import Endpoint, Scored, assign_rows, find_model
from boathouse.serving.invocation import JSON, Invocation, parse_invocation
from boathouse.serving.request import DisconnectedError, Request
from boathouse.serving.scoring import Params
from boathouse.serving.service import Service
from boathouse.serving.tokens import Token

# Shadow requests at work in one worker; further ones are dropped and counted.
_MOST_COPIES = 32
_NO_ENTITY = "-"


@dataclass
class RequestContext:
    """What is known of a request while it is answered.

    Attributes:
        request: The request.
        endpoint: The endpoint that is asked.
        token: The caller's token, or None.
        arrived: When it came.
        body: Its body, as far as it was read.
        answer: The answer that was sent, or None.
        invocation: The parsed body, or None until it was parsed.
        only: Served entity that was asked for by its own address, or None.
        scored: The scores it was answered with, or None.
    """

    request: Request
    endpoint: Endpoint
    token: Token | None
    arrived: datetime
    body: bytes = b""
    answer: Answer | None = None
    invocation: Invocation | None = None
    only: str | None = None
    scored: Scored | None = None


class InvocationHandler:
    """Answers requests for scores and for features, within the limits of their endpoint."""

    def __init__(self, service: Service) -> None:
        """Serve for ``service``."""
        self._service = service
        self._copies: set[asyncio.Task[None]] = set()

    async def invoke(self, request: Request, name: str | None, only: str | None) -> None:
        """Answer a request for scores by the routes of an endpoint, or by one of its served entities.

        Raises:
            InvocationError: If the caller may not ask, the endpoint is not there or the worker has too much to do.
        """
        context = self._admit(request, name)
        context.only = only

        async def work() -> Answer:
            limits = context.endpoint.state.config.limits
            context.body = await request.read_body(limits.max_body_bytes)
            invocation = parse_invocation(context.body, request.content_type, max_rows=limits.max_rows)
            context.invocation = invocation
            context.scored = await context.endpoint.answer(invocation, request.request_id, only=only)
            return _describe(context.scored)

        await self._within_limits(context, work)
        self._record(context)
        if only is None and context.scored is not None and request.status == 200:
            self._mirror(context, context.scored)

    async def answer(
        self, request: Request, name: str | None, make: Callable[[Endpoint, Invocation], Awaitable[bytes]]
    ) -> None:
        """Answer another request by keys, within the same limits; ``make`` gives the body."""
        context = self._admit(request, name)

        async def work() -> Answer:
            limits = context.endpoint.state.config.limits
            context.body = await request.read_body(limits.max_body_bytes)
            invocation = parse_invocation(context.body, request.content_type, max_rows=limits.max_rows)
            return Answer(200, await make(context.endpoint, invocation))

        await self._within_limits(context, work)

    async def close(self) -> None:
        """Let the copies at work end."""
        if self._copies:
            await asyncio.wait(self._copies, timeout=5)

    def _admit(self, request: Request, name: str | None) -> RequestContext:
        service = self._service
        token = service.access.admit(request.headers, "query")
        endpoint = service.find(name)
        try:
            service.take(request.caller if token is None else token.id, endpoint.state.config.limits)
        except InvocationError:
            service.metrics.count("rejected")
            raise
        return RequestContext(request, endpoint, token, datetime.now(UTC))

    async def _within_limits(self, context: RequestContext, work: Callable[[], Awaitable[Answer]]) -> None:
        """Answer with what ``work`` gives, or with why it could not, in time."""
        service, request = self._service, context.request
        timeout_ms = context.endpoint.state.config.limits.timeout_ms
        service.at_work += 1
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                answer = await work()
        except TimeoutError:
            message = f"The request took longer than {timeout_ms:,} ms."
            answer = encode_error(InvocationError(504, "DEADLINE_EXCEEDED", message))
        except InvocationError as error:
            answer = encode_error(error)
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - a failure of a version has to be in the log, for the canary
            service.access_log.failure("request_failed", error, request_id=request.request_id)
            answer = encode_error(InvocationError.failed())
        finally:
            service.at_work -= 1
        context.answer = answer
        await request.answer(answer)
        self._count(context)

    def _count(self, context: RequestContext) -> None:
        service, request, scored = self._service, context.request, context.scored
        served = scored.models[0].entity if scored is not None else _NO_ENTITY
        seconds, rows = request.seconds, 0 if scored is None else scored.rows
        service.metrics.observe((context.endpoint.name, served, request.status), seconds, rows)
        if scored is not None and scored.last_known:
            service.metrics.count("last_known_answers")
        service.access_log.request(
            request_id=request.request_id,
            endpoint=context.endpoint.name,
            path=request.path[:200],
            served_entity=served,
            status=request.status,
            ms=round(seconds * 1000, 3),
            rows=rows,
            requester=None if context.token is None else context.token.name,
        )

    def _record(self, context: RequestContext) -> None:
        """Add the request to the inference log."""
        log = self._service.logs.get(context.endpoint.name)
        if log is not None and not log.record(_log_entry(context)):
            self._service.metrics.count("log_dropped")

    def _mirror(self, context: RequestContext, scored: Scored) -> None:
        """Let the mirrors score a copy, after the answer was sent."""
        for entity in context.endpoint.state.router.mirrors():
            if len(self._copies) >= _MOST_COPIES:
                self._service.metrics.count("shadow_dropped")
                continue
            task = asyncio.get_running_loop().create_task(self._shadow(context, scored, entity))
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)

    async def _shadow(self, context: RequestContext, scored: Scored, entity: str) -> None:
        """Score a copy and log it; the answer was sent before."""
        service, started = self._service, context.request.seconds
        status, response, version = 200, b"", None
        try:
            model = find_model(context.endpoint.state, entity)
            version = model.version
            scores, _ = await context.endpoint.score(model, scored.invocation, Params())
            response = encode_predictions(scores)
        except InvocationError as error:
            status, response = error.status, encode_error(error).body
        except Exception as error:  # noqa: BLE001 - a mirror may break in any way without consequence for the answer
            service.access_log.failure("shadow_failed", error, request_id=context.request.request_id)
            status = 500
        service.metrics.count("shadow_requests" if status == 200 else "shadow_failures")
        log = service.logs.get(context.endpoint.name)
        if log is not None:
            entry = replace(
                _log_entry(context),
                status_code=status,
                execution_duration_ms=(context.request.seconds - started) * 1000,
                response=response.decode(),
                served_entity_id=entity,
                model_version=version,
                mode="shadow",
            )
            log.record(entry)


def _describe(scored: Scored) -> Answer:
    """Return the answer with its models in the headers, and a warning of columns that no model used."""
    headers = [
        (b"served-model-name", ",".join(model.entity for model in scored.models).encode()),
        (b"served-model-version", ",".join(model.version for model in scored.models).encode()),
    ]
    if scored.dropped:
        headers.append((b"warning", b'299 - "' + _quote(scored.dropped) + b'"'))
    if scored.last_known:
        headers.append((b"feature-source", b"last-known"))
    own_id = scored.invocation.client_request_id
    if own_id is not None and own_id.isascii() and own_id.isprintable():
        headers.append((b"client-request-id", own_id.encode()))
    return Answer(200, scored.body, headers=tuple(headers))


def _quote(names: tuple[str, ...]) -> bytes:
    """Return the names as a header can hold them: printable ASCII, not too long."""
    text = "Columns not used: " + ", ".join(names)
    shown = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "?" for letter in text
    )
    return shown[:1000].encode()


def _name_entities(context: RequestContext) -> str | None:
    """Return the entity that answered or failed to, for the canary. None if the body was not parsed."""
    if context.scored is not None:
        return context.scored.served_by
    if context.only is not None or context.invocation is None:
        return context.only
    names = assign_rows(context.endpoint.state, context.invocation, context.request.request_id)
    return names[0] if len(set(names)) == 1 else ",".join(names) or None


def _name_versions(scored: Scored) -> str:
    """Return the version of each name in ``served_by``, in its form."""
    versions = {model.entity: model.version for model in scored.models}
    return ",".join(versions[name] for name in scored.served_by.split(","))


def _log_entry(context: RequestContext) -> LogEntry:
    request, scored, config = context.request, context.scored, context.endpoint.state.config
    own_id = None if scored is None else scored.invocation.client_request_id
    is_text = request.content_type is None or request.content_type.startswith((JSON, "text/"))
    return LogEntry(
        databricks_request_id=request.request_id,
        client_request_id=own_id or request.callers_id,
        request_time=context.arrived,
        status_code=request.status,
        execution_duration_ms=request.seconds * 1000,
        request=context.body.decode(errors="replace") if is_text else None,
        response=None if context.answer is None else context.answer.body.decode(),
        served_entity_id=_name_entities(context),
        model_version=None if scored is None else _name_versions(scored),
        requester=None if context.token is None else context.token.name,
        sampling_fraction=config.log.sampling_fraction,
        endpoint=config.name,
    )
