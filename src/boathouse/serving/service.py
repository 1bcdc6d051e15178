"""The state of a worker: its endpoints, access, metrics and logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from boathouse import __version__
from boathouse.endpoints.log_contract import LogEntry
from boathouse.endpoints.options import LimitOptions
from boathouse.errors import InvocationError, TokenError
from boathouse.errors.invocations import UNAVAILABLE
from boathouse.serving.access import Access, AccessLog, Rates
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.metrics import Metrics
from boathouse.serving.request import BodyMemory

if TYPE_CHECKING:
    from boathouse.serving.inference_log import LogCounts

# What the metrics call the counts of an inference log.
_LOG_EVENTS = {
    "log_rows": ("on_disk",),
    "log_left_out": ("left_out",),
    "log_lost": ("dropped_disk",),
    "log_failures": ("failed_writes", "failed_commits"),
}


class Log(Protocol):
    """What the server needs of the inference log."""

    def record(self, entry: LogEntry) -> bool:
        """Take an entry without waiting; False if there is no room."""


@runtime_checkable
class WatchedLog(Log, Protocol):
    """A log that writes in threads of its own, which may be stopped by what it writes to."""

    counts: LogCounts

    @property
    def problem(self) -> str:
        """Why entries do not reach the table now, or an empty text."""

    def watch(self) -> None:
        """Replace threads that have ended."""


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
        at_work: Requests at work or waiting, their bodies read.
        bodies: Memory of large bodies, read or being read.
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
    bodies: BodyMemory = field(default_factory=BodyMemory)
    look_up_problems: dict[str, str] = field(default_factory=dict)
    _noted: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

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
        self.check_queue(limits)

    def check_queue(self, limits: LimitOptions) -> None:
        """Check that the worker has not too much to do.

        Raises:
            InvocationError: 503 if it has.
        """
        if self.at_work >= limits.queue_length:
            message = f"{limits.queue_length:,} requests are at work or waiting. Try again."
            raise InvocationError(503, UNAVAILABLE, message, retry_after=1, is_of_no_model=True)

    @property
    def waiting(self) -> dict[str, list[str]]:
        """Served entities that have traffic and no model, by endpoint."""
        states = {name: endpoint.state.waiting for name, endpoint in self.endpoints.items()}
        return {name: waiting for name, waiting in states.items() if waiting}

    async def check_look_ups(self) -> None:
        """Find out which endpoints can answer no key; each asks its store once a second at most."""
        found = {name: await endpoint.check_look_up() for name, endpoint in self.endpoints.items()}
        self.look_up_problems = {name: problem for name, problem in found.items() if problem}

    def watch_logs(self) -> None:
        """Replace threads of the logs that have ended, and count what the logs have done since the last time."""
        for name, log in self.logs.items():
            if isinstance(log, WatchedLog):
                log.watch()
                counts = {event: sum(getattr(log.counts, each) for each in of) for event, of in _LOG_EVENTS.items()}
                before = self._noted.get(name, {})
                for event, count in counts.items():
                    # A log that was begun again counts from 0.
                    self.metrics.count(event, max(0, count - before.get(event, 0)))
                self._noted[name] = counts
        self.metrics.log_problems = {
            name: log.problem for name, log in self.logs.items() if isinstance(log, WatchedLog)
        }

    def check_tokens(self) -> None:
        """Find out whether tokens can be checked, at most once a second; why not is noted with them."""
        with suppress(TokenError):
            self.access.tokens.read()

    def find_log_problems(self) -> dict[str, str]:
        """Return why a log does not reach its table, by endpoint; a worker that has the problem is enough."""
        self.watch_logs()
        return {name: problem for name, problem in self.metrics.log_problems_of_all().items() if problem}

    @property
    def is_ready(self) -> bool:
        """Whether requests can be sent here, by key too."""
        return self._has_models and not self.draining and not self.look_up_problems

    def describe(self) -> dict[str, Any]:
        """Return the document of ``/health``: versions served, problems, whether the registry is followed."""
        log_problems = self.find_log_problems()
        self.check_tokens()
        return {
            "status": self._describe_status(log_problems),
            "boathouse": __version__,
            "draining": self.draining,
            "registry": self.registry_problem or "followed",
            "look_up": self.look_up_problems,
            "inference_log": log_problems,
            "tokens": self.access.tokens.problem or "read",
            "endpoints": {name: _describe(endpoint) for name, endpoint in self.endpoints.items()},
        }

    def render_metrics(self) -> bytes:
        """Return Prometheus' text."""
        self.watch_logs()
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

    def _describe_status(self, log_problems: Mapping[str, str]) -> str:
        if self.draining or not self._has_models:
            return "draining" if self.draining else "starting"
        problems = any(each.state.problems for each in self.endpoints.values())
        troubled = self.registry_problem or self.look_up_problems or problems or log_problems
        troubled = troubled or self.access.tokens.problem
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
