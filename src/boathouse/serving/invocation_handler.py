"""Handling of a request for scores: admission, limits, answer, log entry, and copies to the mirrors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from boathouse.endpoints.log_contract import NOT_READ, REQUEST_TOO_LONG, LogEntry, LookedUpValues, Mode
from boathouse.errors import InvocationError
from boathouse.errors.invocations import list_names
from boathouse.scoring.spec import NO_FEATURE_ROW
from boathouse.serving.answers import Answer, encode_error, encode_predictions
from boathouse.serving.bounds import Bounds
from boathouse.serving.endpoint import Endpoint, Scored, assign_rows, find_model
from boathouse.serving.invocation import JSON, Invocation, is_small, parse_invocation
from boathouse.serving.logged_body import describe_body
from boathouse.serving.logged_features import describe_features
from boathouse.serving.request import DisconnectedError, Request
from boathouse.serving.scoring import Params
from boathouse.serving.service import Service
from boathouse.serving.threads import WorkThreads
from boathouse.serving.tokens import Token

# Large bodies that are parsed or wait for it in one worker; further ones are answered 503.
_MOST_PARSED = 16
# Requests of more rows are given up when their caller goes away.
_ROWS_UNWATCHED = 100
# Shadow requests at work in one worker; further ones are dropped and counted.
_MOST_COPIES = 32
_NO_ENTITY = "-"
_TOO_LARGE = 413


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
        is_of_no_model: Whether it failed for what no version does, so that the log names no entity.
        mode: What was asked for.
        at_work: Whether it was counted as at work.
    """

    request: Request
    endpoint: Endpoint
    token: Token | None
    arrived: datetime
    body: bytes | None = None
    answer: Answer | None = None
    invocation: Invocation | None = None
    only: str | None = None
    scored: Scored | None = None
    is_of_no_model: bool = False
    mode: Mode = "answer"
    at_work: bool = False


