"""The table ``audit.model_versions``: the history of every version that was reported on, for SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from boathouse.tables.contract import Column, TableContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.environment import Environment
    from boathouse.lineage.finding import Finding
    from boathouse.lineage.model_history import ModelHistory, ModelVersionHistory


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
        Column(
            name="approved_by", dtype="string", description="Who approved its step; null: no approval.", nullable=True
        ),
        Column(
            name="endpoints", dtype="array<string>", description="Endpoints that ever served it by number or alias."
        ),
        Column(name="findings", dtype="array<string>", description="Open findings, as severity: kind: message."),
    ),
    keys=("model_name", "model_version"),
    time_column="registered_at",
)


def version_rows(model: ModelHistory, findings: Sequence[Finding]) -> list[tuple[Any, ...]]:
    """Return the rows of ``audit.model_versions``, in the order of its columns."""
    return [_row(model, each, findings) for each in model.versions]


def _row(model: ModelHistory, each: ModelVersionHistory, findings: Sequence[Finding]) -> tuple[Any, ...]:
    return (model.name, each.version, *_state(model, each), *_origin(each), *_decisions(model, each, findings))


def _state(model: ModelHistory, each: ModelVersionHistory) -> tuple[Any, ...]:
    state, facts = each.state, each.facts
    aliases = sorted(alias for alias, version in model.aliases.items() if version == each.version)
    registered = state.registered_at if state else facts.registered_at if facts else None
    return each.stage, aliases, registered, state.trainer if state else facts.run.run_by if facts else None


def _origin(each: ModelVersionHistory) -> tuple[Any, ...]:
    facts = each.facts
    if facts is None:
        return (*(None,) * 8, [], [], each.state.source if each.state else None)
    runtime = facts.runtime_environment
    return (
        facts.run.run_id,
        facts.code.commit,
        facts.code.dirty,
        runtime.python,
        f"{runtime.engine} {runtime.engine_version}" if runtime.engine else None,
        runtime.lock_digest,
        facts.model_digest,
        facts.training_window,
        [each.table if each.version is None else f"{each.table}@{each.version}" for each in facts.tables],
        [f"{view.name}@{view.version}={view.digest}" for view in facts.features],
        facts.source or None,
    )


def _decisions(model: ModelHistory, each: ModelVersionHistory, findings: Sequence[Finding]) -> tuple[Any, ...]:
    check = each.state.check if each.state else None
    return (
        check.outcome if check else None,
        [str(gate.get("name")) for gate in each.gates if not gate.get("passed")],
        json.dumps([dict(gate) for gate in each.gates], sort_keys=True),
        (each.state.approved_by if each.state else None) or None,
        _endpoints(model, each),
        [f"{one.severity}: {one.kind}: {one.message}" for one in findings if one.version in {"", each.version}],
    )


def _endpoints(model: ModelHistory, each: ModelVersionHistory) -> list[str]:
    """Return the endpoints that name the version, or an alias that the version has now."""
    from boathouse.lineage.model_history import served_by

    names = {each.version, *(alias for alias, version in model.aliases.items() if version == each.version)}
    return sorted({record.subject for record in model.deployments if names & set(served_by(record, model.name))})


def publish_versions(model: ModelHistory, findings: Sequence[Finding], environment: Environment) -> int:
    """Write the model's rows of ``audit.model_versions``; return the table's version.

    The rows of other models stay, and rows that are there already make no new version.
    """
    from boathouse.lineage.model_history import choose_own_environment
    from boathouse.tables.dataset import DeltaTableDataset

    location = choose_own_environment(environment, model.name).table(MODEL_VERSIONS.name)
    table = DeltaTableDataset(
        table=location.table,
        lakehouse=environment.lakehouse,
        contract=MODEL_VERSIONS,
        mode="replace_where",
        replace_columns=["model_name"],
    )
    table.save(location.session().createDataFrame(version_rows(model, findings), MODEL_VERSIONS.ddl))
    return int(table.last_written.version or 0) if table.last_written else 0
