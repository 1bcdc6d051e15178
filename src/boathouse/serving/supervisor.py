"""The supervisor process: it keeps workers running on one port and sends them what to serve."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

from boathouse.endpoints.config import EndpointConfig
from boathouse.errors import BoathouseError
from boathouse.lifecycle.resolution import DecidedVersion
from boathouse.scoring.files import ModelFiles
from boathouse.serving.access import AccessLog
from boathouse.serving.draining import refuse_connections
from boathouse.serving.protocol import Message, Setup, WorkerProcess, read_message, start_worker
from boathouse.serving.source import AnySource, EntityKey, Wanted
from boathouse.serving.watched import go_on

POLL_S = 1.0
# A version whose files could not be fetched is tried again after this time.
_RETRY_S = 10.0
# A worker that ends sooner than this after its start is replaced after a pause.
_SHORT_LIFE_S, _PAUSE_S = 5.0, 1.0
_MARGIN_S = 5.0
# Time for the workers to accept what has connected before no further connection comes.
_BACKLOG_S = 0.1


class Supervisor:
    """The workers of one server."""

    def __init__(self, source: AnySource, setup: Setup, listener: socket.socket, workers: int, *, module: str) -> None:
        """Start nothing yet.

        Args:
            source: What is to be served.
            setup: The first message to each worker, with a slot of its own.
            listener: The socket that all workers accept from: a connection that waits is lost with no worker.
            workers: Their number.
            module: Module that a worker runs: it calls :func:`boathouse.serving.worker.main`.
        """
        self._source, self._setup, self._listener, self._count = source, setup, listener, workers
        self._module = module
        self._log = AccessLog()
        self._workers: dict[int, WorkerProcess] = {}
        self._configs: dict[str, EndpointConfig] = {}
        self._held: list[EndpointConfig] = []
        self._served: dict[EntityKey, DecidedVersion] = {}
        self._files: dict[EntityKey, ModelFiles] = {}
        self._loaded: dict[EntityKey, tuple[DecidedVersion, ModelFiles]] = {}
        self._problems: dict[EntityKey, str] = {}
        self._failed: dict[EntityKey, tuple[DecidedVersion, float]] = {}
        self._registry_problem = ""
        self._draining = False
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()
        self._polled, self._abandoning = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Keep the workers running until the process gets a signal to stop; then let them finish."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._take_signal, number)
        keepers = [
            asyncio.create_task(go_on("keep", partial(self._keep, slot), self._log)) for slot in range(self._count)
        ]
        following = asyncio.create_task(go_on("follow", self._follow, self._log))
        await self._stopping.wait()
        following.cancel()
        await self._stop(keepers)

    def _take_signal(self, number: int) -> None:
        """Stop in order; asked again from the keyboard, at once. A second SIGTERM changes nothing: many send two."""
        if self._stopping.is_set() and number == signal.SIGINT:
            self._abandoning.set()
        self._stopping.set()

    async def _stop(self, keepers: list[asyncio.Task[None]]) -> None:
        """Tell load balancers, take no further connection, let requests at work end."""
        self._log.event("info", "stopping", workers=len(self._workers))
        self._draining = True
        self._send_all(Message("draining", {"value": True}))
        await self._pause(self._abandoning, self._setup.notice_seconds)
        refuse_connections(self._listener)
        # The workers accept what has connected: a connection that waits when the listener is closed is reset.
        await self._pause(self._abandoning, _BACKLOG_S)
        self._listener.close()
        # A worker that waits for the first poll is to end as well.
        self._polled.set()
        self._send_all(Message("stop"))
        abandoning = asyncio.create_task(self._stop_now())
        limit = self._setup.drain_seconds + _MARGIN_S
        _, late = await asyncio.wait(keepers, timeout=limit)
        if late:
            for worker in self._workers.values():
                worker.process.kill()
            await asyncio.wait(late, timeout=_MARGIN_S)
        abandoning.cancel()
        self._log.event("info", "stopped")

    async def _stop_now(self) -> None:
        await self._abandoning.wait()
        self._send_all(Message("stop", {"now": True}))

    async def _keep(self, slot: int) -> None:
        """Keep one worker running; replace it when it ends."""
        while not self._stopping.is_set():
            worker, reader = await start_worker(self._listener, self._module)
            try:
                await self._begin(worker, slot)
                await self._listen(reader)
            except Exception as error:  # noqa: BLE001 - a worker that cannot be led is replaced
                self._log.failure("worker_not_led", error, slot=slot)
                worker.process.kill()
            code = await asyncio.to_thread(worker.process.wait)
            worker.writer.close()
            self._workers.pop(slot, None)
            if self._stopping.is_set():
                return
            lived = time.monotonic() - worker.started
            self._log.event("error", "worker_ended", slot=slot, exit_code=code, after_s=round(lived, 1))
            if lived < _SHORT_LIFE_S:
                await self._pause(self._stopping, _PAUSE_S)

    async def _begin(self, worker: WorkerProcess, slot: int) -> None:
        worker.send(Message("setup", asdict(replace(self._setup, slot=slot))))
        # What is served is known after the first poll; the worker imports its libraries meanwhile.
        await self._polled.wait()
        for message in self._all_messages():
            worker.send(message)
        worker.send(Message("begin"))
        self._workers[slot] = worker
        if self._stopping.is_set():
            worker.send(Message("stop"))

    def _all_messages(self) -> list[Message]:
        """Return the messages that bring a new worker up to date."""
        messages = [_configure(config) for config in self._configs.values()]
        messages += [self._model_message(key, ref) for key, ref in self._served.items()]
        messages += [_problem(key, text) for key, text in self._problems.items()]
        return [
            *messages,
            Message("registry", {"problem": self._registry_problem}),
            Message("draining", {"value": self._draining}),
        ]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Handle the messages of a worker until it ends."""
        while (message := await read_message(reader)) is not None:
            try:
                self._receive(message)
            except Exception as error:  # noqa: BLE001 - a message that cannot be followed costs no other
                self._log.failure("message_failed", error, kind=message.kind)

    def _receive(self, message: Message) -> None:
        content = message.content
        match message.kind, content.get("message"):
            case "command", "reload":
                self._failed.clear()
                self._hurry.set()
            case "command", "drain" | "resume" as command:
                self._draining = command == "drain"
                self._send_all(Message("draining", {"value": self._draining}))
            case "loaded" | "failed", _:
                key = content["endpoint"], content["entity"]
                ref = self._served.get(key)
                if ref is None or (ref.name, ref.version) != (content["name"], content["version"]):
                    return
                if message.kind == "loaded":
                    self._keep_loaded(key, ref)
                else:
                    self._take_back(key, ref, content["text"])

    def _keep_loaded(self, key: EntityKey, ref: DecidedVersion) -> None:
        """Note that the version can be served; a configuration may have waited for that."""
        self._loaded[key] = ref, self._files[key]
        self._source.note_loaded(key[0], ref)
        if self._held:
            self._hurry.set()

    def _take_back(self, key: EntityKey, ref: DecidedVersion, problem: str) -> None:
        """Go on with the version from before, also in workers that start from now on; try this one again later."""
        self._failed[key] = ref, time.monotonic()
        self._source.forget(ref)
        if key in self._loaded:
            self._served[key], self._files[key] = self._loaded[key]
        else:
            del self._served[key]
        self._note(key, problem)

    async def _follow(self) -> None:
        """Poll the source about every second, and send what has changed."""
        while True:
            try:
                await self._follow_once()
            except Exception as error:  # noqa: BLE001 - what is served goes on, and the next poll may be better
                self._log.failure("follow_failed", error)
                self._note_registry(f"it cannot be followed ({type(error).__name__})")
            self._polled.set()
            await self._pause(self._hurry, POLL_S)
            self._hurry.clear()

    async def _follow_once(self) -> None:
        try:
            wanted = await asyncio.to_thread(self._source.poll)
        except Exception as error:  # noqa: BLE001 - a failure of the registry does not end serving
            self._note_registry(_describe(error))
            return
        self._note_registry("")
        changed = [config for config in wanted.configs.values() if self._configs.get(config.name) != config]
        for config in changed:
            if config.name not in self._configs:
                self._configure(config)
        # Another version of an entity that loses its traffic comes after the configuration that takes it away: until
        # then requests are answered by the version that was meant to answer them.
        late = {key for key in (*wanted.versions, *wanted.missing) if self._loses_traffic(key, wanted)}
        await self._serve_wanted(wanted, lambda key: key not in late)
        # After its models: no request is sent to an entity that has none yet.
        self._note_held([config for config in changed if self._would_break(config, wanted)], wanted)
        for config in (each for each in changed if each not in self._held):
            self._configure(config)
        waits = {config.name for config in self._held}
        await self._serve_wanted(wanted, lambda key: key in late and (key[0] not in waits or key in wanted.stopped))

    def _loses_traffic(self, key: EntityKey, wanted: Wanted) -> bool:
        """Return whether an entity answers now and will not with the configuration that is wanted."""
        endpoint, entity = key
        return self._configs[endpoint].traffic_of(entity) > 0 and not wanted.configs[endpoint].traffic_of(entity)

    def _would_break(self, config: EndpointConfig, wanted: Wanted) -> bool:
        """Return whether requests that are answered now would not be with ``config``: an entity has no model yet."""
        known = self._configs.get(config.name)
        answers = known is not None and all((known.name, name) in self._loaded for name in _list_answering(known))
        return answers and bool(self._without_model(config, wanted))

    def _without_model(self, config: EndpointConfig, wanted: Wanted) -> list[str]:
        """Return the served entities that have traffic and no version that a worker has loaded.

        One that had no traffic before needs the version that is wanted; another goes on with the version it has.
        """
        known, found = self._configs.get(config.name), []
        for name in _list_answering(config):
            loaded, _ = self._loaded.get((config.name, name), (None, None))
            is_new = known is not None and not known.traffic_of(name)
            if loaded is None or (is_new and loaded != wanted.versions.get((config.name, name), loaded)):
                found.append(name)
        return found

    def _note_held(self, held: list[EndpointConfig], wanted: Wanted) -> None:
        """Log which configurations wait; the next poll tries them again."""
        for config in (each for each in held if each not in self._held):
            waits_for = ", ".join(self._without_model(config, wanted))
            self._log.event("info", "configuration_waits", endpoint=config.name, waits_for=waits_for)
        self._held = held

    def _configure(self, config: EndpointConfig) -> None:
        if self._configs.get(config.name) != config:
            self._configs[config.name] = config
            self._send_all(_configure(config))
            # Workers drop the models of entities that are gone: should one come back, it is sent again.
            for key in [each for each in self._served if each[0] == config.name and not config.entity(each[1])]:
                del self._served[key]
                self._loaded.pop(key, None)

    async def _serve_wanted(self, wanted: Wanted, chosen: Callable[[EntityKey], bool]) -> None:
        for key, text in wanted.missing.items():
            if chosen(key):
                self._miss(wanted, key, text)
        for key, ref in wanted.versions.items():
            if not chosen(key):
                continue
            failed, when = self._failed.get(key, (None, 0.0))
            due = time.monotonic() - when > _RETRY_S if failed == ref else self._served.get(key) != ref
            if due:
                await self._serve(key, ref)
            elif failed != ref:
                self._settle(key)

    def _miss(self, wanted: Wanted, key: EntityKey, text: str) -> None:
        """Note that an entity has no version now: one with traffic goes on with the version it had, unless stopped."""
        endpoint, entity = key
        # A new configuration may wait for its models: until it is applied, the one from before counts as well.
        configs = [wanted.configs[endpoint], self._configs[endpoint]]
        goes_on = key not in wanted.stopped and any(config.traffic_of(entity) for config in configs)
        if key in self._served and not goes_on:
            del self._served[key]
            self._loaded.pop(key, None)
            self._send_all(Message("withdraw", {"endpoint": endpoint, "entity": entity}))
        if key in wanted.stopped or wanted.configs[endpoint].traffic_of(entity):
            self._note(key, text)
        else:
            self._settle(key)

    async def _serve(self, key: EntityKey, ref: DecidedVersion) -> None:
        try:
            files = await asyncio.to_thread(self._source.files, ref)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a new version, the old one goes on
            self._failed[key] = (ref, time.monotonic())
            self._note(key, f"version {ref.version}: {_describe(error)}")
            return
        self._served[key], self._files[key] = ref, files
        self._problems.pop(key, None)
        self._failed.pop(key, None)
        self._send_all(self._model_message(key, ref))

    def _settle(self, key: EntityKey) -> None:
        """Clear the problem of an entity that has its version, or needs none."""
        if self._problems.pop(key, ""):
            self._send_all(_problem(key, ""))

    def _model_message(self, key: EntityKey, ref: DecidedVersion) -> Message:
        content = {"endpoint": key[0], "entity": key[1], "name": ref.name, "version": ref.version, "digest": ref.digest}
        return Message("model", content, self._files[key])

    def _note(self, key: EntityKey, text: str) -> None:
        if self._problems.get(key) != text:
            self._problems[key] = text
            self._log.event("warning", "not_served", endpoint=key[0], entity=key[1], problem=text)
            self._send_all(_problem(key, text))

    def _note_registry(self, problem: str) -> None:
        if problem != self._registry_problem:
            self._registry_problem = problem
            self._log.event("warning" if problem else "info", "registry", problem=problem)
            self._send_all(Message("registry", {"problem": problem}))

    def _send_all(self, message: Message) -> None:
        for worker in self._workers.values():
            worker.send(message)

    async def _pause(self, event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


def _configure(config: EndpointConfig) -> Message:
    return Message("configure", {"endpoint": config.name, "document": config.to_document()})


def _list_answering(config: EndpointConfig) -> list[str]:
    return [route.served_entity_name for route in config.routes if route.traffic_percentage > 0]


def _problem(key: EntityKey, text: str) -> Message:
    return Message("problem", {"endpoint": key[0], "entity": key[1], "text": text})


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, BoathouseError) else f"it cannot be read ({type(error).__name__})"


def serve(source: AnySource, setup: Setup, listener: socket.socket, workers: int, *, module: str) -> None:
    """Serve until the process gets a signal to stop; each worker runs ``module``."""

    async def run() -> None:
        await Supervisor(source, setup, listener, workers, module=module).run()

    asyncio.run(run())
