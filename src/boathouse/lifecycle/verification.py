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
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.state import ALIASES
from boathouse.lifecycle.webhooks import find_lost_messages
from boathouse.registry.model_tags import read_model_entry

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord, Break
    from boathouse.lifecycle.ledger import AuditLedger

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
    ledgers = {name: open_audited(environment, name, anchors) for name in LEDGERS}
    found = [_verify(name, ledger, environment, head=head) for name, ledger in ledgers.items()]
    promotions = ledgers[PROMOTIONS].read(warn=False)
    alarms = [*find_lost_evidence(promotions, ledgers[EVIDENCE].read(warn=False))]
    if WEBHOOK in anchors:
        alarms += find_lost_messages(promotions, ledgers[DELIVERIES].read(warn=False))
    if REGISTRY in anchors:
        alarms += _compare_aliases(environment, promotions)
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
        table=f"{environment.name}.{name}",
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


def _compare_aliases(environment: Environment, promotions: Sequence[AuditRecord]) -> list[str]:
    """Return where the registry has another version at an alias than the ledger decided, in words."""
    told = []
    models, uri = find_registry(environment)
    for name in models:
        entry = read_model_entry(name, uri=uri)
        decided = project_events(promotions, name=name).aliases
        shown = {} if entry is None else entry.aliases
        told += [
            f"alias {alias} of {name} is {_say(shown.get(alias))} in the registry and {_say(decided.get(alias))} by "
            f"the ledger. Once it is known who moved it: boathouse models sync --env {environment.name}"
            for alias in ALIASES
            if shown.get(alias) != decided.get(alias)
        ]
    return told


def _say(version: str | None) -> str:
    return "not set" if version is None else f"version {version}"


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
        logger.warning("The audit tables could not be verified (%s): boathouse audit verify", type(error).__name__)
        return
    for each in wrong:
        problems = [*(f"record {one.sequence}: {one.problem}" for one in each.breaks), *each.alarms]
        logger.error("%s: %s. See: boathouse audit verify --env %s", each.table, problems[0], environment.name)
