"""What is to be served, by the registry and the endpoints' documents: asked about every second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from boathouse.endpoints.config import EndpointConfig, ServedEntity
from boathouse.scoring.files import ModelFiles

# Versions whose files are kept: going back to the one before needs no store.
_KEPT = 8


@dataclass(frozen=True, kw_only=True)
class VersionRef:
    """Which registered version is meant, and the digest that its files must have; hashable, to cache files by.

    Unlike the registry's ``ModelVersionEntry`` it names its model, and it has no tags or text: a changed tag would make
    it another version, to be loaded again.

    Attributes:
        name: Registered name.
        version: Version, as text.
        digest: Digest of its files as registered, or None.
    """

    name: str
    version: str
    digest: str | None


@dataclass(frozen=True)
class Wanted:
    """What is to be served.

    Attributes:
        configs: Endpoints by name.
        versions: Version of each ``(endpoint, served entity)`` that has one.
        missing: Why another has none.
    """

    configs: Mapping[str, EndpointConfig]
    versions: Mapping[tuple[str, str], VersionRef] = field(default_factory=dict)
    missing: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Registry(Protocol):
    """What is needed of the model registry."""

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return the version at each alias; nothing for a model that is not there."""

    def digest(self, name: str, version: str) -> str | None:
        """Return the digest that the version was registered with, or None."""

    def files(self, name: str, version: str) -> ModelFiles:
        """Return the version's files, after a look at what loading it would execute."""


class AnySource(Protocol):
    """The supervisor's source of what is to be served."""

    def poll(self) -> Wanted:
        """Return what is to be served now."""

    def files(self, ref: VersionRef) -> ModelFiles:
        """Return the files of a version."""

    def forget(self, ref: VersionRef) -> None:
        """Read the version again the next time."""

    def note_loaded(self, endpoint: str, ref: VersionRef) -> None:
        """Note that an endpoint's worker has loaded the version."""


class Source:
    """The documents and the registry together."""

    def __init__(
        self,
        configs: Callable[[], Mapping[str, EndpointConfig]],
        registry: Registry,
        *,
        record: Callable[[str, VersionRef], None] | None = None,
    ) -> None:
        """Keep all; nothing is read yet.

        Args:
            configs: Gives the endpoints as they are configured now; called about every second.
            registry: The model registry.
            record: Called once for each endpoint and version that a worker has loaded, in a thread of its own.
        """
        self._configs, self._registry, self._record = configs, registry, record
        self._recorded: set[tuple[str, VersionRef]] = set()
        self._refs: dict[tuple[str, str], VersionRef] = {}
        self._files: dict[VersionRef, ModelFiles] = {}

    def poll(self) -> Wanted:
        """Return what is to be served now; one query a registered model.

        Raises:
            BoathouseError: If the registry or the configuration cannot be read.
        """
        configs = self._configs()
        entities = {
            (name, entity.name): entity for name, config in configs.items() for entity in config.served_entities
        }
        names = {entity.entity_name for entity in entities.values() if entity.alias is not None}
        aliases = {name: self._registry.aliases(name) for name in sorted(names)}
        versions, missing = {}, {}
        for key, entity in entities.items():
            version = entity.entity_version or aliases[entity.entity_name].get(entity.alias or "")
            if version is None:
                missing[key] = _explain_missing(entity)
            else:
                versions[key] = self._ref(entity.entity_name, version)
        return Wanted(configs, versions, missing)

    def files(self, ref: VersionRef) -> ModelFiles:
        """Return the files of a version.

        Raises:
            UntrustedModelError: If loading it would execute something else than this package.
        """
        if ref not in self._files:
            self._files[ref] = self._registry.files(ref.name, ref.version)
            while len(self._files) > _KEPT:
                del self._files[next(iter(self._files))]
        return self._files[ref]

    def forget(self, ref: VersionRef) -> None:
        """Read files and digest of the version again the next time: with these it could not be loaded."""
        self._files.pop(ref, None)
        self._refs.pop((ref.name, ref.version), None)

    def note_loaded(self, endpoint: str, ref: VersionRef) -> None:
        """Have it recorded that an endpoint serves the version, the first time that a worker has loaded it.

        In a thread: a table that is slow to write holds up no worker's messages.
        """
        if self._record is not None and (endpoint, ref) not in self._recorded:
            self._recorded.add((endpoint, ref))
            threading.Thread(target=self._record, args=(endpoint, ref), daemon=True).start()

    def _ref(self, name: str, version: str) -> VersionRef:
        if (name, version) not in self._refs:
            digest = self._registry.digest(name, version)
            self._refs[name, version] = VersionRef(name=name, version=version, digest=digest)
        return self._refs[name, version]


def _explain_missing(entity: ServedEntity) -> str:
    environment = entity.entity_name.partition(".")[0]
    return (
        f"no version of {entity.entity_name} has the alias '{entity.alias}'; "
        f"kedro run --pipelines training,evaluation,promotion --env {environment} makes one"
    )
