"""The states of endpoints in the ledger ``audit.deployments``: read often and cheaply, changed one at a time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.endpoints.rollouts import end_experiment
from boathouse.endpoints.state import (
    ADVISED,
    PAUSED,
    ROLLED_BACK,
    STEP,
    EndpointState,
    choose_undo,
    find_state,
    find_undo,
    require_unchanged,
)
from boathouse.errors import RolloutError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.tables.location import TableLocation

DEPLOYMENTS = "audit.deployments"
Documents = Mapping[str, Mapping[str, Any]]


class EndpointStates:
    """The endpoints of one environment."""

    def __init__(self, place: TableLocation, documents: Documents) -> None:
        """Remember where.

        Args:
            place: Of ``<env>.audit.deployments``.
            documents: What conf says of each endpoint, by name.
        """
        self._place, self._documents = place, documents
        self._ledger = open_ledger(place)
        self._seen: int | None = None
        self._records: list[AuditRecord] = []

    @classmethod
    def of(cls, environment: Environment) -> EndpointStates:
        """Return the endpoints of ``environment``: its table of deployments, and what conf says of each."""
        return cls(environment.table(DEPLOYMENTS), environment.endpoints)

    def records(self) -> list[AuditRecord]:
        """Return all records; the table is read only if its version has moved, which costs about a millisecond."""
        newest = self._place.newest_version()
        if newest != self._seen:
            self._records, self._seen = self._ledger.read(), newest
        return self._records

    def document(self, name: str) -> Mapping[str, Any]:
        """Return what conf says of ``name``; nothing if it is not there."""
        return self._documents.get(name, {})

    def names(self) -> list[str]:
        """Return the endpoints that conf or the ledger knows."""
        return sorted({*self._documents, *(each.subject for each in self.records() if each.kind != ADVISED)})

    def read(self, name: str) -> EndpointState:
        """Return the state of ``name`` now.

        Raises:
            RolloutError: If there is no such endpoint.
        """
        return find_state(name, self.records(), self._documents.get(name))

    def read_all(self) -> dict[str, EndpointState]:
        """Return the states of all endpoints by name."""
        return {name: self.read(name) for name in self.names()}

    def change(
        self,
        state: EndpointState,
        config: EndpointConfig,
        *,
        kind: str,
        actor: str,
        comment: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> EndpointState:
        """Record that ``config`` is in force from now on, if the endpoint is still as in ``state``.

        Raises:
            RolloutError: If somebody changed it meanwhile, or nothing would change.
        """
        document = config.to_document()
        if kind not in {PAUSED, STEP} and document == state.config.to_document():
            raise RolloutError.nothing_changes(state.name)
        undo = choose_undo(state, kind)
        return self._record(state, {**(evidence or {}), "config": document, "undo": undo}, kind, actor, comment)

    def roll_back(
        self,
        name: str,
        *,
        actor: str,
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
        self, state: EndpointState, evidence: Mapping[str, Any], kind: str, actor: str, comment: str
    ) -> EndpointState:
        event = AuditEvent(
            event_id=uuid.uuid4().hex,
            kind=kind,
            subject=state.name,
            actor=actor,
            occurred_at=datetime.now(UTC),
            comment=comment,
            evidence=evidence,
        )

        def check(records: Sequence[AuditRecord]) -> None:
            require_unchanged(state, records)

        self._ledger.append([event], check=check)
        return self.read(state.name)


def read_configuration(
    place: TableLocation, documents: Documents, *, experiments: bool = True
) -> dict[str, EndpointConfig]:
    """Return the configuration of every endpoint: the newest recorded one, else the one in conf.

    A server that asks again and again keeps an :class:`EndpointStates`, which reads the table only when
    its version has moved.

    Args:
        place: Of ``<env>.audit.deployments``.
        documents: What conf says of each endpoint, by name.
        experiments: Whether A/B tests are run; if not, the control gets everything where one is configured.

    Raises:
        EndpointError: If one cannot be served.
    """
    return choose_configurations(EndpointStates(place, documents), experiments=experiments)


def choose_configurations(states: EndpointStates, *, experiments: bool = True) -> dict[str, EndpointConfig]:
    """Return what :func:`read_configuration` does, of states that are kept."""
    found = {name: state.config for name, state in states.read_all().items()}
    return found if experiments else {name: end_experiment(config) for name, config in found.items()}
