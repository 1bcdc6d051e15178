"""The states of endpoints: the newest configuration in the ledger ``audit.deployments``, else the document in conf."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.endpoints.rollouts import end_experiment
from boathouse.errors import RolloutError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import DEPLOYMENTS, open_ledger
from boathouse.lifecycle.policy import Actor, identify_actor

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.tables.location import TableLocation

# Event types of the ledger. Each brings a configuration in its evidence, under "config", but the last two: which way of
# serving was advised, and in which runtime environment a worker has loaded a version.
UPDATED, STARTED, PROMOTED, ROLLED_BACK = "updated", "started", "promoted", "rolled_back"
STEP, PAUSED = "step", "paused"
ADVISED, SERVED = "advised", "served"

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


class EndpointStates:
    """The endpoints of one environment."""

    def __init__(self, location: TableLocation, documents: Mapping[str, Document]) -> None:
        """Keep both; nothing is read yet.

        Args:
            location: Location of ``<env>.audit.deployments``.
            documents: The documents of endpoints in conf, by name.
        """
        self._location, self._documents = location, documents
        self._ledger = open_ledger(location)
        self._seen: int | None = None
        self._records: list[AuditRecord] = []

    @classmethod
    def of(cls, environment: Environment) -> EndpointStates:
        """Return the endpoints of ``environment``: its table of deployments, and their documents in conf."""
        return cls(environment.table(DEPLOYMENTS), environment.endpoints)

    def records(self) -> list[AuditRecord]:
        """Return all records; the table is read only if its version has moved, which costs about a millisecond."""
        newest = self._location.newest_version()
        if newest != self._seen:
            self._records, self._seen = self._ledger.read(), newest
        return self._records

    def document(self, name: str) -> Mapping[str, Any]:
        """Return the document of ``name`` in conf; empty if there is none."""
        return self._documents.get(name, {})

    def names(self) -> list[str]:
        """Return the endpoints that conf or the ledger knows."""
        return sorted(
            {*self._documents, *(each.subject for each in self.records() if each.kind not in {ADVISED, SERVED})}
        )

    def read(self, name: str) -> EndpointState:
        """Return the state of ``name`` now.

        Raises:
            RolloutError: If there is no such endpoint.
        """
        return find_state(name, self.records(), self._documents.get(name))

    def read_all(self) -> dict[str, EndpointState]:
        """Return the states of all endpoints by name."""
        return {name: self.read(name) for name in self.names()}

    def configurations(self, *, experiments: bool = True) -> dict[str, EndpointConfig]:
        """Return the configuration of every endpoint: the newest recorded one, else the one in conf.

        Args:
            experiments: Whether A/B tests are run; if not, the control gets everything where one is configured.

        Raises:
            EndpointError: If one cannot be served.
        """
        configs = {name: self.read(name).config for name in self.names()}
        return configs if experiments else {name: end_experiment(config) for name, config in configs.items()}

    def find_experiment(self, name: str) -> tuple[EndpointState, datetime | None]:
        """Return the newest A/B test of ``name``, and when it ended, or None if it goes on.

        Raises:
            RolloutError: If there was none.
        """
        ended, document = None, self._documents.get(name)
        for record in reversed(self.records()):
            state = _read_record(name, record)
            if state is not None and state.config.split.kind == "ab":
                return state, ended
            ended = ended if state is None else state.changed_at
        if document is not None:
            state = EndpointState(name=name, document=document)
            if state.config.split.kind == "ab":
                return state, ended
        raise RolloutError(
            f"Endpoint '{name}' never had an A/B test. Start one with `boathouse endpoints update {name} --split ab "
            "--salt NAME --route champion=50 --route challenger=50`."
        )

    def change(
        self,
        state: EndpointState,
        config: EndpointConfig,
        *,
        kind: str,
        actor: Actor,
        comment: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> EndpointState:
        """Record that ``config`` is in force from now on, if the endpoint is still as in ``state``.

        Raises:
            RolloutError: If somebody changed it meanwhile, or nothing would change.
        """
        document = config.to_document()
        is_step = kind in {PAUSED, STEP}
        if not is_step and document == state.config.to_document():
            raise RolloutError(f"Endpoint '{state.name}' has this configuration already: nothing was recorded.")
        # The steps of one rollout count as one change: a rollback leaves it altogether.
        undo = state.undo if is_step else state.sequence
        return self._record(state, {**(evidence or {}), "config": document, "undo": undo}, kind, actor, comment)

    def roll_back(
        self,
        name: str,
        *,
        actor: Actor,
        comment: str = "",
        evidence: Mapping[str, Any] | None = None,
        seen: EndpointState | None = None,
    ) -> EndpointState:
        """Return to the configuration before the newest change, or before the rollout under way.

        Again, it goes one change further back.

        Args:
            name: Name of the endpoint.
            actor: Who wants it.
            comment: Why.
            evidence: What the decision rests on.
            seen: The state that the decision is about, if it was read before; default: as it is now.

        Raises:
            RolloutError: If there is nothing to return to, or somebody changed the endpoint meanwhile.
        """
        state = seen or self.read(name)
        target = find_undo(state, self.records(), self._documents.get(name))
        content = {
            **(evidence or {}),
            "config": target.config.to_document(),
            "undo": target.undo,
            "from": state.sequence,
            "to": target.sequence,
        }
        return self._record(state, content, ROLLED_BACK, actor, comment)

    def _record(
        self, state: EndpointState, evidence: Mapping[str, Any], kind: str, actor: Actor, comment: str
    ) -> EndpointState:
        who = identify_actor(actor)
        event = AuditEvent(
            event_id=uuid.uuid4().hex,
            kind=kind,
            subject=state.name,
            actor=who.name,
            assurance=who.assurance,
            occurred_at=datetime.now(UTC),
            comment=comment,
            evidence={**evidence, **({"account": who.account} if who.account else {})},
        )
        self._ledger.append([event], check=lambda records: require_unchanged(state, records))
        return self.read(state.name)


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
        raise RolloutError(
            f"There is no endpoint '{name}': not in conf/base/serving/endpoints.yml, not in {DEPLOYMENTS}. "
            "`boathouse endpoints list` shows those there are."
        )
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


def find_undo(state: EndpointState, records: Sequence[AuditRecord], document: Document | None) -> EndpointState:
    """Return the state to which a rollback of ``state`` returns: the one before its change, or before its rollout.

    Raises:
        RolloutError: If nothing was changed, or nothing was there before.
    """
    if state.undo is None:
        raise RolloutError(f"Endpoint '{state.name}' serves what conf says: there is nothing to roll back to.")
    older = [record for record in records if record.sequence <= state.undo]
    return find_state(state.name, older, document)


def require_unchanged(state: EndpointState, records: Sequence[AuditRecord]) -> None:
    """Check that the endpoint was not changed since ``state`` was read.

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
        raise RolloutError(
            f"Endpoint '{state.name}' was changed meanwhile: record {last.sequence} ({last.kind}) by {last.actor} at "
            f"{last.occurred_at:%Y-%m-%d %H:%M:%S} UTC. Nothing of yours was applied. Look at it with "
            f"`boathouse endpoints show {state.name}`, then decide again."
        )
