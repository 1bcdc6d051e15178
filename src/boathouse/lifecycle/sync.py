"""Ledger and registry in sync: new versions are recorded, the registry shows the recorded state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.registry import MANAGED_TAGS, plan_changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.registry import Change, ModelRegistry, ModelVersionEntry, RegistryState
    from boathouse.lifecycle.state import ModelState


# Tags that change with a version's life; the others are facts of its registration.
_LATER_TAGS = frozenset({*MANAGED_TAGS, "approval"})


def reconcile(state: ModelState, registry: ModelRegistry) -> list[Change]:
    """Set aliases, tags and descriptions to ``state`` and return what was changed.

    Steps may be cut off anywhere: the next call plans what is left from what it finds.

    Raises:
        ModelError: If the registry does not answer; what was changed by then stays.
    """
    changes = plan_changes(state, registry.read())
    for change in changes:
        registry.apply(change)
    return changes


def sync_registry(ledger: AuditLedger, registry: ModelRegistry) -> ModelState:
    """Return the state, once the registry shows it.

    Others may record a step meanwhile, and show it before the last of our changes, which would then be out of
    date. So the ledger is read again after them: the writer that changes the registry last has read it since.

    Raises:
        ModelError: If the registry does not answer.
    """
    state = project_events(ledger.read(registry.name), name=registry.name)
    while True:
        reconcile(state, registry)
        shown, state = state, project_events(ledger.read(registry.name), name=registry.name)
        if state.records == shown.records:
            return state


def note_registrations(
    ledger: AuditLedger, name: str, registered: RegistryState, *, clock: Callable[[], datetime]
) -> list[AuditRecord]:
    """Return the records of the model ``name`` once all versions that the registry has are on record.

    A training run records its version itself; this finds those of a run that was killed in between, and of
    others who registered without it.
    """
    records = ledger.read(name)
    known = {record.version for record in records}
    unknown = [each for each in registered.versions.values() if each.version not in known]
    if not unknown:
        return records
    ledger.append([registration_event(name, each, now=clock()) for each in unknown])
    return ledger.read(name)


def registration_event(name: str, entry: ModelVersionEntry, *, now: datetime) -> AuditEvent:
    """Return the event of a version's registration; the same for the same version, whichever process notes it."""
    trained_by = entry.tags.get("trained_by") or entry.created_by or "unknown"
    evidence = {
        "trained_by": trained_by,
        "released_code": entry.tags.get("released_code"),
        "git_commit": entry.tags.get("git_commit"),
        "algorithm": entry.tags.get("algorithm"),
        "tags": {key: value for key, value in entry.tags.items() if key not in _LATER_TAGS},
        "description": entry.description,
    }
    return AuditEvent(
        event_id=f"registered/{name}/{entry.version}/{entry.digest}",
        kind=event_types.REGISTERED,
        subject=name,
        version=entry.version,
        digest=entry.digest,
        actor=trained_by,
        occurred_at=now,
        comment="",
        evidence=evidence,
    )
