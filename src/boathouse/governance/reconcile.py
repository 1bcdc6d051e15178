"""Ledger and registry in line: new versions go on record, the registry shows what the record says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.audit import AuditEvent
from boathouse.core.promotion import kinds
from boathouse.core.promotion.registry_state import plan_changes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from boathouse.core.audit import AuditRecord
    from boathouse.core.promotion.life import ModelLife
    from boathouse.core.promotion.registry_state import Change, RegisteredVersion, RegistryState
    from boathouse.governance.ledger import AuditLedger
    from boathouse.governance.registry import ModelRegistry


def reconcile(life: ModelLife, registry: ModelRegistry, *, state: RegistryState | None = None) -> list[Change]:
    """Bring aliases, tags and descriptions in line with ``life`` and return what was changed.

    Steps may be cut off anywhere: the next call plans what is left from what it finds.

    Args:
        life: What the ledger says.
        registry: The model in the registry.
        state: What the registry has, if that was read a moment ago.

    Raises:
        ModelError: If the registry does not answer; what was changed by then stays.
    """
    changes = plan_changes(life, registry.read() if state is None else state)
    for change in changes:
        registry.apply(change)
    return changes


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
        kind=kinds.REGISTERED,
        subject=name,
        version=found.version,
        digest=found.digest,
        actor=trained_by,
        occurred_at=now,
        comment="",
        evidence=evidence,
    )
