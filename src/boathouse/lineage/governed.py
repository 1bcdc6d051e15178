"""A model with everything that is known about the life of its versions: facts, decisions, deployments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.policy import ApprovalOptions
    from boathouse.lifecycle.state import ModelState, VersionState
    from boathouse.lineage.facts import VersionFacts
    from boathouse.lineage.findings import Finding


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
    life: VersionState | None
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
    life: ModelState
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


MODEL_VERSIONS = TableContract(
    name="audit.model_versions",
    description="Every version of every model that was reported on: origin, gates, approvals, state, findings.",
    grain="One row per model and version.",
    columns=(
        Column(name="model_name", dtype="string", description="Registered name."),
        Column(name="model_version", dtype="string", description="Version."),
        Column(name="stage", dtype="string", description="Stage as the ledger has it."),
        Column(name="aliases", dtype="array<string>", description="Aliases as the registry has them."),
        Column(
            name="registered_at",
            dtype="timestamp",
            description="When it was registered, UTC; null: unknown.",
            nullable=True,
        ),
        Column(name="trained_by", dtype="string", description="Who trained it; null: not recorded.", nullable=True),
        Column(name="run_id", dtype="string", description="MLflow run; null: not recorded.", nullable=True),
        Column(name="git_commit", dtype="string", description="Commit; null: not recorded.", nullable=True),
        Column(
            name="git_dirty",
            dtype="string",
            description="Whether files differed from it; null: not recorded.",
            nullable=True,
        ),
        Column(
            name="python_version",
            dtype="string",
            description="Python it was trained with; null: not recorded.",
            nullable=True,
        ),
        Column(
            name="engine", dtype="string", description="Engine with its version; null: not recorded.", nullable=True
        ),
        Column(
            name="lock_digest",
            dtype="string",
            description="SHA-256 of the lock file; null: not recorded.",
            nullable=True,
        ),
        Column(
            name="model_digest", dtype="string", description="SHA-256 of its files; null: not recorded.", nullable=True
        ),
        Column(
            name="training_window",
            dtype="string",
            description="First and last date; null: not recorded.",
            nullable=True,
        ),
        Column(name="tables", dtype="array<string>", description="Tables it was made from, as table@version."),
        Column(name="feature_views", dtype="array<string>", description="Views it looks up, as view@version=digest."),
        Column(
            name="copied_from",
            dtype="string",
            description="Model and version it is a copy of; null: none.",
            nullable=True,
        ),
        Column(
            name="gate_outcome",
            dtype="string",
            description="promoted, kept or rejected; null: not judged.",
            nullable=True,
        ),
        Column(name="gates_not_passed", dtype="array<string>", description="Names of the gates that it did not pass."),
        Column(name="gates", dtype="string", description="Every gate with its numbers, as JSON."),
        Column(name="approved_by", dtype="string", description="Who approved its step; null: nobody.", nullable=True),
        Column(
            name="endpoints", dtype="array<string>", description="Endpoints that ever served it by number or alias."
        ),
        Column(name="findings", dtype="array<string>", description="Open findings, as severity: kind: message."),
    ),
    keys=("model_name", "model_version"),
    time_column="registered_at",
)


def version_rows(model: GovernedModel, findings: Sequence[Finding]) -> list[tuple[Any, ...]]:
    """Return the rows of ``audit.model_versions``, in the order of its columns."""
    return [_row(model, each, findings) for each in model.versions]


def _row(model: GovernedModel, each: GovernedVersion, findings: Sequence[Finding]) -> tuple[Any, ...]:
    return (model.name, each.version, *_state(model, each), *_origin(each), *_decisions(model, each, findings))


def _state(model: GovernedModel, each: GovernedVersion) -> tuple[Any, ...]:
    life, facts = each.life, each.facts
    aliases = sorted(alias for alias, version in model.aliases.items() if version == each.version)
    registered = life.registered_at if life else facts.registered_at if facts else None
    return each.stage, aliases, registered, life.trained_by if life else facts.run.run_by if facts else None


def _origin(each: GovernedVersion) -> tuple[Any, ...]:
    facts = each.facts
    if facts is None:
        return (*(None,) * 8, [], [], each.life.source if each.life else None)
    found = facts.runtime_environment
    return (
        facts.run.run_id,
        facts.code.commit,
        facts.code.dirty,
        found.python,
        f"{found.engine} {found.engine_version}" if found.engine else None,
        found.lock_digest,
        facts.model_digest,
        facts.training_window,
        [each.table if each.version is None else f"{each.table}@{each.version}" for each in facts.tables],
        [f"{view.name}@{view.version}={view.digest}" for view in facts.features],
        facts.source or None,
    )


def _decisions(model: GovernedModel, each: GovernedVersion, findings: Sequence[Finding]) -> tuple[Any, ...]:
    check = each.life.check if each.life else None
    return (
        check.outcome if check else None,
        [str(gate.get("name")) for gate in each.gates if not gate.get("passed")],
        json.dumps([dict(gate) for gate in each.gates], sort_keys=True),
        (each.life.approved_by if each.life else None) or None,
        _endpoints(model, each),
        [f"{one.severity}: {one.kind}: {one.message}" for one in findings if one.version in {"", each.version}],
    )


def _endpoints(model: GovernedModel, each: GovernedVersion) -> list[str]:
    """Return the endpoints that name the version, or an alias that the version has now."""
    names = {each.version, *(alias for alias, version in model.aliases.items() if version == each.version)}
    return sorted({record.subject for record in model.deployments if names & set(served_by(record, model.name))})
