"""A version copied into another environment, once however often it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boathouse.core.audit import AuditEvent
from boathouse.core.errors import LifeCycleError
from boathouse.core.promotion import kinds, rules
from boathouse.core.promotion.fold import fold
from boathouse.governance.ledger import PROMOTIONS, open_ledger
from boathouse.governance.registry import ModelRegistry

if TYPE_CHECKING:
    from boathouse.core.promotion.life import ModelLife
    from boathouse.environment import Environment
    from boathouse.governance.life_cycle import LifeCycle


def copy_version(
    source: Environment, name: str, version: str, target: LifeCycle, *, comment: str
) -> tuple[ModelLife, str]:
    """Copy ``version`` of the model ``name`` into ``target``; return its state there and the new version.

    A copy is known by the digest of its files: killed after the copy was made and before it was recorded, the
    next call finds it. Of two at once one is recorded, and the other removes what it made.

    Raises:
        LifeCycleError: If the person may not, the version is unknown or withdrawn, or its files changed.
    """
    target.allow("copy", version)
    life = fold(open_ledger(source.table(PROMOTIONS)).read(name), name=name)
    digest = target.judge("copy", version, lambda: _check_source(life, version, ModelRegistry(name)))
    event_id = f"copied/{target.name}/{digest}"
    recorded = {record.event_id: record for record in target.ledger.read(target.name)}
    made = None
    if event_id not in recorded:
        made = _find_copy(target, str(digest)) or target.registry.copy_from(name, version)
    check = life.versions[version].check
    event = AuditEvent(
        event_id=event_id,
        kind=kinds.COPIED,
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


def _check_source(life: ModelLife, version: str, registry: ModelRegistry) -> str:
    """Return the digest of the version that may be copied."""
    found = rules.find_version(life, version)
    if found.stage == kinds.WITHDRAWN:
        raise LifeCycleError.withdrawn(version, found.reason)
    digest = registry.compute_digest(version)
    rules.check_digest(found, digest)
    return digest


def _find_copy(target: LifeCycle, digest: str) -> str | None:
    """Return the version of a copy that was made and not recorded."""
    found = [each.version for each in target.registry.read().versions.values() if each.digest == digest]
    return min(found, key=int, default=None)
