"""The state of a worker: its endpoints, access, metrics and logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from boathouse import __version__
from boathouse.endpoints.log_contract import LogEntry
from boathouse.endpoints.options import LimitOptions
from boathouse.errors import InvocationError
from boathouse.errors.invocations import UNAVAILABLE
from boathouse.serving.access import Access, AccessLog, Rates
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.metrics import Metrics


class Log(Protocol):
    """What the server needs of the inference log."""

    def record(self, entry: LogEntry) -> bool:
        """Take an entry without waiting; False if there is no room."""


@dataclass
class Service:
    """The state of one worker.

    Attributes:
        endpoints: By name; the first answers ``/invocations``.
        access: Token check.
        mlflow_version: What ``/version`` answers, as MLflow's server does.
        metrics: Counts and latencies.
        access_log: The server's own log.
        logs: Inference logs by endpoint; none for one that logs nothing.
        send: Sends a command to the supervisor: ``reload``, ``drain`` or ``resume``.
        registry_problem: Why the registry cannot be followed, or empty.
        draining: Whether load balancers are to send no requests here.
        at_work: Requests at work or waiting.
        look_up_problems: Why no key can be answered, by endpoint, as it was found last.
    """

    endpoints: dict[str, Endpoint]
    access: Access
    mlflow_version: str
    metrics: Metrics = field(default_factory=Metrics)
    access_log: AccessLog = field(default_factory=AccessLog)
    logs: Mapping[str, Log] = field(default_factory=dict)
    send: Callable[[str], None] = lambda _message: None
    rates: Rates = field(default_factory=Rates)
    registry_problem: str = ""
    draining: bool = False
    at_work: int = 0
    look_up_problems: dict[str, str] = field(default_factory=dict)

    def find(self, name: str | None) -> Endpoint:
        """Return an endpoint, without a name the first.

        Raises:
            InvocationError: 404 if there is none of that name.
        """
        endpoint = self.endpoints.get(name) if name is not None else next(iter(self.endpoints.values()), None)
        if endpoint is None:
            raise InvocationError.no_address("endpoint", self.endpoints)
        return endpoint

    def take(self, caller: str, limits: LimitOptions) -> None:
        """Count a request of ``caller``.

        Raises:
            InvocationError: 429 if the caller asks too often, 503 if the worker has too much to do.
        """
        self.rates.take(caller, limits)
        if self.at_work >= limits.queue_length:
            message = f"{limits.queue_length:,} requests are at work or waiting. Try again."
            raise InvocationError(503, UNAVAILABLE, message, retry_after=1)

    @property
    def waiting(self) -> dict[str, list[str]]:
        """Served entities that have traffic and no model, by endpoint."""
        states = {name: endpoint.state.waiting for name, endpoint in self.endpoints.items()}
        return {name: waiting for name, waiting in states.items() if waiting}

    async def check_look_ups(self) -> None:
        """Find out which endpoints can answer no key; each asks its store once a second at most."""
        found = {name: await endpoint.check_look_up() for name, endpoint in self.endpoints.items()}
        self.look_up_problems = {name: problem for name, problem in found.items() if problem}

    @property
    def is_ready(self) -> bool:
        """Whether requests can be sent here, by key too."""
        return self._has_models and not self.draining and not self.look_up_problems

    def describe(self) -> dict[str, Any]:
        """Return the document of ``/health``: versions served, problems, whether the registry is followed."""
        return {
            "status": self._status,
            "boathouse": __version__,
            "draining": self.draining,
            "registry": self.registry_problem or "followed",
            "look_up": self.look_up_problems,
            "endpoints": {name: _describe(endpoint) for name, endpoint in self.endpoints.items()},
        }

    def render_metrics(self) -> bytes:
        """Return Prometheus' text."""
        models, problems = [], []
        for name, endpoint in self.endpoints.items():
            state = endpoint.state
            models += [
                {"endpoint": name, "served_entity": each.entity, "model": each.name, "version": each.version}
                for each in state.models.values()
            ]
            problems += [{"endpoint": name, "served_entity": entity} for entity in state.problems]
        return self.metrics.render(models, problems, self.at_work)

    @property
    def _has_models(self) -> bool:
        return bool(self.endpoints) and not self.waiting

    @property
    def _status(self) -> str:
        if self.draining or not self._has_models:
            return "draining" if self.draining else "starting"
        problems = any(each.state.problems for each in self.endpoints.values())
        troubled = self.registry_problem or self.look_up_problems or problems
        return "degraded" if troubled else "ok"


def _describe(endpoint: Endpoint) -> dict[str, Any]:
    state = endpoint.state
    served = {}
    for entity in state.config.served_entities:
        model = state.models.get(entity.name)
        served[entity.name] = {
            "model": entity.entity_name,
            "version": None if model is None else model.version,
            "digest": None if model is None else model.digest,
            "traffic_percentage": state.config.traffic_of(entity.name),
            "problem": state.problems.get(entity.name),
        }
    return {"served_entities": served}
