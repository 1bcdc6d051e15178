"""Ledger and registry in line: new versions go on record, the registry shows what the record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.registry import plan_changes
from boathouse.lifecycle.state import project_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.registry import Change, ModelRegistry, RegisteredVersion, RegistryState
    from boathouse.lifecycle.state import ModelState


def reconcile(life: ModelState, registry: ModelRegistry) -> list[Change]:
    """Bring aliases, tags and descriptions in line with ``life`` and return what was changed.

    Steps may be cut off anywhere: the next call plans what is left from what it finds.

    Raises:
        ModelError: If the registry does not answer; what was changed by then stays.
    """
    changes = plan_changes(life, registry.read())
    for change in changes:
        registry.apply(change)
    return changes


def sync_registry(ledger: AuditLedger, registry: ModelRegistry) -> ModelState:
    """Return the state, once the registry shows it.

    Others may record a step meanwhile, and show it before the last of our changes, which would then be out of
    date. So the ledger is read again after them: whoever changes the registry last has looked at it since.

    Raises:
        ModelError: If the registry does not answer.
    """
    life = project_events(ledger.read(registry.name), name=registry.name)
    while True:
        reconcile(life, registry)
        shown, life = life, project_events(ledger.read(registry.name), name=registry.name)
        if life.records == shown.records:
            return life


def note_registrations(
    ledger: AuditLedger, name: str, state: RegistryState, *, clock: Callable[[], datetime]
) -> list[AuditRecord]:
    """Return the records of the model ``name`` once all versions that the registry has are on record.

    A training run records its version itself; this finds those of a run that was killed in between, and of
    others who registered past it.
    """
    records = ledger.read(name)
    known = {record.version for record in records}
    unknown = [each for each in state.versions.values() if each.version not in known]
    if not unknown:
        return records
    ledger.append([registration_event(name, each, now=clock()) for each in unknown])
    return ledger.read(name)


def registration_event(name: str, found: RegisteredVersion, *, now: datetime) -> AuditEvent:
    """Return the event of a version's registration; the same for the same version, whoever notes it."""
    trained_by = found.tags.get("trained_by") or found.created_by or "unknown"
    evidence = {
        "trained_by": trained_by,
        "released_code": found.tags.get("released_code"),
        "git_commit": found.tags.get("git_commit"),
        "algorithm": found.tags.get("algorithm"),
    }
    return AuditEvent(
        event_id=f"registered/{name}/{found.version}/{found.digest}",
        kind=event_types.REGISTERED,
        subject=name,
        version=found.version,
        digest=found.digest,
        actor=trained_by,
        occurred_at=now,
        comment="",
        evidence=evidence,
    )
