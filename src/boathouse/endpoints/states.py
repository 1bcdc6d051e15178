"""The states of endpoints: conf, with what commands changed of it by the newest record of ``audit.deployments``."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boathouse.endpoints.config import EndpointConfig
from boathouse.endpoints.overlay import find_changes
from boathouse.endpoints.rollouts import end_experiment, find_rollout
from boathouse.endpoints.state import Document, EndpointState, find_state, read_record
from boathouse.errors import BoathouseError, RolloutError
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.ledger import DEPLOYMENTS, open_ledger
from boathouse.lifecycle.policy import Actor, identify_actor

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.chain import AuditRecord
    from boathouse.tables.location import TableLocation

# Event types of the ledger. Each brings in its evidence, under "changes", what differs from conf, and the whole
# configuration of that moment under "config", but the last three: which way of serving was advised, in which runtime
# environment a worker has loaded a version, and what was not allowed.
UPDATED, STARTED, PROMOTED, ROLLED_BACK, RESET = "updated", "started", "promoted", "rolled_back", "reset"
STEP, PAUSED = "step", "paused"
ADVISED, SERVED, REFUSED = "advised", "served", "refused"


class ChangedMeanwhileError(RolloutError):
    """Somebody else changed the endpoint first; nothing was recorded."""


class EndpointStates:
    """The endpoints of one environment."""

    def __init__(self, location: TableLocation, documents: Mapping[str, Document]) -> None:
        """Keep both; nothing is read yet.

        Args:
            location: Location of ``<catalog>.audit.deployments``.
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
        """Return all records; the table is read only if its version has moved, which costs about a millisecond.

        Raises:
            AuditError: If a record was changed, removed or moved.
            RolloutError: If the table cannot be read.
        """
        try:
            newest = self._location.newest_version()
            if newest != self._seen:
                self._records, self._seen = self._ledger.read_verified(), newest
        except BoathouseError:
            raise
        except Exception as error:  # the table's library has no base of its errors
            place = self._location
            raise RolloutError.no_records(place.table, type(error).__name__, place.environment) from error
        return self._records

    def document(self, name: str) -> Document:
        """Return the document of ``name`` in conf; empty if there is none."""
        return self._documents.get(name, {})

    def names(self) -> list[str]:
        """Return the endpoints that conf or the ledger knows."""
        recorded = (each.subject for each in self.records() if each.kind not in {ADVISED, SERVED, REFUSED})
        return sorted({*self._documents, *recorded})

    def read(self, name: str) -> EndpointState:
        """Return the state of ``name`` now.

        Raises:
            RolloutError: If there is no such endpoint.
        """
        return find_state(name, self.records(), self._documents.get(name), environment=self._location.environment)

    def read_all(self) -> dict[str, EndpointState]:
        """Return the states of all endpoints by name."""
        return {name: self.read(name) for name in self.names()}

    def configurations(
        self, names: Sequence[str] | None = None, *, experiments: bool = True
    ) -> dict[str, EndpointConfig]:
        """Return the configurations of endpoints as they are now.

        Args:
            names: Their names; default: all. Nothing is asked of the others.
            experiments: Whether A/B tests are run; if not, the control gets everything where one is configured.

        Raises:
            EndpointError: If one cannot be served.
        """
        configs = {name: self.read(name).config for name in (self.names() if names is None else names)}
        return configs if experiments else {name: end_experiment(config) for name, config in configs.items()}

    def find_experiment(self, name: str) -> tuple[EndpointState, datetime | None]:
        """Return the newest A/B test of ``name``, and when it ended, or None if it goes on.

        Raises:
            RolloutError: If there was none.
        """
        ended, document = None, self._documents.get(name)
        for record in reversed(self.records()):
            state = read_record(name, record, document, environment=self._location.environment)
            if state is not None and state.document["boathouse"]["split"]["kind"] == "ab":
                return state, ended
            ended = ended if state is None else state.changed_at
        if document is not None:
            state = EndpointState(name=name, document=document, environment=self._location.environment)
            if state.config.split.kind == "ab":
                return state, ended
        raise RolloutError(
            f"Endpoint '{name}' never had an A/B test. Start one with `boathouse endpoints update {name} --split ab "
            f"--salt NAME --route champion=50 --route challenger=50 --env {self._location.environment}`."
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
        is_step = kind in {PAUSED, STEP}
        if not is_step and config == state.config:
            raise RolloutError(f"Endpoint '{state.name}' has this configuration already: nothing was recorded.")
        # A rollout counts as one change, its steps and its end included: a rollback leaves it altogether.
        goes_on = kind != STARTED and find_rollout(state.config) and state.undo is not None
        undo = state.undo if goes_on else state.sequence
        content = {**(evidence or {}), **_describe(state, config), "undo": undo}
        return self._record(state, content, kind, actor, comment)

    def reset(self, name: str, *, actor: Actor, comment: str = "", tell: Callable[[str], None]) -> EndpointState:
        """Return to what conf says: nothing is left of what commands changed.

        Args:
            name: Name of the endpoint.
            actor: Who wants it.
            comment: Why.
            tell: Called with a sentence if there was nothing to do.

        Raises:
            RolloutError: If conf does not have the endpoint, or somebody changed it meanwhile.
        """
        state, conf = self.read(name), self._documents.get(name)
        if conf is None:
            raise RolloutError(f"Endpoint '{name}' is not in conf: there is nothing to return to but earlier records.")
        if not state.sequence or state.changes == {}:
            tell(f"Endpoint '{name}' serves what conf says: nothing was recorded.")
            return state
        config = EndpointConfig.from_document(name, conf)
        content = {"config": config.to_document(), "changes": {}, "undo": state.sequence}
        return self._record(state, content, RESET, actor, comment)

    def roll_back(  # noqa: PLR0913 - who, why, on what grounds, from where, to where
        self,
        name: str,
        *,
        actor: Actor,
        comment: str = "",
        evidence: Mapping[str, Any] | None = None,
        seen: EndpointState | None = None,
        to: int | None = None,
        check: Callable[[EndpointConfig], None] = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> EndpointState:
        """Return to the configuration before the newest change, or before the rollout under way.

        Repeated, also by somebody else at once, it changes nothing: it goes a second step only ``to`` a record.

        Args:
            name: Name of the endpoint.
            actor: Who wants it.
            comment: Why.
            evidence: What the decision rests on.
            seen: The state that the decision is about, if it was read before; default: as it is now.
            to: Place of an earlier record of the endpoint whose configuration is taken; 0: conf.
            check: Raises if the configuration to return to may not be served.
            tell: Called with a sentence if it was rolled back already.

        Raises:
            RolloutError: If there is nothing to return to, or somebody changed the endpoint meanwhile.
        """
        state = seen or self.read(name)
        if state.kind == ROLLED_BACK and to in {None, (state.evidence or {}).get("to")}:
            return self._tell_made(state, tell)
        target = self._find_target(state, to)
        check(target.config)
        content = {
            **(evidence or {}),
            **_describe(state, target.config),
            "undo": target.undo,
            "from": state.sequence,
            "to": target.sequence,
        }
        try:
            return self._record(state, content, ROLLED_BACK, actor, comment)
        except _RolledBackError:
            return self._tell_made(self.read(name), tell)

    def _find_target(self, state: EndpointState, to: int | None = None) -> EndpointState:
        """Return the state to which a rollback of ``state`` returns: of record ``to``, else before its change.

        Raises:
            RolloutError: If nothing was changed, or there is no such record.
        """
        document = self._documents.get(state.name)
        if to is None and state.undo is None:
            raise RolloutError(f"Endpoint '{state.name}' serves what conf says: there is nothing to roll back to.")
        place = state.undo if to is None else to
        until = [each for each in self.records() if each.sequence <= int(place or 0)]
        target = find_state(state.name, until, document, environment=state.environment)
        if to is not None and target.sequence != to:
            environment = state.environment
            places = [
                each.sequence
                for each in self.records()
                if read_record(state.name, each, document, environment=environment)
            ]
            raise RolloutError(
                f"Record {to} holds no configuration of endpoint '{state.name}'. Records: "
                f"{', '.join(map(str, [0, *places]))}; 0 is conf."
            )
        return target

    def find_before_last_step(self, state: EndpointState) -> tuple[datetime, datetime] | None:
        """Return when the step before the one at which the candidate got everything began, and when it ended, UTC.

        None if the rollout had no such step.
        """
        candidate, ended = state.config.split.candidate, state.changed_at
        for record in reversed(self.records()):
            earlier = read_record(state.name, record, self._documents.get(state.name), environment=state.environment)
            if earlier is None or earlier.sequence > state.sequence or earlier.changed_at is None:
                continue
            if earlier.config.split.candidate != candidate or ended is None:
                return None
            if earlier.config.traffic_of(str(candidate)) < 100:
                return earlier.changed_at, ended
            ended = earlier.changed_at
        return None

    def refuse(self, name: str, *, action: str, reason: str, actor: Actor) -> None:
        """Record that ``action`` was not allowed, and why; nothing else is changed."""
        self._append(name, {"action": action}, REFUSED, actor, reason)

    def _tell_made(self, state: EndpointState, tell: Callable[[str], None]) -> EndpointState:
        found = state.evidence or {}
        back = "conf" if not found.get("to") else f"record {found['to']}"
        tell(
            f"Endpoint '{state.name}' was rolled back from record {found.get('from')} to {back} already, by "
            f"{state.actor} at {state.changed_at:%Y-%m-%d %H:%M:%S} UTC: nothing was changed. Further back: boathouse "
            f"endpoints rollback {state.name} --to RECORD"
        )
        return state

    def _record(
        self, state: EndpointState, evidence: Mapping[str, Any], kind: str, actor: Actor, comment: str
    ) -> EndpointState:
        is_back = kind == ROLLED_BACK

        def check(records: Sequence[AuditRecord]) -> None:
            if is_back and _is_rolled_back(state, records):
                raise _RolledBackError
            require_unchanged(state, records)

        self._append(state.name, evidence, kind, actor, comment, check=check)
        return self.read(state.name)

    def _append(
        self,
        name: str,
        evidence: Mapping[str, Any],
        kind: str,
        actor: Actor,
        comment: str,
        check: Callable[[Sequence[AuditRecord]], None] | None = None,
    ) -> None:
        who = identify_actor(actor)
        event = AuditEvent(
            event_id=uuid.uuid4().hex,
            kind=kind,
            subject=name,
            actor=who.name,
            assurance=who.assurance,
            occurred_at=datetime.now(UTC),
            comment=comment,
            evidence={**evidence, **({"account": who.account} if who.account else {})},
        )
        self._ledger.append([event], check=check)


class _RolledBackError(Exception):
    """Somebody else was first with the same rollback; nothing is recorded."""


def _describe(state: EndpointState, config: EndpointConfig) -> dict[str, Any]:
    """Return what a record holds of ``config``: the whole document, and what differs from conf."""
    base = state.base
    return {"config": config.to_document(), **({} if base is None else {"changes": find_changes(base, config)})}


def _is_rolled_back(state: EndpointState, records: Sequence[AuditRecord]) -> bool:
    """Return whether what came after ``state`` was one rollback of it."""
    newer = [each for each in _find_newer(state, records) if each.subject == state.name]
    return len(newer) == 1 and newer[0].kind == ROLLED_BACK and newer[0].read_evidence().get("from") == state.sequence


def _find_newer(state: EndpointState, records: Sequence[AuditRecord]) -> list[AuditRecord]:
    """Return the records that changed the endpoint after ``state``."""
    newer = [each for each in records if each.subject == state.name and each.sequence > state.sequence]
    return [each for each in newer if "config" in each.read_evidence()]


def require_unchanged(state: EndpointState, records: Sequence[AuditRecord]) -> None:
    """Check that the endpoint was not changed since ``state`` was read.

    Raises:
        RolloutError: Naming who did what, when.
    """
    newer = _find_newer(state, records)
    if newer:
        last = newer[-1]
        raise ChangedMeanwhileError(
            f"Endpoint '{state.name}' was changed meanwhile: record {last.sequence} ({last.kind}) by {last.who} at "
            f"{last.occurred_at:%Y-%m-%d %H:%M:%S} UTC. Nothing of yours was applied. Look at it with "
            f"`boathouse endpoints show {state.name} --env {state.environment}`, then decide again."
        )
