"""A house for tests of the life cycle: a real ledger, a registry in memory, steps that can be cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from boathouse.core.audit import AuditEvent, AuditRecord, seal_events
from boathouse.core.errors import ModelError
from boathouse.core.promotion import Decided, Gate, PromotionDecision
from boathouse.core.promotion.identity import Identity
from boathouse.core.promotion.policy import ACTIONS, GovernanceOptions
from boathouse.core.promotion.registry_state import Change, RegisteredVersion, RegistryState
from boathouse.environment import Environment
from boathouse.governance.ledger import PROMOTIONS, open_ledger
from boathouse.governance.life_cycle import LifeCycle

NAME = "test.models.late"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
ROLES = dict.fromkeys(ACTIONS, ("*",))


def options(roles: dict[str, tuple[str, ...]] | None = None, **approvals: Any) -> GovernanceOptions:
    """Return rules in which nothing has to be approved and everybody may do everything, but for what is given."""
    return GovernanceOptions(
        trust_environment_user=False,
        released_code="any",
        approvals={"needed": 0, "valid_days": 14, "four_eyes": False, "carry_out": True, **approvals},
        roles={**ROLES, **(roles or {})},
    )


class KilledError(BaseException):
    """Stands for the end of the process: nothing that catches exceptions catches it."""


@dataclass
class Fuse:
    """Counts steps that change something, and ends the process before or after one of them.

    Attributes:
        at: Number of the step, from 1; None never.
        after: Whether the step is made first.
        steps: Steps counted so far.
    """

    at: int | None = None
    after: bool = False
    steps: int = 0

    def burn(self, step: Callable[[], Any]) -> Any:
        self.steps += 1
        if self.steps == self.at and not self.after:
            raise KilledError
        made = step()
        if self.steps == self.at:
            raise KilledError
        return made


@dataclass
class MemoryRegistry:
    """A registry that forgets nothing; ``down`` makes every call fail, ``fuse`` cuts calls off."""

    name: str = NAME
    versions: dict[str, RegisteredVersion] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    fuse: Fuse = field(default_factory=Fuse)
    down: bool = False
    down_after: int | None = None

    def register(self, *, digest: str | None = None, trained_by: str = "tom") -> str:
        version = str(len(self.versions) + 1)
        tags = {"model_digest": digest or f"digest{version}", "trained_by": trained_by, "stage": "registered"}
        self.versions[version] = RegisteredVersion(version=version, tags=tags)
        self.digests[version] = tags["model_digest"]
        return version

    def read(self) -> RegistryState:
        self._answer()
        return RegistryState(versions=dict(self.versions), aliases=dict(self.aliases))

    def compute_digest(self, version: str) -> str:
        self._answer()
        return self.digests[version]

    def apply(self, change: Change) -> None:
        self._answer()
        if self.down_after is not None:
            self.down_after -= 1
            self.down = self.down_after < 0
            self._answer()
        self.fuse.burn(lambda: self._apply(change))

    def _apply(self, change: Change) -> None:
        if change.action == "set_alias":
            self.aliases[change.key] = change.version
        elif change.action == "delete_alias":
            self.aliases.pop(change.key, None)
        elif change.action == "describe":
            self.versions[change.version] = replace(self.versions[change.version], description=change.value)
        else:
            tags = {key: value for key, value in self.versions[change.version].tags.items() if key != change.key}
            if change.action == "set_tag":
                tags[change.key] = change.value
            self.versions[change.version] = replace(self.versions[change.version], tags=tags)

    def _answer(self) -> None:
        if self.down:
            raise ModelError.store_unreachable("ConnectionError")

    def stages(self) -> dict[str, str]:
        return {version: found.tags.get("stage", "") for version, found in self.versions.items()}


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class LifeHouse:
    """One environment: ledger in a folder, registry in memory."""

    house: Environment
    registry: MemoryRegistry
    clock: Clock = field(default_factory=Clock)

    def life(self, actor: str = "vera", rules: GovernanceOptions | None = None) -> LifeCycle:
        return LifeCycle(
            name=self.registry.name,
            ledger=open_ledger(self.house.table(PROMOTIONS)),
            registry=self.registry,  # type: ignore[arg-type]
            options=rules or options(),
            identity=Identity(actor, "system"),
            clock=self.clock,
        )

    def records(self, kind: str | None = None) -> list[AuditRecord]:
        return [each for each in open_ledger(self.house.table(PROMOTIONS)).read() if kind in {None, each.kind}]


def decision(
    version: str, outcome: str = "promoted", champion: str | None = None, salt: float = 0.0, *, waits: bool = False
) -> PromotionDecision:
    """Return a decision of one gate; another ``salt`` is another decision."""
    gate = Gate(
        name="minimum_roc_auc",
        mode="enforce",
        passed=outcome != "rejected",
        value=0.7 + salt,
        limit=0.65,
        message="minimum_roc_auc is 0.7, needed at least 0.65.",
    )
    return PromotionDecision(
        model=NAME,
        candidate=version,
        champion=champion,
        outcome=outcome,
        reason=f"{outcome} for a reason.",
        gates=[gate],
        decided=Decided(START, "tom"),
        waits_for_approval=waits,
    )


def event(kind: str, version: str | None = "1", *, number: int = 0, actor: str = "vera", **evidence: Any) -> AuditEvent:
    return AuditEvent(
        event_id=f"{kind}/{version}/{number}",
        kind=kind,
        subject=NAME,
        version=version,
        digest=f"digest{version}",
        actor=actor,
        occurred_at=START + timedelta(minutes=number),
        comment="why",
        evidence=evidence,
    )


def seal(*events: AuditEvent) -> list[AuditRecord]:
    return seal_events(events)
