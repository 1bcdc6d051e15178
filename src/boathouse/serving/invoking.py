"""A request for scores, from its arrival to its answer, its log entry and its copies to the mirrors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from boathouse.core.endpoints.log_contract import LogEntry
from boathouse.core.errors import InvocationError
from boathouse.serving.answers import Answer, encode_error, encode_predictions
from boathouse.serving.endpoint import Endpoint, Scored, assign_rows, find_model
from boathouse.serving.exchange import DisconnectedError, Exchange
from boathouse.serving.invocation import JSON, Invocation, parse_invocation
from boathouse.serving.scoring import Params
from boathouse.serving.service import Service
from boathouse.serving.tokens import Token

# Copies at work in one worker; further ones are dropped and counted.
_COPIES = 32
_NOBODY = "-"


@dataclass
class Visit:
    """What is known of a request while it is answered.

    Attributes:
        exchange: The request.
        endpoint: Who is asked.
        token: The caller's token, or None.
        arrived: When it came.
        body: Its body, as far as it was read.
        answer: What was answered.
        request: What was asked, once it was understood, or None.
        only: Served entity that was asked for by its own address, or None.
        scored: What it was answered with, or None.
    """

    exchange: Exchange
    endpoint: Endpoint
    token: Token | None
    arrived: datetime
    body: bytes = b""
    answer: Answer | None = None
    request: Invocation | None = None
    only: str | None = None
    scored: Scored | None = None


class Invoking:
    """The way of requests through a worker."""

    def __init__(self, service: Service) -> None:
        """Serve for ``service``."""
        self._service = service
        self._copies: set[asyncio.Task[None]] = set()

    async def invoke(self, exchange: Exchange, name: str | None, only: str | None) -> None:
        """Answer a request for scores by the routes of an endpoint, or by one of its served entities.

        Raises:
            InvocationError: If the caller may not ask, the endpoint is not there or the worker has too much to do.
        """
        visit = self._admit(exchange, name)
        visit.only = only

        async def work() -> Answer:
            limits = visit.endpoint.state.config.limits
            visit.body = await exchange.read_body(limits.max_body_bytes)
            request = parse_invocation(visit.body, exchange.content_type, max_rows=limits.max_rows)
            visit.request = request
            visit.scored = await visit.endpoint.answer(request, exchange.request_id, only=only)
            return _describe(visit.scored)

        await self._within_limits(visit, work)
        self._record(visit)
        if only is None and visit.scored is not None and exchange.status == 200:
            self._mirror(visit, visit.scored)

    async def answer(
        self, exchange: Exchange, name: str | None, make: Callable[[Endpoint, Invocation], Awaitable[bytes]]
    ) -> None:
        """Answer another request by keys, within the same limits; ``make`` gives the body."""
        visit = self._admit(exchange, name)

        async def work() -> Answer:
            limits = visit.endpoint.state.config.limits
            visit.body = await exchange.read_body(limits.max_body_bytes)
            request = parse_invocation(visit.body, exchange.content_type, max_rows=limits.max_rows)
            return Answer(200, await make(visit.endpoint, request))

        await self._within_limits(visit, work)

    async def close(self) -> None:
        """Let the copies at work end."""
        if self._copies:
            await asyncio.wait(self._copies, timeout=5)

    def _admit(self, exchange: Exchange, name: str | None) -> Visit:
        service = self._service
        token = service.access.admit(exchange.headers, "query")
        endpoint = service.find(name)
        limits = endpoint.state.config.limits
        try:
            service.rates.take(exchange.caller if token is None else token.id, limits)
            if service.at_work >= limits.queue_length:
                raise InvocationError.overloaded(limits.queue_length)
        except InvocationError:
            service.metrics.count("rejected")
            raise
        return Visit(exchange, endpoint, token, datetime.now(UTC))

    async def _within_limits(self, visit: Visit, work: Callable[[], Awaitable[Answer]]) -> None:
        """Answer with what ``work`` gives, or with why it could not, in time."""
        service, exchange = self._service, visit.exchange
        timeout_ms = visit.endpoint.state.config.limits.timeout_ms
        service.at_work += 1
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                answer = await work()
        except TimeoutError:
            answer = encode_error(InvocationError.too_slow(timeout_ms))
        except InvocationError as error:
            answer = encode_error(error)
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - what a version does wrong has to be in the log, for the canary
            service.access_log.failure("request_failed", error, request_id=exchange.request_id)
            answer = encode_error(InvocationError.failed())
        finally:
            service.at_work -= 1
        visit.answer = answer
        await exchange.answer(answer)
        self._count(visit)

    def _count(self, visit: Visit) -> None:
        service, exchange, scored = self._service, visit.exchange, visit.scored
        served = scored.models[0].entity if scored is not None else _NOBODY
        seconds, rows = exchange.seconds, 0 if scored is None else scored.rows
        service.metrics.observe((visit.endpoint.name, served, exchange.status), seconds, rows)
        if scored is not None and scored.last_known:
            service.metrics.count("last_known_answers")
        service.access_log.request(
            request_id=exchange.request_id,
            endpoint=visit.endpoint.name,
            path=exchange.path[:200],
            served_entity=served,
            status=exchange.status,
            ms=round(seconds * 1000, 3),
            rows=rows,
            requester=None if visit.token is None else visit.token.name,
        )

    def _record(self, visit: Visit) -> None:
        """Hand the request over to the inference log."""
        log = self._service.logs.get(visit.endpoint.name)
        if log is not None and not log.record(_log_entry(visit)):
            self._service.metrics.count("log_dropped")

    def _mirror(self, visit: Visit, scored: Scored) -> None:
        """Have the mirrors score a copy, after the answer."""
        for entity in visit.endpoint.state.router.mirrors():
            if len(self._copies) >= _COPIES:
                self._service.metrics.count("shadow_dropped")
                continue
            task = asyncio.get_running_loop().create_task(self._shadow(visit, scored, entity))
            self._copies.add(task)
            task.add_done_callback(self._copies.discard)

    async def _shadow(self, visit: Visit, scored: Scored, entity: str) -> None:
        """Score a copy and log it; whatever happens to it, the answer is gone already."""
        service, started = self._service, visit.exchange.seconds
        status, response, version = 200, b"", None
        try:
            model = find_model(visit.endpoint.state, entity)
            version = model.version
            scores, _ = await visit.endpoint.score(model, scored.invocation, Params())
            response = encode_predictions(scores)
        except InvocationError as error:
            status, response = error.status, encode_error(error).body
        except Exception as error:  # noqa: BLE001 - a mirror may break in any way, and nobody waits for it
            service.access_log.failure("shadow_failed", error, request_id=visit.exchange.request_id)
            status = 500
        service.metrics.count("shadow_requests" if status == 200 else "shadow_failures")
        log = service.logs.get(visit.endpoint.name)
        if log is not None:
            entry = replace(
                _log_entry(visit),
                status_code=status,
                execution_duration_ms=(visit.exchange.seconds - started) * 1000,
                response=response.decode(),
                served_entity_id=entity,
                model_version=version,
                mode="shadow",
            )
            log.record(entry)


def _describe(scored: Scored) -> Answer:
    """Return the answer with who gave it, and a warning of columns that nobody took."""
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


def _name_entities(visit: Visit) -> str | None:
    """Return who answered, or who failed to: a canary is judged by that. None if the request was not understood."""
    if visit.scored is not None:
        return visit.scored.served_by
    if visit.only is not None or visit.request is None:
        return visit.only
    names = assign_rows(visit.endpoint.state, visit.request, visit.exchange.request_id)
    return names[0] if len(set(names)) == 1 else ",".join(names) or None


def _name_versions(scored: Scored) -> str:
    """Return the version of each name in ``served_by``, in its form."""
    versions = {model.entity: model.version for model in scored.models}
    return ",".join(versions[name] for name in scored.served_by.split(","))


def _log_entry(visit: Visit) -> LogEntry:
    exchange, scored, config = visit.exchange, visit.scored, visit.endpoint.state.config
    own_id = None if scored is None else scored.invocation.client_request_id
    is_text = exchange.content_type is None or exchange.content_type.startswith((JSON, "text/"))
    return LogEntry(
        databricks_request_id=exchange.request_id,
        client_request_id=own_id or exchange.callers_id,
        request_time=visit.arrived,
        status_code=exchange.status,
        execution_duration_ms=exchange.seconds * 1000,
        request=visit.body.decode(errors="replace") if is_text else None,
        response=None if visit.answer is None else visit.answer.body.decode(),
        served_entity_id=_name_entities(visit),
        model_version=None if scored is None else _name_versions(scored),
        requester=None if visit.token is None else visit.token.name,
        sampling_fraction=config.log.sampling_fraction,
        endpoint=config.name,
    )
