"""A version copied into another environment, once however often it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.errors import LifeCycleError
from boathouse.lifecycle import event_types, rules
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
from boathouse.lifecycle.policy import Identity
from boathouse.lifecycle.registry import ModelRegistry
from boathouse.lifecycle.state import project_events

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.state import ModelState
    from boathouse.lifecycle.steps import LifeCycle


def copy_version(
    source: Environment, name: str, version: str, target: LifeCycle, *, comment: str
) -> tuple[ModelState, str]:
    """Copy ``version`` of the model ``name`` into ``target``; return its state there and the new version.

    A copy is known by the digest of its files: killed after the copy was made and before it was recorded, the
    next call finds it. Of two at once one is recorded, and the other removes what it made.

    Raises:
        LifeCycleError: If the person may not, the version is unknown or withdrawn, or its files changed.
    """
    target.allow("copy", version)
    life = project_events(open_ledger(source.table(PROMOTIONS)).read(name), name=name)
    digest = target.judge("copy", version, lambda: _check_source(life, version, ModelRegistry(name)))
    event_id = f"copied/{target.name}/{digest}"
    recorded = {record.event_id: record for record in target.ledger.read(target.name)}
    made = None
    if event_id not in recorded:
        made = _find_copy(target, str(digest)) or target.registry.copy_from(name, version)
    check = life.versions[version].check
    event = AuditEvent(
        event_id=event_id,
        kind=event_types.COPIED,
        subject=target.name,
        version=made,
        digest=digest,
        actor=target.identity.name,
        occurred_at=target.clock(),
        comment=comment,
        evidence={
            "source": name,
            "source_version": version,
            "trained_by": life.versions[version].trained_by,
            "checked": check.outcome if check else None,
            "identity": target.identity.source,
        },
    )
    (record,) = target.ledger.append([event])
    if made is not None and record.version != made:
        target.registry.delete(made)
    return target.mend(), str(record.version)


def _check_source(life: ModelState, version: str, registry: ModelRegistry) -> str:
    """Return the digest of the version that may be copied."""
    found = rules.find_version(life, version)
    if found.stage == event_types.WITHDRAWN:
        raise LifeCycleError.withdrawn(version, found.reason)
    digest = registry.compute_digest(version)
    rules.check_digest(found, digest)
    return digest


def _find_copy(target: LifeCycle, digest: str) -> str | None:
    """Return the version of a copy that was made and not recorded."""
    found = [each.version for each in target.registry.read().versions.values() if each.digest == digest]
    return min(found, key=int, default=None)


# What the platform's button writes.
_APPROVED = "approved"


def take_approval(cycle: LifeCycle, version: str, *, tag: str) -> ModelState:
    """Return the state once ``version`` is approved, by command or by ``tag``, which then goes on record.

    The record names the tag as who approved: the platform lets only those set it who may tag the model, and
    keeps in its own audit log who that was. An approval by tag is a request as well, where nobody made one.

    Raises:
        LifeCycleError: If neither is there.
    """
    cycle.allow("approve", version)
    life = cycle.mend()
    found = cycle.judge("approve", version, lambda: rules.find_version(life, version))
    valid, _ = rules.count_approvals(life, found, cycle.clock(), cycle.options.rules)
    if found.stage == event_types.CHAMPION or valid >= max(1, rules.count_needed(found, cycle.options.rules)):
        return life
    value = cycle.registry.read().versions[version].tags.get(tag, "")
    cycle.judge("approve", version, lambda: _check_value(version, tag, value))
    request = life.find_request(version, "production")
    if request is None or request.closed:
        cycle.request(version, to="production", comment=f"Deployment job, task {tag}.")
    return cycle.approve(version, comment=f"Tag {tag} is {value}.", by=Identity(f"tag {tag}", "tag"))


def _check_value(version: str, tag: str, value: str) -> None:
    if value.lower() != _APPROVED:
        raise LifeCycleError.not_tagged(version, tag, value)
