"""A model with everything that is known about the life of its versions: facts, decisions, deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boathouse.core.audit import AuditRecord
    from boathouse.core.lineage.facts import VersionFacts
    from boathouse.core.promotion.life import ModelLife, VersionLife
    from boathouse.core.promotion.policy import ApprovalOptions


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of the evaluation of a version on its test rows.

    Attributes:
        name: Name of the metric.
        value: The number.
        low: Lower bound of its interval, or None.
        high: Upper bound, or None.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class GovernedVersion:
    """One version from both sides; at least one of them knows it.

    Attributes:
        version: Version as text.
        facts: What registry and run say; None for a version that only the ledger knows.
        life: What the ledger says; None for a version that only the registry knows.
        records: Its records, in order.
        metrics: Of the evaluation, in the order of their names.
    """

    version: str
    facts: VersionFacts | None
    life: VersionLife | None
    records: tuple[AuditRecord, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @property
    def stage(self) -> str:
        """Stage as the ledger has it, else as the registry's tag says."""
        if self.life is not None:
            return self.life.stage
        return (self.facts.stage if self.facts else None) or "not recorded"

    @property
    def gates(self) -> tuple[Mapping[str, Any], ...]:
        """The gates of its newest check."""
        return self.life.check.gates if self.life and self.life.check else ()


@dataclass(frozen=True, kw_only=True)
class GovernedModel:
    """One registered model.

    Attributes:
        name: Registered name.
        at: When this was put together, UTC.
        life: Its state as the ledger tells it.
        aliases: Version at each alias as the registry has it.
        versions: The newest first.
        deployments: Records of endpoints that serve it, in order.
        breaks: Where the chains of the trail do not hold.
        missing: Tables of the trail that are not there.
        rules: What has to be approved in its environment.
    """

    name: str
    at: datetime
    life: ModelLife
    aliases: Mapping[str, str]
    versions: tuple[GovernedVersion, ...]
    deployments: tuple[AuditRecord, ...]
    breaks: tuple[str, ...]
    missing: tuple[str, ...]
    rules: ApprovalOptions

    @property
    def environment(self) -> str:
        """First part of the name."""
        return self.name.split(".", maxsplit=1)[0]

    def records(self) -> Iterator[AuditRecord]:
        """Give the records of all versions."""
        for each in self.versions:
            yield from each.records


def served_by(record: AuditRecord, model: str) -> list[str]:
    """Return which versions of ``model`` an endpoint's record puts into service, each as a number or an alias."""
    document = record.read_evidence().get("config") or {}
    follows = (document.get("boathouse") or {}).get("follow") or {}
    entities = (document.get("config") or document).get("served_entities") or []
    return [
        str(each.get("entity_version") or each.get("alias") or follows.get(each.get("name")) or "newest")
        for each in entities
        if each.get("entity_name") == model
    ]
