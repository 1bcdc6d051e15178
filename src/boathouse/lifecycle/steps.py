"""The steps of a model's life cycle: each is checked, recorded, and then shown in the registry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from boathouse.errors import (
    BoathouseError,
    DeploymentError,
    LifeCycleError,
    RegistryRefusedError,
    UntrustedModelError,
)
from boathouse.lifecycle import event_types, repeated_steps, rules
from boathouse.lifecycle.chain import AuditEvent
from boathouse.lifecycle.policy import check_assurance
from boathouse.lifecycle.projection import project_events
from boathouse.lifecycle.rules_in_force import describe_rules
from boathouse.lifecycle.state import TARGETS, ModelState, Request
from boathouse.lifecycle.sync import note_registrations, sync_registry, synchronize

if TYPE_CHECKING:
    from boathouse.environment import Environment
    from boathouse.lifecycle.ledger import AuditLedger
    from boathouse.lifecycle.policy import GovernanceOptions, Identity
    from boathouse.lifecycle.registry import ModelRegistry
    from boathouse.lifecycle.rules_in_force import RulesInForce
    from boathouse.lifecycle.sync import Synced


Result = TypeVar("Result")
Events = Sequence[AuditEvent]


@dataclass(frozen=True, kw_only=True)
class LifeCycle:
    """One model, and who acts on it.

    Every step first syncs: new versions of the registry are recorded, and the registry shows what is recorded. Then it
    appends its record under a check of the state that it follows, and syncs the registry again. The record is
    the step: killed before it, nothing happened; killed after it, the next call of any step finishes the registry.
    A registry that does not answer stops a step before its record. Who approves or rejects decides and needs no right
    in the registry: what they may not change there is left to the model's owner.

    Attributes:
        name: Registered name.
        ledger: Table ``audit.promotions`` of the model's environment.
        registry: The model in the registry.
        options: Rules of the environment.
        identity: Who acts.
        clock: Gives the time.
        tell: Called with what a person should know besides the outcome: that a step was made already, and by whom.
        in_force: The rules that decide, for the record; None where they are not known.
    """

    name: str
    ledger: AuditLedger
    registry: ModelRegistry
    options: GovernanceOptions
    identity: Identity
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    tell: Callable[[str], None] = field(default=lambda _: None)
    in_force: RulesInForce | None = None

    def read(self) -> ModelState:
        """Return the state, from the ledger alone."""
        return project_events(self.ledger.read(self.name), name=self.name)

    def note_registrations(self) -> ModelState:
        """Record the versions that the registry has and the ledger does not know; return the state."""
        records = note_registrations(self.ledger, self.name, self.registry.read(), clock=self.clock)
        return project_events(records, name=self.name)

    def sync(self) -> ModelState:
        """Record versions that the registry has and the ledger lacks; return the state once the registry shows it."""
        return self.synchronize().state

    def _show(self) -> ModelState:
        return sync_registry(self.ledger, self.registry)

    def _show_as_allowed(self) -> ModelState:
        return self._as_allowed(self._show)

    def _as_allowed(self, sync: Callable[[], ModelState]) -> ModelState:
        """Return the state; what this identity may not change in the registry is left to the model's owner."""
        try:
            return sync()
        except RegistryRefusedError as error:
            self.tell(
                f"The registry does not show yet what is on record of {self.name}; the deployment job does it, or "
                f"the model's owner: boathouse models sync. {error}"
            )
            return self.read()

    def synchronize(self) -> Synced:
        """Do what :meth:`sync` does; return what was found changed past the ledger, and what was changed."""
        self.note_registrations()
        return synchronize(self.ledger, self.registry, actor=self.identity.name, clock=self.clock)

    def request(self, version: str, *, to: str, comment: str) -> ModelState:
        """Ask that ``version`` be moved ``to`` staging or production.

        Raises:
            LifeCycleError: If it may not be asked.
        """
        self.allow("request", version)
        self.sync()
        event = self._event(event_types.REQUESTED, version, comment, {"to": to})
        return self._record("request", event, lambda state: rules.check_request(state, version, to))

    def approve(self, version: str, *, comment: str, by: Identity | None = None) -> ModelState:
        """Approve the open request for ``version``; carry it out if that was the last approval needed.

        Approved before, but not carried out (killed in between), it carries out. ``by`` is whom the approval counts
        for, where that is not who acts.

        Raises:
            LifeCycleError: If there is nothing to approve, or not by this person.
        """
        self.allow("approve", version)
        self.judge("approve", version, lambda: check_assurance(by or self.identity, self.options.rules))
        state = self._as_allowed(self.sync)
        request = self.judge("approve", version, lambda: rules.find_open_request(state, version))
        digest = self._digest("approve", version)
        me, options = (by or self.identity).name, self.options.rules

        def check(current: ModelState) -> None:
            rules.check_approval(current, version, actor=me, digest=digest, now=self.clock(), options=options)

        if not (self._is_enough(state, request) and me in {each.by for each in request.approvals}):
            evidence = {"request": request.request_id, "to": request.to}
            event = self._event(event_types.APPROVED, version, comment, evidence, digest=digest, by=by)
            state = self._record("approve", event, check, show=self._show_as_allowed)
        return self._carry_out(state, request)

    def _is_enough(self, state: ModelState, request: Request) -> bool:
        """Return whether a request has the approvals that carry it out; at least one, also where none is needed."""
        version, options = state.versions[request.version], self.options.rules
        valid, _ = rules.count_approvals(state, version, self.clock(), options, to=request.to)
        return options.carry_out and valid >= max(
            1, rules.count_needed(version, options) if request.to == "production" else 1
        )

    def _carry_out(self, state: ModelState, request: Request) -> ModelState:
        """Move the version as requested if the approvals are enough and it was not moved already."""
        if not self._is_enough(state, request):
            return state
        return self._move(state, request.version, request.to, comment=request.comment, show=self._show_as_allowed)

    def reject(self, version: str, *, comment: str) -> ModelState:
        """Reject the open request for ``version``.

        Raises:
            LifeCycleError: If there is none.
        """
        self.allow("approve", version, tried="reject")
        state = self._as_allowed(self.sync)
        request = self.judge("reject", version, lambda: rules.find_open_request(state, version))
        event = self._event(event_types.REJECTED, version, comment, {"request": request.request_id, "to": request.to})
        return self._record(
            "reject", event, lambda state: rules.find_open_request(state, version), show=self._show_as_allowed
        )

    def promote(self, version: str, *, to: str = "production", comment: str) -> ModelState:
        """Move ``version`` to staging (challenger) or production (champion).

        If the version is there already, also because somebody else was first, it only syncs and says so.

        Raises:
            LifeCycleError: If the gates, the approvals or the state do not allow it.
        """
        self.allow("promote", version)
        state = self.sync()
        return self._move(state, version, to, comment=comment)

    def _move(
        self, state: ModelState, version: str, to: str, *, comment: str, show: Callable[[], ModelState] | None = None
    ) -> ModelState:
        stage = TARGETS[to]
        if repeated_steps.is_at(version, stage)(state):
            return self._tell_made(state, version)
        digest = self._digest("promote", version)
        evidence = {"from": state.champion, "stage": stage}
        event = self._event(event_types.PROMOTED, version, comment, evidence, digest=digest)
        asked = state.find_request(version, to)  # one precedes each move, also where no approval is needed
        ask = self._event(event_types.REQUESTED, version, comment, {"to": to, "waits": False})
        before = [ask] if asked is None or asked.closed else []

        def check(current: ModelState) -> None:
            rules.check_promotion(current, version, to=to, digest=digest, now=self.clock(), options=self.options.rules)
            rules.check_champion(current, state.champion)

        is_made = repeated_steps.is_at(version, stage)
        return self._record("promote", event, check, is_made=is_made, before=before, show=show)

    def _tell_made(self, state: ModelState, version: str) -> ModelState:
        self.tell(repeated_steps.describe_made(self.ledger.read(self.name), state, version))
        return state

    def rollback(self, *, to: str | None = None, comment: str) -> ModelState:
        """Make the previous champion, or the former champion ``to``, champion again; archive the one it replaces.

        Repeated right after a rollback, it only syncs: it never goes a second step by itself.

        Raises:
            LifeCycleError: If there is no such version.
        """
        self.allow("rollback", to)
        state = self.sync()
        if state.rolled_back is not None and to in {None, state.champion}:
            return state
        old, new = self.judge("rollback", to, lambda: rules.find_rollback(state, to))
        digest = self._digest("rollback", new)
        event = self._event(event_types.ROLLED_BACK, new, comment, {"from": old, "to": new}, digest=digest)

        def check(current: ModelState) -> None:
            rules.check_champion(current, state.champion)
            rules.check_digest(rules.find_version(current, new), digest)

        return self._record("rollback", event, check, is_made=repeated_steps.is_rolled_back(old, new))

    def archive(self, version: str, *, comment: str) -> ModelState:
        """Archive ``version``.

        Raises:
            LifeCycleError: If it is champion, unknown, or archived already.
        """
        self.allow("archive", version)
        state = self.sync()
        stage = state.versions[version].stage if version in state.versions else None
        event = self._event(event_types.ARCHIVED, version, comment, {"from": stage, "why": "by hand"})
        return self._record("archive", event, lambda state: rules.check_archive(state, version))

    def refuse(self, action: str, version: str | None, error: BoathouseError) -> None:
        """Record that ``action`` was refused, and why."""
        self.ledger.append([self._event(event_types.REFUSED, version, str(error), {"action": action})])

    def _record(
        self,
        action: str,
        event: AuditEvent,
        check: repeated_steps.Check,
        *,
        is_made: repeated_steps.IsMade = lambda _: False,
        before: Events = (),
        show: Callable[[], ModelState] | None = None,
    ) -> ModelState:
        """Record ``event``, after ``before``, if the state allows it and it is not made already, else the refusal.

        ``show`` syncs the registry afterwards, and returns the state.
        """
        show = show or self._show
        try:
            self.ledger.append([*before, event], check=repeated_steps.check_records(self.name, check, is_made))
        except repeated_steps.MadeAlreadyError:
            return self._tell_made(show(), str(event.version))
        except LifeCycleError as error:
            self.refuse(action, event.version, error)
            raise
        return show()

    def allow(self, action: str, version: str | None, *, tried: str | None = None) -> None:
        """Raise, and record the refusal, unless the identity's role allows ``action``."""
        if not self.options.allows(self.identity, action):
            error = LifeCycleError(
                f"{self.identity.name} may not {action} models here; allowed: {self.options.say_who_may(action)}. "
                f"Ask one of them, or have governance.roles.{action} changed in conf."
            )
            self.refuse(tried or action, version, error)
            raise error

    def judge(self, action: str, version: str | None, rule: Callable[[], Result]) -> Result:
        """Return the result of ``rule``; if it raises, the refusal is recorded."""
        try:
            return rule()
        except (DeploymentError, LifeCycleError, UntrustedModelError) as error:
            self.refuse(action, version, error)
            raise

    def _digest(self, action: str, version: str) -> str | None:
        """Return the digest of the version's files as they are now, None for a version that is not there."""
        if version not in self.registry.read().versions:
            return None
        return self.judge(action, version, lambda: self.registry.compute_digest(version))

    def _event(
        self,
        kind: str,
        version: str | None,
        comment: str,
        evidence: dict[str, Any],
        *,
        digest: str | None = None,
        by: Identity | None = None,
    ) -> AuditEvent:
        who = by or self.identity
        return AuditEvent(
            event_id=f"{kind}/{uuid.uuid4()}",
            kind=kind,
            subject=self.name,
            version=version,
            digest=digest,
            actor=who.name,
            occurred_at=self.clock(),
            comment=comment,
            evidence={**evidence, **who.to_evidence(), **describe_rules(self.in_force)},
            assurance=who.assurance,
        )


def open_life_cycle(
    environment: Environment,
    name: str,
    options: GovernanceOptions,
    identity: Identity,
    *,
    in_force: RulesInForce | None = None,
) -> LifeCycle:
    """Return the life cycle of the model ``name``, recorded in ``environment``; nothing is read yet."""
    from boathouse.lifecycle.anchors import choose_anchors
    from boathouse.lifecycle.ledger import PROMOTIONS, open_ledger
    from boathouse.lifecycle.registry import ModelRegistry

    location, registry = environment.table(PROMOTIONS), ModelRegistry(name)
    ledger = open_ledger(location, choose_anchors(location, options.anchors))
    return LifeCycle(name=name, ledger=ledger, registry=registry, options=options, identity=identity, in_force=in_force)
