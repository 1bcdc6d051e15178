"""One worker process: started by the supervisor, which sends it what to serve.

It knows no registry and no configuration files: it imports neither MLflow nor Kedro nor pandas.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.errors import BoathouseError
from boathouse.features.online.store import OnlineStore
from boathouse.serving.access import Access, AccessLog
from boathouse.serving.app import App
from boathouse.serving.connections import Connections, make_server, reserve_handles
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.inference_log import InferenceLog
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.metrics import Metrics
from boathouse.serving.protocol import Message, Setup, read_message
from boathouse.serving.run_folder import leave_run_folder
from boathouse.serving.served_model import load_model
from boathouse.serving.service import Service
from boathouse.serving.threads import ScoringThreads
from boathouse.serving.tokens import TokenFile
from boathouse.serving.watched import go_on

if TYPE_CHECKING:
    from boathouse.scoring.on_demand import OnDemandFeature
    from boathouse.tables.contract import Column

# Seconds between two flushes of metrics and log lines.
_TICK_S = 0.5
# Seconds that a worker with a signal to stop waits for its supervisor, which may have got the same signal.
_SUPERVISOR_S = 1.0
_SWITCH_SECONDS = 0.001


@dataclass(frozen=True)
class ServedUseCase:
    """What a worker needs of the use case.

    Attributes:
        on_demand: Features that it can compute when they are asked for.
        personal_keys: Columns that identify a person: always hashed or masked in the log.
        keys: The key columns of the entity, with their rules.
        given: Columns that a request may bring beside them, with their legal values, by name.
    """

    on_demand: Sequence[OnDemandFeature] = ()
    personal_keys: Sequence[str] = ()
    keys: Sequence[Column] = ()
    given: Mapping[str, Column] = field(default_factory=dict)


class Worker:
    """The process: a service, kept as the supervisor's messages demand, and an HTTP server in front of it."""

    def __init__(self, setup: Setup, writer: asyncio.StreamWriter, use_case: ServedUseCase) -> None:
        """Build the service; it has no models yet."""
        self._setup, self._writer, self._use_case = setup, writer, use_case
        self._threads = ScoringThreads()
        self._logs: dict[str, InferenceLog] = {}
        self._is_alone = False
        self._loop: asyncio.AbstractEventLoop
        self.service = Service(
            endpoints={},
            access=Access(TokenFile(Path(setup.tokens), on_change=self._note_tokens), setup.token_required),
            mlflow_version=setup.mlflow_version,
            metrics=Metrics(Path(setup.run_folder), setup.slot),
            access_log=AccessLog(requests=setup.log_requests),
            logs=self._logs,
            send=lambda message: self._send("command", message=message),
        )
        for name, document in setup.endpoints.items():
            self._configure(name, document)
        self._app = App(self.service)
        self._connections = Connections(
            lambda: [each.state.config.limits for each in self.service.endpoints.values()],
            reserve_handles(),
            self.service.metrics.count,
        )
        self.server = make_server(
            self._app,
            self._connections,
            drain_seconds=setup.drain_seconds,
            on_signal=self._on_signal,
            ssl_certfile=setup.ssl_certfile,
            ssl_keyfile=setup.ssl_keyfile,
        )

    async def run(self, reader: asyncio.StreamReader, listener: socket.socket) -> None:
        """Handle the supervisor's messages; answer requests from ``begin`` until the process is to stop."""
        # Before the server runs, and after it, a signal would end the process at once, with the logs still open.
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.server.handle_exit)
        begun, log = asyncio.Event(), self.service.access_log
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "follow": lambda: self._follow(reader, begun),
            "tick": self._tick,
            "sweep": self._connections.sweep,
        }
        beside = [asyncio.create_task(go_on(name, work, log)) for name, work in works.items()]
        await begun.wait()
        # What is loaded now stays: searching it for garbage, with Python's lock held, would keep requests waiting.
        gc.collect()
        gc.freeze()
        try:
            if not self.server.should_exit:
                await self.server.serve(sockets=[listener])
        finally:
            for task in beside:
                task.cancel()
            await self._close()

    async def _follow(self, reader: asyncio.StreamReader, begun: asyncio.Event) -> None:
        while (message := await read_message(reader)) is not None:
            if message.kind == "begin":
                begun.set()
            elif message.kind == "stop":
                self.server.force_exit = bool(message.content.get("now"))
                self.server.should_exit = True
                begun.set()
            else:
                try:
                    await self._handle(message)
                except Exception as error:  # noqa: BLE001 - a message that cannot be followed costs no other
                    self.service.access_log.failure("message_failed", error, kind=message.kind)
        # The supervisor has gone: nothing would replace or stop this worker, or remove what it leaves.
        self._is_alone = True
        self.server.should_exit = True
        begun.set()

    def _on_signal(self) -> None:
        """Stop in order: load balancers see it first. The supervisor has time to stop all workers together."""
        self._loop.call_soon_threadsafe(self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        def stop() -> None:
            self.server.should_exit = True

        self.service.draining = True
        self._loop.call_later(self._setup.notice_seconds + _SUPERVISOR_S, stop)

    def _note_tokens(self, problem: str) -> None:
        kind = ("error", "tokens_not_readable") if problem else ("info", "tokens_readable")
        self.service.access_log.event(*kind, problem=problem)

    async def _handle(self, message: Message) -> None:
        content = message.content
        handlers: dict[str, Callable[[], None]] = {
            "configure": lambda: self._configure(content["endpoint"], content["document"]),
            "withdraw": lambda: self.service.endpoints[content["endpoint"]].withdraw(content["entity"]),
            "problem": lambda: self.service.endpoints[content["endpoint"]].report(content["entity"], content["text"]),
            "registry": lambda: setattr(self.service, "registry_problem", content["problem"]),
            "draining": lambda: setattr(self.service, "draining", content["value"]),
        }
        if message.kind == "model":
            await self._load(message)
        else:
            handlers[message.kind]()

    async def _load(self, message: Message) -> None:
        """Load a version beside the one that answers, then swap; if it cannot be loaded, the old one stays."""
        content, service = message.content, self.service
        endpoint = service.endpoints[content["endpoint"]]

        def load() -> None:
            model = load_model(
                content["entity"],
                content["name"],
                content["version"],
                message.files,
                on_demand=self._use_case.on_demand,
                ranges=endpoint.state.config.input.ranges,
                given=self._use_case.given,
                digest=content["digest"],
            )
            endpoint.serve(model)

        labels = {key: content[key] for key in ("endpoint", "entity", "version")}
        try:
            await asyncio.to_thread(load)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new version, the old one goes on
            text = str(error) if isinstance(error, BoathouseError) else f"it cannot be loaded ({type(error).__name__})"
            text = f"version {content['version']}: {text}"
            endpoint.report(content["entity"], text)
            service.metrics.count("load_failures")
            service.access_log.failure("load_failed", error, **labels)
            self._send("failed", name=content["name"], text=text, **labels)
        else:
            service.access_log.event("info", "serving", model=content["name"], **labels)
            self._send("loaded", name=content["name"], **labels)

    def _configure(self, name: str, document: Mapping[str, Any]) -> None:
        config = EndpointConfig.from_document(name, document)
        self._configure_log(name, config)
        known = self.service.endpoints.get(name)
        if known is not None and known.state.config.look_up == config.look_up:
            known.configure(config)
            return
        store = OnlineStore(
            self._setup.store,
            timeout_s=config.look_up.timeout_ms / 1000,
            environment=self._setup.environment,
            owner=self._setup.owner,
        )
        metrics = self.service.metrics
        look_up = FeatureLookUp(store, config.look_up, on_failure=lambda: metrics.count("look_up_failures"))
        if known is None:
            self.service.endpoints[name] = Endpoint(config, self._threads, look_up, keys=self._use_case.keys)
        else:
            known.look_up = look_up
            known.configure(config)

    def _configure_log(self, name: str, config: EndpointConfig) -> None:
        """Begin to log, go on by other rules, or end."""
        log = self._logs.get(name)
        if not config.log.enabled or not self._setup.log_table:
            if log is not None:
                del self._logs[name]
                log.close()
        elif log is None:
            log = InferenceLog(
                self._setup.log_table,
                self._setup.log_journal,
                config.log,
                always_hidden=self._use_case.personal_keys,
                key_types={column.name: column.dtype for column in self._use_case.keys},
            )
            log.start()
            self._logs[name] = log
        else:
            log.use(config.log)

    def _send(self, kind: str, **content: Any) -> None:  # noqa: ANN401 - plain values
        with contextlib.suppress(ConnectionError):
            self._writer.write(Message(kind, content).encode())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.service.access_log.flush()
            self.service.watch_logs()
            self.service.check_tokens()
            self.service.metrics.save()

    async def _close(self) -> None:
        await self._app.invocations.close()
        for endpoint in self.service.endpoints.values():
            if endpoint.look_up is not None:
                endpoint.look_up.close()
        self._threads.close()
        await asyncio.gather(*(asyncio.to_thread(log.close) for log in self._logs.values()), return_exceptions=True)
        self.service.watch_logs()
        if self._is_alone:
            leave_run_folder(Path(self._setup.run_folder), self.service.metrics.path)
        else:
            with contextlib.suppress(OSError):
                self.service.metrics.save()
        self.service.access_log.flush()


async def work(control: socket.socket, listener: socket.socket, use_case: ServedUseCase) -> None:
    """Serve until the supervisor ends or the process gets a signal to stop."""
    reader, writer = await asyncio.open_connection(sock=control)
    first = await read_message(reader)
    if first is None:
        return
    worker = Worker(Setup(**first.content), writer, use_case)
    await worker.run(reader, listener)


def main(use_case: ServedUseCase) -> None:
    """Run a worker on the sockets that were handed over; ``use_case`` holds the declarations that it needs."""
    parser = argparse.ArgumentParser(description="A worker of boathouse serve; not to be started by hand.")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--listener", type=int, required=True)
    given = parser.parse_args()
    import uvloop

    # How long a thread that parses or masks keeps Python's lock from the loop, which takes it several times a request.
    sys.setswitchinterval(_SWITCH_SECONDS)

    control, listener = socket.socket(fileno=given.control), socket.socket(fileno=given.listener)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(work(control, listener, use_case))
