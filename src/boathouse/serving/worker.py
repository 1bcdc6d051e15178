"""One worker process: started by the supervisor, which sends it what to serve.

It knows no registry and no configuration files: it imports neither MLflow nor Kedro nor pandas.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from boathouse.endpoints.config import EndpointConfig
from boathouse.errors import BoathouseError
from boathouse.features.online.store import OnlineStore
from boathouse.serving.access import Access, AccessLog
from boathouse.serving.app import App
from boathouse.serving.endpoint import Endpoint
from boathouse.serving.inference_log import InferenceLog
from boathouse.serving.look_up import FeatureLookUp
from boathouse.serving.metrics import Metrics
from boathouse.serving.protocol import Message, Setup, read_message
from boathouse.serving.scoring import ScoringThreads
from boathouse.serving.served_model import load_model
from boathouse.serving.service import Service
from boathouse.serving.tokens import TokenFile

if TYPE_CHECKING:
    from boathouse.scoring.on_demand import OnDemandFeature

# Seconds between two flushes of metrics and log lines.
_TICK_S = 0.5


@dataclass(frozen=True)
class ServedUseCase:
    """What a worker needs of the use case.

    Attributes:
        on_demand: Features that it can compute when they are asked for.
        personal_keys: Columns that identify a person: always hashed or masked in the log.
    """

    on_demand: Sequence[OnDemandFeature] = ()
    personal_keys: Sequence[str] = ()


class Worker:
    """The process: a service, kept as the supervisor's messages demand, and an HTTP server in front of it."""

    def __init__(self, setup: Setup, writer: asyncio.StreamWriter, use_case: ServedUseCase) -> None:
        """Build the service; it has no models yet."""
        self._setup, self._writer, self._use_case = setup, writer, use_case
        self._threads = ScoringThreads()
        self._logs: dict[str, InferenceLog] = {}
        self.service = Service(
            endpoints={},
            access=Access(TokenFile(Path(setup.tokens)), setup.token_required),
            mlflow_version=setup.mlflow_version,
            metrics=Metrics(Path(setup.run_folder), setup.slot),
            access_log=AccessLog(requests=setup.log_requests),
            logs=self._logs,
            send=lambda message: self._send("command", message=message),
        )
        for name, document in setup.endpoints.items():
            self._configure(name, document)
        self._app = App(self.service)
        self.server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=2048,
                timeout_graceful_shutdown=max(1, round(setup.drain_seconds)),
                ssl_certfile=setup.ssl_certfile,
                ssl_keyfile=setup.ssl_keyfile,
            )
        )

    async def run(self, reader: asyncio.StreamReader, listener: socket.socket) -> None:
        """Handle the supervisor's messages; answer requests from ``begin`` until the process is to stop."""
        # uvicorn raises the signal again when it has stopped; without a handler that would end the process at once,
        # with the logs still open.
        signal.signal(signal.SIGTERM, self.server.handle_exit)
        begun = asyncio.Event()
        following = asyncio.create_task(self._follow(reader, begun))
        ticking = asyncio.create_task(self._tick())
        await begun.wait()
        try:
            if not self.server.should_exit:
                await self.server.serve(sockets=[listener])
        finally:
            for task in (following, ticking):
                task.cancel()
            await self._close()

    async def _follow(self, reader: asyncio.StreamReader, begun: asyncio.Event) -> None:
        while (message := await read_message(reader)) is not None:
            if message.kind == "begin":
                begun.set()
            else:
                await self._handle(message)
        # The supervisor has gone: nothing would replace or stop this worker.
        self.server.should_exit = True
        begun.set()

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
            self._setup.store, timeout_s=config.look_up.timeout_ms / 1000, environment=self._setup.environment
        )
        look_up = FeatureLookUp(store, config.look_up)
        if known is None:
            self.service.endpoints[name] = Endpoint(config, self._threads, look_up)
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
                self._setup.log_table, self._setup.log_journal, config.log, always_hidden=self._use_case.personal_keys
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
            self.service.metrics.save()

    async def _close(self) -> None:
        await self._app.invocations.close()
        for endpoint in self.service.endpoints.values():
            if endpoint.look_up is not None:
                endpoint.look_up.close()
        self._threads.close()
        await asyncio.gather(*(asyncio.to_thread(log.close) for log in self._logs.values()))
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

    control, listener = socket.socket(fileno=given.control), socket.socket(fileno=given.listener)
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(work(control, listener, use_case))
