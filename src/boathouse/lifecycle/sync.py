"""Ledger and registry in sync: new versions are recorded, the registry shows the recorded state.

What somebody changed in the registry past the ledger goes on record before it is set back.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boathouse.errors import UntrustedModelError
from boathouse.lifecycle import event_types
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.comparison import DIGEST, UNRECORDED, Difference, compare_registry, plan_changes
from boathouse.lifecycle.projection import project_events, project_since
from boathouse.lifecycle.registry import MANAGED_TAGS, Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.registry import ModelRegistry, ModelVersionEntry, RegistryState
    from boathouse.lifecycle.state import ModelState

# Who acts where no person does.
UNATTENDED = "boathouse"

# Tags that change with a version's life; the others are facts of its registration.
_LATER_TAGS = frozenset({*MANAGED_TAGS, "approval"})


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What a sync came to.

    Attributes:
        state: State by the ledger, which the registry shows now.
        alarms: What was found changed past the ledger, now on record.
        changes: What was changed in the registry.
    """

    state: ModelState
    alarms: tuple[Difference, ...] = ()
    changes: tuple[Change, ...] = ()


def compare_records(name: str, records: Sequence[AuditRecord], registered: RegistryState) -> list[Difference]:
    """Return where the registry differs from the model's ``records``; see :func:`compare_registry`."""
    return compare_registry(project_since(records, registered.shown, name=name), registered)


def note_alarms(
    ledger: AuditLedger,
    name: str,
    differences: Sequence[Difference],
    *,
    actor: str = UNATTENDED,
    clock: Callable[[], datetime] | None = None,
) -> list[Difference]:
    """Record those of ``differences`` that are alarms, and return them; the same ones are recorded once.

    Set back and made again they are new ones.
    """
    alarms = [each for each in differences if each.is_alarm]
    if alarms:
        set_back = sum(record.kind == event_types.SYNCED for record in ledger.read(name))
        told = [str(each) for each in alarms]
        digest = hashlib.sha256("\n".join(told).encode()).hexdigest()
        evidence = {"differences": told}
        event_id = f"differed/{name}/{set_back}/{digest}"
        event = _model_event(event_types.DIFFERED, name, event_id, " ".join(told), evidence, actor=actor, clock=clock)
        ledger.append([event])
    return alarms


def _model_event(  # noqa: PLR0913 - the fields of an event
    kind: str,
    name: str,
    event_id: str,
    comment: str,
    evidence: Mapping[str, object],
    *,
    actor: str,
    clock: Callable[[], datetime] | None,
) -> AuditEvent:
    now = datetime.now(UTC) if clock is None else clock()
    return AuditEvent(
        event_id=event_id, kind=kind, subject=name, actor=actor, occurred_at=now, comment=comment, evidence=evidence
    )


def sync_registry(ledger: AuditLedger, registry: ModelRegistry) -> ModelState:
    """Return the state, once the registry shows it; see :func:`synchronize`."""
    return synchronize(ledger, registry).state


def synchronize(
    ledger: AuditLedger,
    registry: ModelRegistry,
    *,
    actor: str = UNATTENDED,
    clock: Callable[[], datetime] | None = None,
) -> Synced:
    """Set aliases, tags and pages to what the ledger decided; return the state, once the registry shows it.

    What was changed past the ledger is recorded first, with what will be set back. Steps may be cut off anywhere: the
    next call plans what is left from what it finds. Others may record a step meanwhile, and show it before the last of
    our changes, which would then be out of date. So the ledger is read again after them: the writer that changes the
    registry last has read it since.

    Raises:
        AuditError: If the registry, or an anchor at hand, keeps a head that the ledger lacks: nothing is set back to
            what a ledger says that was cut.
        ModelError: If the registry does not answer; what was changed by then stays.
    """
    name, registered = registry.name, registry.read()
    records = _read_whole(ledger, name, registered)
    alarms = note_alarms(ledger, name, compare_records(name, records, registered), actor=actor, clock=clock)
    if alarms:
        state = project_events(records, name=name)
        told = [str(each) for each in _plan(state, registry, registered, alarms)]
        if told:
            comment, event_id = f"Set back: {'; '.join(told)}.", f"synced/{uuid.uuid4()}"
            evidence = {"changes": told}
            ledger.append(
                [_model_event(event_types.SYNCED, name, event_id, comment, evidence, actor=actor, clock=clock)]
            )
        records = ledger.read(name)
    done: list[Change] = []
    while True:
        done += _reconcile(records, registry, registered, alarms)
        shown, records = records, ledger.read(name)
        if len(records) == len(shown):
            return Synced(state=project_events(records, name=name), alarms=tuple(alarms), changes=tuple(done))
        registered = registry.read()


