"""What is to be served, by the ledger, the registry and the endpoints' documents: asked about every second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from boathouse.endpoints.config import EndpointConfig, ServedEntity
from boathouse.endpoints.rollouts import leave_out
from boathouse.errors import UndecidedModelError
from boathouse.lifecycle.resolution import DecidedVersion
from boathouse.lifecycle.state import CHAMPION
from boathouse.scoring.files import ModelFiles

# Versions whose files are kept: going back to the one before needs no store.
_KEPT = 8
EntityKey = tuple[str, str]


@dataclass(frozen=True)
class Wanted:
    """What is to be served.

    Attributes:
        configs: Endpoints by name.
        versions: Version of each ``(endpoint, served entity)`` that has one.
        missing: Why another has none.
        stopped: Those of them that were taken out of service: what is served is removed, also where it has traffic.
    """

    configs: Mapping[str, EndpointConfig]
    versions: Mapping[tuple[str, str], DecidedVersion] = field(default_factory=dict)
    missing: Mapping[tuple[str, str], str] = field(default_factory=dict)
    stopped: Collection[tuple[str, str]] = ()


class Versions(Protocol):
    """Which versions may score, and their files: by ledger and registry, or as a folder took them along."""

    def find(self, name: str) -> Callable[[str], DecidedVersion | None]:
        """Return what gives a model's version at an alias or with a number; None for an alias that no version has."""

    def explain(self, name: str, alias: str) -> tuple[str, bool]:
        """Return why no version of a model has an alias, and whether that is because its champion was stopped."""

    def explain_removal(self, name: str, version: str) -> str:
        """Return who took a version out of service and why; empty for one that may go on where it answers."""

    def files(self, version: DecidedVersion) -> ModelFiles:
        """Return the version's files, after a look at what loading it would execute."""

    def forget(self, version: DecidedVersion) -> None:
        """Keep nothing of the version that was read before."""


class AnySource(Protocol):
    """The supervisor's source of what is to be served."""

    def poll(self) -> Wanted:
        """Return what is to be served now."""

    def files(self, ref: DecidedVersion) -> ModelFiles:
        """Return the files of a version."""

    def forget(self, ref: DecidedVersion) -> None:
        """Read the version again the next time."""

    def note_loaded(self, endpoint: str, ref: DecidedVersion) -> None:
        """Note that an endpoint's worker has loaded the version."""


def _leave_out_removed(
    config: EndpointConfig, versions: Mapping[EntityKey, DecidedVersion], stopped: Collection[EntityKey]
) -> EndpointConfig:
    """Return ``config`` with the traffic of entities that were taken out of service given to the others.

    Where a champion was stopped nothing takes its place: its share fails, and says why.
    """
    removed = [
        entity.name
        for entity in config.served_entities
        if (config.name, entity.name) in stopped and entity.alias != CHAMPION
    ]
    if not removed:
        return config
    champions = [
        entity.name
        for entity in config.served_entities
        if entity.alias == CHAMPION and (config.name, entity.name) in versions
    ]
    return leave_out(config, removed, in_place=champions[0] if champions else None)


class Source:
    """The documents and the versions together."""

    def __init__(
        self,
        configs: Callable[[], Mapping[str, EndpointConfig]],
        versions: Versions,
        *,
        on_alarm: Callable[[str, str], None] = lambda *_: None,
        record: Callable[[str, DecidedVersion], None] | None = None,
    ) -> None:
        """Keep both; nothing is read yet.

        Args:
            configs: Gives the endpoints as they are configured now; called about every second.
            versions: Which versions may score.
            on_alarm: Called with a model's name and what was found when the registry shows another version or digest
                than the ledger decided on; once for the same.
            record: Called once for each endpoint and version that a worker has loaded, in a thread of its own.
        """
        self._configs, self._versions, self._on_alarm = configs, versions, on_alarm
        self._record = record
        self._recorded: set[tuple[str, DecidedVersion]] = set()
        self._files: dict[DecidedVersion, ModelFiles] = {}
        self._told: frozenset[tuple[str, str]] = frozenset()

    def poll(self) -> Wanted:
        """Return what is to be served now; one query a registered model, and one a version that was not asked before.

        What the ledger did not decide on is missing: the version that is served goes on. An entity whose version was
        taken out of service answers nothing; if it follows the champion otherwise, it does so again.

        Raises:
            BoathouseError: If ledger, registry or configuration cannot be read.
        """
        configs = self._configs()
        entities = {
            (name, entity.name): entity for name, config in configs.items() for entity in config.served_entities
        }
        names = sorted({entity.entity_name for entity in entities.values()})
        find = {name: self._versions.find(name) for name in names}
        versions, missing, alarms, stopped = {}, {}, set(), set[tuple[str, str]]()
        for key, entity in entities.items():
            removed = self._explain_removal(entity)
            if removed and entity.alias != CHAMPION:
                missing[key] = removed
                stopped.add(key)
                continue
            wanted = entity.alias if removed else entity.entity_version or entity.alias
            try:
                found = find[entity.entity_name](wanted or "")
            except UndecidedModelError as error:
                missing[key] = str(error)
                alarms.add((entity.entity_name, str(error)))
                continue
            if found is not None:
                versions[key] = found
                continue
            missing[key], is_stopped = self._versions.explain(entity.entity_name, entity.alias or "")
            stopped |= {key} if is_stopped or removed else set()
        for name, text in sorted(alarms - self._told):
            self._on_alarm(name, text)
        self._told = frozenset(alarms)
        applied = {name: _leave_out_removed(config, versions, stopped) for name, config in configs.items()}
        return Wanted(applied, versions, missing, frozenset(stopped))

    def _explain_removal(self, entity: ServedEntity) -> str:
        version = entity.entity_version
        return "" if version is None else self._versions.explain_removal(entity.entity_name, version)

    def files(self, ref: DecidedVersion) -> ModelFiles:
        """Return the files of a version.

        Raises:
            UntrustedModelError: If loading it would execute something else than this package.
        """
        if ref not in self._files:
            self._files[ref] = self._versions.files(ref)
            while len(self._files) > _KEPT:
                del self._files[next(iter(self._files))]
        return self._files[ref]

    def forget(self, ref: DecidedVersion) -> None:
        """Read files and digest of the version again the next time: with these it could not be loaded."""
        self._files.pop(ref, None)
        self._versions.forget(ref)

    def note_loaded(self, endpoint: str, ref: DecidedVersion) -> None:
        """Have it recorded that an endpoint serves the version, the first time that a worker has loaded it.

        In a thread: a table that is slow to write holds up no worker's messages.
        """
        if self._record is not None and (endpoint, ref) not in self._recorded:
            self._recorded.add((endpoint, ref))
            threading.Thread(target=self._record, args=(endpoint, ref), daemon=True).start()
