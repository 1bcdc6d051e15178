"""Verification of an environment's audit tables: each chain, its anchors, and what one table says of another."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from boathouse.errors import BoathouseError
from boathouse.lifecycle.anchors import choose_anchors
from boathouse.lifecycle.audit_options import REGISTRY, WEBHOOK
from boathouse.lifecycle.ledger import DELIVERIES, EVIDENCE, LEDGERS, PROMOTIONS, open_ledger
from boathouse.lifecycle.registry_reader import read_registry
from boathouse.lifecycle.sync import compare_records
from boathouse.lifecycle.webhooks import find_lost_messages

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord, Break
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.registry import RegistryState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VerifiedTable:
    """One audit table, verified.

    Attributes:
        table: Full name.
        records: How many there are.
        last_hash: Hash of the last one; None without any.
        breaks: Where the chain does not hold.
        alarms: Where an anchor, another audit table or the registry contradicts it, in words.
        behind: By how many records an anchor was behind a valid chain, by its name; no fault.
    """

    table: str
    records: int
    last_hash: str | None
    breaks: tuple[Break, ...] = ()
    alarms: tuple[str, ...] = ()
    behind: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts it."""
        return not self.breaks and not self.alarms


def verify_trail(environment: Environment, anchors: Sequence[str], *, head: str | None = None) -> list[VerifiedTable]:
    """Return every audit table of ``environment``, verified; anchors that are behind a chain that holds catch up.

    Args:
        environment: Whose tables.
        anchors: Names of the anchors in force, as ``governance.audit.anchors`` has them.
        head: A hash of the promotions that was kept elsewhere.

    Raises:
        ModelError: If the registry is an anchor and does not answer.
    """
    # Before the ledger: then no step reached the registry that the ledger, read later, does not have.
    models = find_registry(environment)[0] if REGISTRY in anchors else ()
    registered = {name: read_registry(environment, name) for name in models}
    ledgers = {name: open_audited(environment, name, anchors) for name in LEDGERS}
    found = [_verify(name, ledger, environment, head=head) for name, ledger in ledgers.items()]
    promotions = ledgers[PROMOTIONS].read(warn=False)
    alarms = [*find_lost_evidence(promotions, ledgers[EVIDENCE].read(warn=False))]
    if WEBHOOK in anchors:
        alarms += find_lost_messages(promotions, ledgers[DELIVERIES].read(warn=False))
    alarms += _compare_registry(environment, promotions, registered)
    found[0] = replace(found[0], alarms=(*found[0].alarms, *alarms))
    _catch_up(environment, ledgers, found)
    return found


def open_audited(environment: Environment, table: str, anchors: Sequence[str]) -> AuditLedger:
    """Return the audit table with its anchors, the registry's of every model that the environment promotes."""
    location = environment.table(table)
    models, uri = find_registry(environment) if REGISTRY in anchors else ((), "")
    return open_ledger(location, choose_anchors(location, anchors, models=models, uri=uri))


def find_registry(environment: Environment) -> tuple[tuple[str, ...], str]:
    """Return the models that the environment promotes and the address of their registry; none without a catalog."""
    try:
        return environment.promoted_models, environment.tracking_uri
    except KeyError:
        return (), ""


def _verify(name: str, ledger: AuditLedger, environment: Environment, *, head: str | None) -> VerifiedTable:
    # The anchors first: what they keep was committed before, so that the table, read later, has it.
    problems, behind = ledger.compare_anchors()
    inspected = ledger.inspect(head=head if name == PROMOTIONS else None)
    return VerifiedTable(
        table=environment.table(name).table,
        records=inspected.records,
        last_hash=inspected.last_hash,
        breaks=tuple(inspected.breaks),
        alarms=tuple(problems),
        behind=behind,
    )


def find_lost_evidence(promotions: Sequence[AuditRecord], evidence: Sequence[AuditRecord]) -> list[str]:
    """Return which decisions name an evaluation that is not on record any more, in words."""
    known = {record.hash for record in evidence}
    named = ((record, record.read_evidence().get("evaluation")) for record in promotions)
    return [
        f"record {record.sequence} was decided from an evaluation that {EVIDENCE} does not hold"
        for record, evaluation in named
        if evaluation and evaluation not in known
    ]


def _compare_registry(
    environment: Environment, promotions: Sequence[AuditRecord], registered: Mapping[str, RegistryState]
) -> list[str]:
    """Return where somebody changed the registry past the ledger, in words; a step that was cut off is none of it."""
    advice = f"Once it is known who did it: boathouse models sync --env {environment.name}"
    return [
        f"{name}: {each} {advice}"
        for name, state in registered.items()
        for each in compare_records(name, promotions, state)
        if each.is_alarm
    ]


def _catch_up(environment: Environment, ledgers: Mapping[str, AuditLedger], found: Sequence[VerifiedTable]) -> None:
    """Bring the anchors of chains that hold up to date; where anything disagrees, everything stays as evidence."""
    behind = [name for name, each in zip(ledgers, found, strict=True) if each.behind and each.holds]
    if any(REGISTRY in each.behind for each in found if each.holds):
        environment.use_mlflow()
    for name in behind:
        ledgers[name].catch_up()


def verify_quietly(environment: Environment, anchors: Sequence[str]) -> None:
    """Verify after a run or a step; what is wrong is logged, and never in the way of what was done."""
    try:
        wrong = [each for each in verify_trail(environment, anchors) if not each.holds]
    except (BoathouseError, OSError) as error:
        kind, name = type(error).__name__, environment.name
        logger.warning("The audit tables could not be verified (%s): boathouse audit verify --env %s", kind, name)
        return
    for each in wrong:
        problems = [*(f"record {one.sequence}: {one.problem}" for one in each.breaks), *each.alarms]
        logger.error("%s: %s. See: boathouse audit verify --env %s", each.table, problems[0], environment.name)
