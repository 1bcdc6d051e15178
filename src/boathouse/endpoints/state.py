"""The state of an endpoint: its newest recorded configuration, else the document in conf."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.errors import RolloutError

if TYPE_CHECKING:
    from boathouse.lifecycle.chain import AuditRecord


CREATED = "created"
UPDATED = "updated"
STARTED = "started"
PROMOTED = "promoted"
ROLLED_BACK = "rolled_back"
STEP = "step"
PAUSED = "paused"
STOPPED = "stopped"
# Which way of serving was advised; the only kind without a configuration.
ADVISED = "advised"

# Each but the last brings a configuration in its evidence, under "config".
KINDS = (CREATED, UPDATED, STARTED, PROMOTED, ROLLED_BACK, STEP, PAUSED, STOPPED, ADVISED)


Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """What an endpoint serves, and since when.

    Attributes:
        name: Name of the endpoint.
        document: Its configuration.
        sequence: Place of the record that brought it into force; 0: the document in conf, nothing recorded.
        kind: Kind of that record; ``conf`` without one.
        undo: Place of the record to whose configuration a rollback returns; 0: the document in conf; None:
            there is nothing to return to.
        actor: Who changed it; empty without a record.
        changed_at: When, UTC; None without a record.
        comment: Why.
        evidence: What the record rests on, its configuration included.
    """

    name: str
    document: Document
    sequence: int = 0
    kind: str = "conf"
    undo: int | None = None
    actor: str = ""
    changed_at: datetime | None = None
    comment: str = ""
    evidence: Mapping[str, Any] | None = None

    @property
    def config(self) -> EndpointConfig:
        """The configuration, checked.

        Raises:
            EndpointError: If it cannot be served.
        """
        return EndpointConfig.from_document(self.name, self.document)


def find_state(name: str, records: Sequence[AuditRecord], document: Document | None) -> EndpointState:
    """Return the newest recorded configuration of ``name``, else ``document``.

    Raises:
        RolloutError: If there is neither.
    """
    for record in reversed(records):
        state = _read_record(name, record)
        if state is not None:
            return state
    if document is None:
        raise RolloutError.unknown(name)
    return EndpointState(name=name, document=document)


def _read_record(name: str, record: AuditRecord) -> EndpointState | None:
    if record.subject != name:
        return None
    evidence = record.read_evidence()
    if "config" not in evidence:
        return None
    return EndpointState(
        name=name,
        document=evidence["config"],
        sequence=record.sequence,
        kind=record.kind,
        undo=evidence.get("undo"),
        actor=record.actor,
        changed_at=record.occurred_at,
        comment=record.comment,
        evidence=evidence,
    )


def find_experiment(
    name: str, records: Sequence[AuditRecord], document: Document | None
) -> tuple[EndpointState, datetime | None]:
    """Return the newest A/B test of ``name``, and when it ended, or None if it goes on.

    Raises:
        RolloutError: If there was none.
    """
    ended = None
    for record in reversed(records):
        state = _read_record(name, record)
        if state is not None and state.config.split.kind == "ab":
            return state, ended
        ended = ended if state is None else state.changed_at
    if document is not None:
        state = EndpointState(name=name, document=document)
        if state.config.split.kind == "ab":
            return state, ended
    raise RolloutError.no_experiment(name)


def find_undo(state: EndpointState, records: Sequence[AuditRecord], document: Document | None) -> EndpointState:
    """Return the state to which a rollback of ``state`` returns: the one before its change, or before its rollout.

    Raises:
        RolloutError: If nothing was changed, or nothing was there before.
    """
    if state.undo is None:
        raise RolloutError.nothing_to_undo(state.name)
    older = [record for record in records if record.sequence <= state.undo]
    if state.undo == 0:
        older = []
    return find_state(state.name, older, document)


def choose_undo(state: EndpointState, kind: str) -> int | None:
    """Return to which record a rollback will return after a change of ``kind`` from ``state``.

    The steps of one rollout count as one change: a rollback leaves it altogether.
    """
    return state.undo if kind in {PAUSED, STEP} else state.sequence


def require_unchanged(state: EndpointState, records: Sequence[AuditRecord]) -> None:
    """Check that nobody has changed the endpoint since ``state`` was read.

    Raises:
        RolloutError: Naming who did what, when.
    """
    newer = [
        record
        for record in records
        if record.subject == state.name and record.sequence > state.sequence and "config" in json.loads(record.evidence)
    ]
    if newer:
        last = newer[-1]
        raise RolloutError.changed_meanwhile(state.name, last.sequence, last.kind, last.actor, last.occurred_at)
