"""Which versions may answer behind an endpoint: pinned while a rollout goes on, loadable, in service, and approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from boathouse.errors import BoathouseError, LifeCycleError, RolloutError, UntrustedModelError
from boathouse.lifecycle import rules
from boathouse.lifecycle.state import ARCHIVED, CHAMPION, PREVIOUS, REGISTERED

if TYPE_CHECKING:
    from boathouse.endpoints.config import EndpointConfig, ServedEntity
    from boathouse.endpoints.states import EndpointStates
    from boathouse.lifecycle.policy import GovernanceOptions, Identity
    from boathouse.lifecycle.resolution import DecidedVersion, RecordedModel
    from boathouse.lifecycle.state import ModelVersion

# Versions that are not approved for production answer this share of the requests at most, in percent: enough for every
# comparison, and less than what would make one of them champion in all but name.
MOST_UNAPPROVED = 50.0


class Versions(Protocol):
    """The versions of registered models, by ledger and registry."""

    def find(self, name: str) -> Callable[[str], DecidedVersion | None]:
        """Return what gives a model's version at an alias or with a number; None for an alias that no version has."""

    def explain(self, name: str, alias: str) -> tuple[str, bool]:
        """Return why no version of a model has an alias."""

    def read(self, name: str) -> RecordedModel:
        """Return a model by its records."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What is asked before a change of an endpoint is recorded.

    Attributes:
        versions: The versions there are.
        options: Rules of the environment: those of the registry hold for endpoints too.
        identity: Who wants the change.
        load: Loads a version as a worker would; raises if it cannot be loaded.
        clock: Gives the time.
    """

    versions: Versions
    options: GovernanceOptions
    identity: Identity
    load: Callable[[DecidedVersion], object]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def allow(self, states: EndpointStates, name: str, action: str) -> None:
        """Raise, and record the refusal, unless the identity's role allows ``action`` on models.

        Raises:
            RolloutError: Naming those who may.
        """
        if not self.options.allows(self.identity, action):
            error = RolloutError(
                f"{self.identity.name} may not {action} models here, and so not change what endpoint '{name}' answers "
                f"with; allowed: {self.options.say_who_may(action)}. Ask one of them, or have "
                f"governance.roles.{action} changed in conf."
            )
            states.refuse(name, action=action, reason=str(error), actor=self.identity)
            raise error

    def pin(self, config: EndpointConfig, before: EndpointConfig, conf: EndpointConfig | None) -> EndpointConfig:
        """Return ``config`` with the version of each entity that takes part, as it is now.

        An entity that took part before stays with the version that it is pinned to, and so does one that ``config``
        itself pins. One that takes no part follows its alias, and so does the one that follows the champion, if it
        answers everything.

        Raises:
            RolloutError: If an entity that takes part has no version.
        """
        taking_part, entities = config.taking_part, []
        for entity in config.served_entities:
            is_new = entity.is_pinned and entity != before.entity(entity.name)
            follows = taking_part == (entity.name,) and entity.alias == CHAMPION
            if is_new or entity.alias is None:
                entities.append(entity)
            elif entity.name not in taking_part or follows:
                entities.append(release(entity, conf))
            else:
                stays = entity.is_pinned and entity.name in before.taking_part
                entities.append(entity if stays else self._pin(config.name, entity))
        return replace(config, served_entities=tuple(entities))

    def _pin(self, endpoint: str, entity: ServedEntity) -> ServedEntity:
        alias = str(entity.alias)
        found = self.versions.find(entity.entity_name)(alias)
        if found is None:
            why, _ = self.versions.explain(entity.entity_name, alias)
            raise RolloutError.no_version(endpoint, entity.name, why)
        return replace(entity, entity_version=found.version)

    def check(self, config: EndpointConfig, before: EndpointConfig | None = None) -> None:
        """Raise unless every entity that takes part in ``config`` can be loaded and is in service.

        Args:
            config: The configuration.
            before: The one in force, if it is to be a step forward from there: then versions that answer more than
                they did need what the registry asks as well.

        Raises:
            ModelError: If ledger or registry cannot be read.
            RolloutError: Naming the entity, and why it may not answer.
        """
        found = {name: self._resolve(config, name) for name in config.taking_part}
        for entity in found:
            removed = self.explain_removal(config, entity)
            if removed and (config.traffic_of(entity) or before is not None):
                raise RolloutError.not_in_service(config.name, entity, removed)
        for version in dict.fromkeys(found.values()):
            try:
                self.load(version)
            except Exception as error:
                entity = next(name for name, each in found.items() if each == version)
                why = (
                    str(error) if isinstance(error, BoathouseError) else f"it cannot be loaded ({type(error).__name__})"
                )
                raise RolloutError.no_version(config.name, entity, f"version {version.version}: {why}") from error
        if before is not None:
            self._check_stages(config, before, found)
            if problem := self.explain_unapproved(config, before):
                raise RolloutError(f"Endpoint '{config.name}': {problem}")

    def explain_removal(self, config: EndpointConfig, name: str) -> str:
        """Return who took the version of an entity out of service, and why; empty if it is in service."""
        entity = config.entity(name)
        if entity is None or entity.entity_version is None:
            return ""
        return self.versions.read(entity.entity_name).explain_removal(entity.entity_version)

    def _resolve(self, config: EndpointConfig, name: str) -> DecidedVersion:
        entity = config.entity(name)
        if entity is None:
            raise RolloutError.no_version(config.name, name, "it is no served entity")
        try:
            found = self.versions.find(entity.entity_name)(entity.entity_version or str(entity.alias))
        except UntrustedModelError as error:
            raise RolloutError.no_version(config.name, name, str(error)) from error
        if found is None:
            raise RolloutError.no_version(
                config.name, name, self.versions.explain(entity.entity_name, str(entity.alias))[0]
            )
        return found

    def _check_stages(
        self, config: EndpointConfig, before: EndpointConfig, found: Mapping[str, DecidedVersion]
    ) -> None:
        """Raise if a version begins to answer that is archived, or has not passed what a challenger has to."""
        for entity, version in found.items():
            state = self.versions.read(version.name).now
            known = state.versions[version.version]
            answered = before.traffic_of(entity) > 0 and before.entity(entity) == config.entity(entity)
            if answered or not config.traffic_of(entity) or known.was_champion:
                continue
            try:
                if known.stage == ARCHIVED:
                    rules.check_not_archived(known)
                if known.stage == REGISTERED:
                    rules.check_promotion(
                        state,
                        version.version,
                        to="staging",
                        digest=version.digest,
                        now=self.clock(),
                        options=self.options.rules,
                    )
            except LifeCycleError as error:
                raise RolloutError.not_in_service(config.name, entity, str(error)) from error

    def explain_unapproved(self, config: EndpointConfig, before: EndpointConfig) -> str:
        """Return which approval is missing for ``config``; empty if none is.

        It is asked where versions that are not approved would answer more than half of the requests, and more than
        they do ``before``.
        """
        missing = self._find_unapproved(config)
        share = sum(config.traffic_of(name) for name in missing)
        share_before = sum(before.traffic_of(name) for name in self._find_unapproved(before))
        if share <= MOST_UNAPPROVED or share <= share_before:
            return ""
        return (
            f"versions without the approvals that production asks would answer {share:g} % of the requests, allowed "
            f"are {MOST_UNAPPROVED:g} %. {' '.join(dict.fromkeys(missing.values()))}"
        )

    def _find_unapproved(self, config: EndpointConfig) -> dict[str, str]:
        """Return why a version is not approved, by the entity that answers with it."""
        found = {}
        for entity in config.served_entities:
            if not config.traffic_of(entity.name):
                continue
            state = self.versions.read(entity.entity_name).now
            known = state.versions.get(entity.entity_version or state.aliases.get(str(entity.alias), ""))
            if known is not None and not _was_approved(known):
                try:
                    rules.check_approved(state, known, self.clock(), self.options.rules)
                except LifeCycleError as error:
                    found[entity.name] = str(error)
        return found


def release(entity: ServedEntity, conf: EndpointConfig | None) -> ServedEntity:
    """Return ``entity`` as conf has it: following its alias, unless conf itself pins it."""
    if entity.alias is None:
        return entity
    in_conf = None if conf is None else conf.entity(entity.name)
    return replace(entity, entity_version=None if in_conf is None else in_conf.entity_version)


def _was_approved(version: ModelVersion) -> bool:
    return version.was_champion or version.stage in {CHAMPION, PREVIOUS}