class InvocationHandler:
    """Answers requests for scores and for features, within the limits of their endpoint."""

    def __init__(self, service: Service) -> None:
        """Serve for ``service``."""
        self._service = service
        self._copies: set[asyncio.Task[None]] = set()
        self.parsing = WorkThreads("parse", threads=2, most=_MOST_PARSED)

    async def invoke(self, request: Request, name: str | None, only: str | None) -> None:
        """Answer a request for scores by the routes of an endpoint, or by one of its served entities.

        Raises:
            InvocationError: If the caller may not ask, the endpoint is not there or the worker has too much to do.
        """
        context = self._admit(request, name)
        context.only = only

        async def work() -> Answer:
            invocation = context.invocation = await self._read(context)
            scoring = context.endpoint.answer(invocation, request.request_id, only=only)
            context.scored = await (scoring if invocation.rows <= _ROWS_UNWATCHED else request.unless_gone(scoring))
            return _describe(context.scored)

        await self._within_limits(context, work)
        self._record(context)
        if only is None and context.scored is not None and request.status == 200:
            self._mirror(context, context.scored)

    async def answer(
        self,
        request: Request,
        name: str | None,
        make: Callable[[Endpoint, Invocation], Awaitable[bytes]],
        *,
        mode: Mode,
    ) -> None:
        """Answer another request by keys, within the same limits; ``make`` gives the body."""
        context = self._admit(request, name)
        context.mode = mode

        async def work() -> Answer:
            invocation = context.invocation = await self._read(context)
            return Answer(200, await make(context.endpoint, invocation))

        await self._within_limits(context, work)
        self._record(context)

    def refuse(self, request: Request, answer: Answer, name: str | None, mode: Mode) -> None:
        """Log a request that was refused before its body was read: no token, no such address, too much to do.

        Args:
            request: The request; its answer was sent.
            answer: That answer.
            name: Endpoint that its address names; None for the first.
            mode: What was asked for.
        """
        service = self._service
        endpoint = next(iter(service.endpoints.values()), None) if name is None else service.endpoints.get(name)
        asked = "" if endpoint is None else endpoint.name
        # An address without an endpoint is in the log of the first one that has a log: all write the same table.
        log = service.logs.get(asked) if asked else next(iter(service.logs.values()), None)
        if log is None:
            return
        token = service.access.identify(request.headers)
        entry = LogEntry(
            databricks_request_id=request.request_id,
            client_request_id=request.callers_id,
            request_time=datetime.now(UTC) - timedelta(seconds=request.seconds),
            status_code=answer.status,
            execution_duration_ms=request.seconds * 1000,
            request=None,
            response=answer.describe_for_log(()),
            served_entity_id=None,
            requester=None if token is None else token.name,
            logging_error_codes=(NOT_READ,),
            sampling_fraction=1.0 if endpoint is None else endpoint.state.config.log.sampling_fraction,
            endpoint=asked,
            mode=mode,
        )
        if not log.record(entry):
            service.metrics.count("log_dropped")

    async def close(self) -> None:
        """Let the copies at work end."""
        if self._copies:
            await asyncio.wait(self._copies, timeout=5)
        self.parsing.close()

    async def _read(self, context: RequestContext) -> Invocation:
        """Return the parsed body; a large one is parsed beside other requests, as long as its caller waits for it."""
        request, limits = context.request, context.endpoint.state.config.limits
        body = context.body = await request.read_body(limits.max_body_bytes, self._service.bodies)
        self._begin(context)
        if is_small(body, request.content_type):
            return parse_invocation(body, request.content_type, bounds=Bounds.of(limits))
        stop = Event()

        def parse() -> Invocation:
            return parse_invocation(body, request.content_type, bounds=Bounds.of(limits, stop))

        return await request.unless_gone(self.parsing.run(parse, stop))

    def _begin(self, context: RequestContext) -> None:
        """Count the request as at work: a body that comes slowly keeps others from nothing."""
        service = self._service
        try:
            service.check_queue(context.endpoint.state.config.limits)
        except InvocationError:
            service.metrics.count("rejected")
            raise
        service.at_work += 1
        context.at_work = True

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
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                answer = await work()
        except TimeoutError:
            message = f"The request took longer than {timeout_ms:,} ms."
            answer = encode_error(InvocationError(504, "DEADLINE_EXCEEDED", message))
        except InvocationError as error:
            context.is_of_no_model = error.is_of_no_model
            answer = encode_error(error)
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - a failure of a version has to be in the log, for the canary
            service.access_log.failure("request_failed", error, request_id=request.request_id)
            answer = encode_error(InvocationError.failed())
        finally:
            service.at_work -= context.at_work
            service.bodies.give(request.held)
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
            path=request.path[:200] if _is_known(context) else "(served model that is not there)",
            served_entity=served,
            status=request.status,
            ms=round(seconds * 1000, 3),
            rows=rows,
            requester=None if context.token is None else context.token.name,
        )

    def _record(self, context: RequestContext) -> None:
        """Add the request to the inference log."""
        log = self._service.logs.get(context.endpoint.name)
        if log is not None and not log.record(self._make_entry(context)):
            self._service.metrics.count("log_dropped")

    def _make_entry(self, context: RequestContext) -> LogEntry:
        """Return the entry of a request; one whose parts cannot be described is without them, but there."""
        try:
            return make_entry(context)
        except Exception as error:  # noqa: BLE001 - its answer was sent: whatever it holds, it is a row
            self._service.access_log.failure("not_logged_whole", error, request_id=context.request.request_id)
            bare = replace(context, body=b"", invocation=None, scored=None, only=None)
            return make_entry(bare)

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
        looked_up: tuple[LookedUpValues, ...] = ()
        try:
            model = find_model(context.endpoint.state, entity)
            version = model.version
            part = await context.endpoint.score(model, scored.invocation, Params())
            response = encode_predictions(part.scores, unknown=part.unknown)
            looked_up = describe_features(part.looked_up, context.endpoint.state.config.log.max_payload_bytes)
        except InvocationError as error:
            status, response = error.status, encode_error(error).describe_for_log(()).encode()
        except Exception as error:  # noqa: BLE001 - a mirror may break in any way without consequence for the answer
            service.access_log.failure("shadow_failed", error, request_id=context.request.request_id)
            status = 500
        service.metrics.count("shadow_requests" if status == 200 else "shadow_failures")
        log = service.logs.get(context.endpoint.name)
        if log is not None:
            entry = replace(
                self._make_entry(context),
                status_code=status,
                execution_duration_ms=(context.request.seconds - started) * 1000,
                response=response.decode(),
                served_entity_id=entity,
                model_version=version,
                looked_up=looked_up,
                mode="shadow",
            )
            if not log.record(entry):
                service.metrics.count("log_dropped")