def _read_whole(ledger: AuditLedger, name: str, registered: RegistryState) -> list[AuditRecord]:
    """Return the model's records; AuditError if the registry, read before, or an anchor knows of more."""
    records, cut = ledger.read_compared(registered.tags)
    if cut:
        raise cut[0]
    return [record for record in records if record.subject == name]


def _reconcile(
    records: Sequence[AuditRecord],
    registry: ModelRegistry,
    registered: RegistryState,
    alarms: Sequence[Difference],
) -> list[Change]:
    """Make the changes after which the registry shows ``records``, note how many these are, and return the changes."""
    states = project_since(records, registered.shown, name=registry.name)
    changes = _plan(states[-1], registry, registered, alarms)
    for change in changes:
        registry.apply(change)
    # Left as it is where nothing that is shown has changed: then no step needs the registry.
    if registered.versions and (changes or states[0].aliases != states[-1].aliases):
        registry.apply(Change("mark", "", "", str(states[-1].records)))
    return changes


def _plan(
    state: ModelState, registry: ModelRegistry, registered: RegistryState, alarms: Sequence[Difference]
) -> list[Change]:
    """Return the changes; a digest is set back if the version's files are those on record, else it stays an alarm."""
    digests = [
        Change("set_tag", each.version, each.key, each.decided)
        for each in alarms
        if each.kind == DIGEST and each.decided is not None
        if registered.versions[each.version].digest != each.decided and _has_files(registry, each)
    ]
    return [*plan_changes(state, registered), *digests]


def _has_files(registry: ModelRegistry, difference: Difference) -> bool:
    try:
        return registry.compute_digest(difference.version) == difference.decided
    except UntrustedModelError:
        return False


def note_registrations(
    ledger: AuditLedger, name: str, registered: RegistryState, *, clock: Callable[[], datetime]
) -> list[AuditRecord]:
    """Return the records of the model ``name`` once all versions that the registry has are on record.

    A training run records its version itself; this finds those of a run that was killed in between, and of
    others who registered without it. A refusal that named a version before there was one is no registration.

    Raises:
        AuditError: If the registry, or an anchor at hand, keeps a head that the ledger lacks: a ledger that was cut
            is not begun again.
    """
    records = _read_whole(ledger, name, registered)
    unknown = [each for each in compare_records(name, records, registered) if each.kind == UNRECORDED]
    if not unknown:
        return records
    entries = [registered.versions[each.version] for each in unknown]
    events = [registration_event(name, each, now=clock()) for each in entries]
    ledger.append([*creation_events(records, events[0]), *events])
    return ledger.read(name)


def creation_events(records: Iterable[AuditRecord], first: AuditEvent) -> list[AuditEvent]:
    """Return the event that a model came to be with its version of ``first``; none if it had versions before."""
    versions = {event_types.CREATED, event_types.REGISTERED, event_types.COPIED}
    if any(record.kind in versions for record in records):
        return []
    comment = f"Its first version here is {first.version}."
    made = replace(first, event_id=f"created/{first.subject}", kind=event_types.CREATED, version=None, digest=None)
    return [replace(made, comment=comment, evidence={})]


def registration_event(name: str, entry: ModelVersionEntry, *, now: datetime) -> AuditEvent:
    """Return the event of a version's registration; the same for the same version, whichever process notes it."""
    trained_by = entry.tags.get("trained_by") or entry.created_by or "unknown"
    evidence = {
        "trained_by": trained_by,
        "released_code": entry.tags.get("released_code"),
        "git_sha": entry.tags.get("git_sha"),
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