def _describe(scored: Scored) -> Answer:
    """Return the answer with its models in the headers, and a warning of columns that no model used."""
    headers = [
        (b"served-model-name", ",".join(model.entity for model in scored.models).encode()),
        (b"served-model-version", ",".join(model.version for model in scored.models).encode()),
    ]
    if scored.dropped:
        headers.append((b"warning", b'299 - "' + _quote(scored.dropped) + b'"'))
    if scored.unknown:
        rows = list_names(scored.unknown)
        headers.append((b"warning", f'299 - "{NO_FEATURE_ROW}: row(s) {rows}"'.encode()))
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


def _is_known(context: RequestContext) -> bool:
    """Return whether the address names no served entity, or one that there is: else it is the caller's text."""
    return context.only is None or context.endpoint.state.config.entity(context.only) is not None


def _name_entities(context: RequestContext) -> str | None:
    """Return the entity that answered or failed to, for the canary. None if it was no entity that failed."""
    if context.scored is not None:
        return context.scored.served_by
    if context.is_of_no_model or context.mode != "answer":
        return None
    if context.only is not None:
        return context.only if _is_known(context) else None
    if context.invocation is None:
        return None
    try:
        invocation = context.endpoint.normalise(context.invocation)
        names = assign_rows(context.endpoint.state, invocation, context.request.request_id)
    except InvocationError:
        # A value that is no key is in no part of a split.
        return None
    return names[0] if len(set(names)) == 1 else ",".join(names) or None


def _name_versions(scored: Scored) -> str:
    """Return the version of each name in ``served_by``, in its form."""
    versions = {model.entity: model.version for model in scored.models}
    return ",".join(versions[name] for name in scored.served_by.split(","))


def make_entry(context: RequestContext) -> LogEntry:
    """Return the entry of an answered request."""
    request, scored, config = context.request, context.scored, context.endpoint.state.config
    own_id = None if context.invocation is None else context.invocation.client_request_id
    known = context.endpoint.state.known_columns
    return LogEntry(
        databricks_request_id=request.request_id,
        client_request_id=own_id or request.callers_id,
        request_time=context.arrived,
        status_code=request.status,
        execution_duration_ms=request.seconds * 1000,
        response=None if context.answer is None else context.answer.describe_for_log(known.numbers | known.texts),
        served_entity_id=_name_entities(context),
        model_version=None if scored is None else _name_versions(scored),
        requester=None if context.token is None else context.token.name,
        sampling_fraction=config.log.sampling_fraction,
        endpoint=config.name,
        mode=context.mode,
        known=known,
        looked_up=_find_looked_up(scored, config.log.max_payload_bytes),
        **_describe_body(context, config.log.max_payload_bytes),
    )


def _find_looked_up(scored: Scored | None, limit: int) -> tuple[LookedUpValues, ...]:
    return () if scored is None or not scored.looked_up else describe_features(scored.looked_up, limit)


def _describe_body(context: RequestContext, limit: int) -> dict[str, Any]:
    """Return the parts of an entry that say what was asked."""
    body, request = context.body, context.request
    if body is None:
        too_long = request.status == _TOO_LARGE
        return {"request": None, "logging_error_codes": (REQUEST_TOO_LONG if too_long else NOT_READ,)}
    known = context.endpoint.state.known_columns
    return describe_body(body, request.content_type or JSON, context.invocation, known, limit)
